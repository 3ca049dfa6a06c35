"""No fault loses a message: a locked file, a full disk, kill -9."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.errors import JournalStoppedError
from consumers.journal import Journal
from tests.consumers.journal.entries import entry, keys, write
from tests.support import ROOT, eventually


def test_while_the_file_is_locked_nothing_is_told_and_nothing_is_lost(
    journal: Journal, path: Path
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told: list[bool] = []
    journal.append(entry("1"), told.append)
    eventually(lambda: journal.status().error is not None, what="the error shown")
    assert "locked" in (journal.status().error or "")
    assert told == []
    assert keys(journal) == []  # readers are not blocked
    other.execute("COMMIT")
    other.close()
    eventually(lambda: told == [True])
    assert journal.status().error is None


def test_when_the_disk_is_full_nothing_is_told_and_it_resumes_by_itself(
    journal: Journal, path: Path
) -> None:
    write(journal, *(entry(f"old {n}", topic="filler", data=bytes(4096)) for n in range(40)))
    pages = journal.execute(lambda db: int(db.execute("PRAGMA page_count").fetchone()[0])).result(5)
    journal.execute(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result(5)
    told: list[bool] = []
    for n in range(10):
        journal.append(entry(f"new {n}", data=bytes(4096)), told.append)
    eventually(lambda: journal.status().error is not None, what="the error shown")
    assert "full" in (journal.status().error or "")
    assert len(told) == len(keys(journal))
    other = sqlite3.connect(path)
    other.execute("DELETE FROM events WHERE topic = 'filler'")
    other.commit()
    other.close()
    eventually(lambda: told == [True] * 10)
    assert len(keys(journal)) == 10
    assert journal.status().error is None


def test_stopping_while_the_file_cannot_be_written_ends_soon_and_tells_nobody(
    path: Path,
) -> None:
    journal = Journal(path, SystemClock())
    journal.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told: list[bool] = []
    for n in range(2_000):
        journal.append(entry(str(n)), told.append)
    future = journal.execute(lambda _db: 1)
    eventually(lambda: journal.status().error is not None)
    journal.stop(timeout=5)
    assert "journal-writer" not in {thread.name for thread in threading.enumerate()}
    assert told == []
    with pytest.raises(JournalStoppedError):
        future.result(0)
    other.close()


CHILD = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from consumers.clock import SystemClock
from consumers.journal import Entry, Journal

path, ack_first = Path(sys.argv[1]), sys.argv[2] == "ack-first"
journal = Journal(path, SystemClock())
journal.start()
if ack_first:
    journal.execute(lambda db: threading.Event().wait(0.2))
for n in range(1_000_000):
    at = datetime.now(UTC)
    key = str(n)
    entry = Entry("t", key, key, at, at, b"x" * 200, {})
    tell = lambda _new, key=key: print(key, flush=True)
    if ack_first:
        tell(True)
        journal.append(entry, lambda _new: None)
    else:
        journal.append(entry, tell)
"""


def killed(path: Path, mode: str, told: int) -> tuple[set[str], set[str]]:
    """Kill -9 a writing process after it told `told` keys; what it told, and what is on disk."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), mode],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(told)]
        child.kill()
        lines += child.stdout.readlines()
    acked = {line.strip() for line in lines if line.endswith("\n")}
    journal = Journal(path, SystemClock())
    journal.start()
    assert journal.status().set_aside is None
    kept = [each.key for each in journal.replay("t")]
    journal.stop()
    assert len(kept) == len(set(kept))
    return acked, set(kept)


def test_kill_minus_nine_loses_nothing_that_was_told_done(path: Path) -> None:
    for told in (200, 1_500):
        acked, kept = killed(path, "ack-after-commit", told)
        assert len(acked) >= told
        assert acked <= kept


def test_the_control_that_acknowledges_first_does_lose(path: Path) -> None:
    acked, kept = killed(path, "ack-first", 500)
    assert acked - kept
