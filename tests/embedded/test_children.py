"""A child is watched, started again with growing pauses, ended, and never outlives its parent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from embedded.children import Child
from tests.support import ROOT, FakeClock, eventually

FOREVER = (sys.executable, "-c", "import threading; threading.Event().wait(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); threading.Event().wait(60)",
)
PARENT = """
import subprocess, sys, threading
from embedded.tether import tethered
sleep = "import threading; threading.Event().wait(60)"
child = subprocess.Popen(tethered([sys.executable, "-c", sleep]))
print(child.pid, flush=True)
threading.Event().wait(60)
"""


@pytest.fixture
def children() -> Iterator[list[Child]]:
    made: list[Child] = []
    yield made
    for child in made:
        child.ask_to_end()
        child.end(0)


def _child(
    made: list[Child], tmp_path: Path, *command: str, clock: FakeClock | None = None
) -> Child:
    child = Child(
        name="part",
        command=command,
        cwd=ROOT,
        log_path=tmp_path / "part.log",
        clock=clock or SystemClock(),
    )
    made.append(child)
    return child


def test_it_runs_with_the_environment_it_is_given_and_logs(
    children: list[Child], tmp_path: Path
) -> None:
    child = _child(
        children, tmp_path, sys.executable, "-c", "import os; print(os.environ['FUSION_X'])"
    )
    child.start({"FUSION_X": "seven"})
    eventually(lambda: child.tail() == "  part: seven")


def test_a_death_is_told_once_and_the_next_start_is_put_off_longer_each_time(
    children: list[Child], tmp_path: Path
) -> None:
    clock = FakeClock()
    child = _child(children, tmp_path, sys.executable, "-c", "raise SystemExit(3)", clock=clock)
    for pause in (0.5, 1.0, 2.0):
        child.start({})
        eventually(child.died)
        assert not child.died()
        assert not child.due
        clock.advance(pause)
        assert child.due
    assert child.deaths == 3


def test_it_ends_when_asked(children: list[Child], tmp_path: Path) -> None:
    child = _child(children, tmp_path, *FOREVER)
    child.start({})
    assert child.alive
    child.ask_to_end()
    child.end(5)
    assert child.pid is None


def test_one_that_will_not_end_is_killed(children: list[Child], tmp_path: Path) -> None:
    child = _child(children, tmp_path, *STUBBORN)
    child.start({})
    eventually(lambda: "ready" in child.tail())
    pid = child.pid
    assert pid is not None
    child.ask_to_end()
    child.end(0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_ends_when_its_parent_is_killed() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _runs(pid)
        parent.kill()
    eventually(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
