"""A signal ends a process wherever its main thread happens to be."""

import subprocess
import sys

import pytest

# The lock that `stop.wait()` holds for a moment at a time, held while the signal comes.
CAUGHT_WHILE_WAITING = """
import os, signal
from embedded.signals import stop_on_signals
stop = stop_on_signals()
with stop._cond:
    os.kill(os.getpid(), signal.{name})
print(stop.wait(10))
"""

# Another thread gets it, so that it wakes nobody: as if it came just before the main thread waits.
CAUGHT_BEFORE_WAITING = """
import os, signal, threading
from embedded.signals import stop_on_signals
stop, waits = stop_on_signals(), threading.Event()
def elsewhere():
    waits.wait()
    os.sched_yield()
    signal.pthread_kill(threading.get_ident(), signal.{name})
    print(stop.wait(10), flush=True)
    os._exit(0)
threading.Thread(target=elsewhere).start()
held = threading.Lock()
held.acquire()
waits.set()
held.acquire()
"""


@pytest.mark.parametrize("script", [CAUGHT_WHILE_WAITING, CAUGHT_BEFORE_WAITING])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])  # SIGHUP is let be under nohup
def test_a_signal_sets_the_event_whatever_the_main_thread_does(script: str, name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", script.format(name=name)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert ran.stdout == "True\n"
