"""A signal ends a process wherever its main thread happens to be."""

import subprocess
import sys

# The lock that `stop.wait()` holds for a moment at a time, held while the signal comes.
CAUGHT_WHILE_WAITING = """
import os, signal
from embedded.signals import stop_on_signals
stop = stop_on_signals()
with stop._cond:
    os.kill(os.getpid(), signal.{name})
print(stop.wait(10))
"""


def test_a_signal_that_comes_while_the_event_is_locked_still_sets_it() -> None:
    for name in ("SIGTERM", "SIGINT"):  # SIGHUP is let be under nohup
        ran = subprocess.run(
            [sys.executable, "-c", CAUGHT_WHILE_WAITING.format(name=name)],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert ran.stdout == "True\n"
