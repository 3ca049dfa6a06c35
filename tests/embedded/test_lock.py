"""One control room to a directory, and a killed one does not lock it for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.lock import LockedError, Run, RunLock, UnwritableError, running
from tests.support import ROOT, eventually

HOLDER = """
import pathlib, sys, threading
from embedded.lock import RunLock
lock = RunLock(pathlib.Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
threading.Event().wait(60)
"""


def test_a_second_room_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    with pytest.raises(LockedError) as error:
        RunLock(tmp_path).acquire()
    assert error.value.pid == os.getpid()
    message = f"another control room already runs on {tmp_path}/ (pid {os.getpid()})"
    assert str(error.value) == message
    lock.release()


def test_a_released_lock_can_be_taken_and_ended_in_order(tmp_path: Path) -> None:
    for _ in range(2):
        lock = RunLock(tmp_path)
        lock.acquire()
        assert not lock.was_killed
        lock.release()


def test_others_can_read_where_the_room_is_while_it_runs(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    lock = RunLock(tmp_path)
    lock.acquire()
    told = Run(os.getpid(), "127.0.0.1:8085", "http://127.0.0.1:8501")
    lock.tell(told)
    assert running(tmp_path) == told
    lock.release()
    assert running(tmp_path) is None


def test_the_lock_of_a_killed_room_is_free_and_its_end_is_known(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        found = running(tmp_path)
        assert found is not None
        assert found.pid == holder.pid
        holder.kill()
    eventually(lambda: running(tmp_path) is None)
    lock = RunLock(tmp_path)
    lock.acquire()
    assert lock.was_killed
    lock.release()


def test_a_directory_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match=r"cannot write to .*/file/var/: Not a directory"):
        RunLock(tmp_path / "file" / "var").acquire()
