"""Run a command that ends when its parent ends: `python -m embedded.tether PARENT_PID COMMAND …`.

On Linux the kernel is asked to send SIGTERM when the parent dies (PR_SET_PDEATHSIG outlives exec),
so the command costs no extra process. The signal is bound to the parent's *thread*: start children
from a thread that lives as long as the process. Elsewhere this process stays and watches.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from embedded.signals import stop_on_signals

PR_SET_PDEATHSIG = 1
LOOK_S = 0.5
GRACE_S = 5.0


def tethered(command: Sequence[str]) -> list[str]:
    """`command` so that it ends with the calling process."""
    return [sys.executable, "-m", "embedded.tether", str(os.getpid()), *command]


def main(arguments: Sequence[str]) -> int:
    """Become the command, tied to the parent; the command's status where exec is no tie."""
    parent, command = int(arguments[0]), list(arguments[1:])
    if sys.platform != "linux":
        return _watch(parent, command)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == parent:  # else it died before the tie was made
        os.execvp(command[0], command)  # noqa: S606 - that is what this is for
    return 1


def _watch(parent: int, command: list[str]) -> int:
    stop = stop_on_signals()
    child = subprocess.Popen(command)  # noqa: S603 - our own parent's command
    while child.poll() is None:
        if stop.wait(LOOK_S) or os.getppid() != parent:
            child.terminate()
            try:
                child.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                child.kill()
    return child.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
