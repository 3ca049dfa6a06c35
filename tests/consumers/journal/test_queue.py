"""What waits for the writer: a bounded queue, and an end that leaves nothing in it."""

import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.errors import JournalStoppedError
from consumers.journal import Journal
from consumers.journal.inbox import Inbox
from tests.consumers.journal.entries import entry, hold_writer, keys
from tests.support import eventually


def test_a_callback_may_ask_for_more_though_the_queue_is_full(path: Path) -> None:
    journal = Journal(path, SystemClock(), queue=1)
    journal.start()
    done: Future[int] = Future()

    def more(_inserted: bool) -> None:
        for n in range(5):
            journal.append(entry(f"more {n}"), lambda _: None)
        journal.execute(lambda _db: 1, done.set_result)

    journal.append(entry("1"), more)
    assert done.result(5) == 1
    assert len(keys(journal)) == 6
    journal.stop()


def test_a_full_queue_makes_the_sender_wait(path: Path) -> None:
    journal = Journal(path, SystemClock(), queue=2)
    journal.start()
    go, _ = hold_writer(journal)
    told: list[bool] = []

    def send() -> None:
        for n in range(5):
            journal.append(entry(str(n)), told.append)

    sender = threading.Thread(target=send, name="sender", daemon=True)
    sender.start()
    eventually(lambda: journal.status().queued == 3)  # two waiting and the one being held
    sender.join(0.1)
    assert sender.is_alive()
    go.set()
    sender.join(5)
    eventually(lambda: told == [True] * 5)
    journal.stop()


def test_a_stopped_journal_says_so_and_has_written_what_was_waiting(journal: Journal) -> None:
    go, _ = hold_writer(journal)
    told: list[bool] = []
    for n in range(1_200):
        journal.append(entry(str(n)), told.append)
    stopper = threading.Thread(target=journal.stop, name="stopper", daemon=True)
    stopper.start()
    go.set()
    stopper.join(5)
    assert told == [True] * 1_200
    assert len(keys(journal)) == 1_200
    with pytest.raises(JournalStoppedError):
        journal.append(entry("late"), told.append)


def test_a_journal_that_was_never_started_takes_nothing(path: Path) -> None:
    journal = Journal(path, SystemClock())
    with pytest.raises(JournalStoppedError):
        journal.append(entry("1"), lambda _: None)
    journal.stop()


def test_an_inbox_hands_out_batches_and_lingers_for_them_to_fill() -> None:
    inbox: Inbox[str] = Inbox(100)
    for n in range(7):
        inbox.put(str(n))
    assert inbox.take(5, 0.0, 0.0) == ["0", "1", "2", "3", "4"]
    late = threading.Timer(0.05, lambda: [inbox.put(n) for n in "789"])
    late.start()
    assert inbox.take(5, 0.0, 5.0) == ["5", "6", "7", "8", "9"]
    late.join()
    assert inbox.take(5, 0.01, 0.0) == []
    for n in range(5):
        inbox.put(str(n))
    assert len(inbox.take(50, 0.0, 60.0, enough=5)) == 5  # no need to wait for more


def test_an_inbox_counts_what_is_in_its_items() -> None:
    inbox: Inbox[str] = Inbox(6)
    for item in ("abc", "d", "efg", "h"):
        assert inbox.put(item, force=True)
    assert len(inbox) == 8
    assert inbox.take(4, 0.0, 0.0) == ["abc", "d"]
    assert inbox.take(1, 0.0, 0.0) == ["efg"]  # an item stays whole
    assert len(inbox) == 1
