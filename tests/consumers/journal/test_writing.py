"""What was told done is on disk, counts once, and one entry's trouble is nobody else's."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.journal import Entry, Journal, Kept, reading
from consumers.journal.schema import open_reader
from consumers.journal.values import row_of
from consumers.topology import PRICES
from tests.consumers.journal.entries import AT, entry, hold_writer, keys, write
from tests.support import eventually


def test_what_is_told_done_is_there_for_another_connection(journal: Journal, path: Path) -> None:
    seen: list[int] = []

    def done(_inserted: bool) -> None:
        other = sqlite3.connect(path)
        seen.append(other.execute("SELECT count(*) FROM events").fetchone()[0])
        other.close()

    journal.append(entry("1"), done)
    eventually(lambda: seen == [1])


def test_an_entry_comes_back_as_it_went_in(journal: Journal) -> None:
    sent = Entry(
        "t", "k/é", "9", AT, AT + timedelta(microseconds=1), b"\xff\x00", {"kind": "ä", "x": ""}
    )
    write(journal, sent)
    assert list(journal.replay("t")) == [sent]


def test_a_key_counts_once_per_topic(journal: Journal) -> None:
    first, again, elsewhere = entry("1"), entry("1", data=b"other"), entry("1", topic="t2")
    assert write(journal, first, again, elsewhere) == [True, False, True]
    assert write(journal, first, entry("2")) == [False, True]
    assert [each.data for each in journal.replay(PRICES)] == [b"{}", b"{}"]
    status = journal.status()
    assert (status.committed, status.duplicates, status.queued) == (3, 2, 0)


def test_replay_gives_the_newest_oldest_first(journal: Journal) -> None:
    write(journal, *(entry(str(n)) for n in range(2_500)), entry("x", topic="t2"))
    assert keys(journal) == [str(n) for n in range(2_500)]
    assert keys(journal, newest=3) == ["2497", "2498", "2499"]
    assert keys(journal, newest=9_999) == keys(journal)
    assert keys(journal, newest=0) == []
    assert keys(journal, topic="t3") == []


def test_replay_ends_where_the_journal_ended_when_it_began(journal: Journal) -> None:
    write(journal, entry("1"), entry("2"))
    replayed = journal.replay(PRICES)
    assert next(replayed).key == "1"
    write(journal, entry("3"))
    assert [each.key for each in replayed] == ["2"]


def test_replay_gives_as_many_as_asked_for_while_more_come(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(journal, *(entry(str(n)) for n in range(10)))

    @contextmanager
    def interrupted(path: Path) -> Iterator[sqlite3.Connection]:
        with open_reader(path) as connection:
            connection.set_trace_callback(between)
            yield connection

    def between(statement: str) -> None:
        if "OFFSET" in statement:
            write(journal, entry("late"))

    monkeypatch.setattr(reading, "open_reader", interrupted)
    assert keys(journal, newest=3) == ["7", "8", "9"]


def test_what_was_journalled_outlives_a_restart(journal: Journal, path: Path) -> None:
    write(journal, entry("1"))
    journal.stop()
    again = Journal(path, SystemClock())
    again.start()
    assert keys(again) == ["1"]
    assert write(again, entry("1"), entry("2")) == [False, True]
    again.stop()


def test_a_workers_statements_commit_with_what_came_before(journal: Journal) -> None:
    told: list[int] = []
    journal.append(entry("1"), lambda _: None)
    count = journal.execute(
        lambda db: int(db.execute("SELECT count(*) FROM events").fetchone()[0]), told.append
    )
    assert count.result(5) == 1
    eventually(lambda: told == [1])


def test_a_worker_that_raises_undoes_only_its_own(journal: Journal) -> None:
    def bad(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM events")
        raise ZeroDivisionError

    go, held = hold_writer(journal)
    told: list[bool] = []
    journal.append(entry("1"), told.append)
    failing = journal.execute(bad)
    journal.append(entry("2"), told.append)
    go.set()
    assert held.result(5)
    with pytest.raises(ZeroDivisionError):
        failing.result(5)
    eventually(lambda: told == [True, True])
    assert keys(journal) == ["1", "2"]


def test_an_entry_that_cannot_be_written_leaves_the_others_alone(journal: Journal) -> None:
    go, held = hold_writer(journal)
    told: list[str] = []

    def tell(key: str) -> Callable[[bool], None]:
        return lambda _new: told.append(key)

    journal.append(entry("1"), tell("1"))
    journal.append(entry("\ud800"), tell("surrogate"))
    journal.append(entry("2"), tell("2"))
    go.set()
    assert held.result(5)
    eventually(lambda: told == ["1", "2"])
    assert journal.status().queued == 0
    assert write(journal, entry("3")) == [True]


def test_events_that_come_together_are_answered_together_and_one_by_one_where_it_matters(
    journal: Journal,
) -> None:
    told: list[Sequence[Kept]] = []
    write(journal, entry("known"))
    together = [row_of(entry(key)) for key in ("1", "known", "\ud800", "2", "1")]
    journal.append_all(together[:1] + together[3:], told.append)
    eventually(lambda: told == [[True, True, False]])
    journal.append_all(together, told.append)
    eventually(lambda: len(told) == 2)
    assert told[1] == [False, False, None, False, False]
    assert keys(journal) == ["known", "1", "2"]
    status = journal.status()
    assert (status.committed, status.duplicates, status.queued) == (3, 5, 0)


def test_a_callback_that_raises_ends_nothing(journal: Journal) -> None:
    def bad(_inserted: bool) -> None:
        raise ZeroDivisionError

    journal.append(entry("1"), bad)
    assert write(journal, entry("2")) == [True]
