"""The writer outlives what fails while it forgets; should it end all the same, nobody waits."""

import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.errors import JournalStoppedError
from consumers.journal import Journal, OwnTable, Rules
from consumers.journal.retention import Retention
from tests.consumers.journal.entries import DAY, Open, entry, keys
from tests.support import FakeClock, eventually


def no_such_column(connection: sqlite3.Connection, horizon: datetime, chunk: int) -> int:
    return connection.execute(
        "DELETE FROM mine WHERE at < ? LIMIT ?", (horizon.timestamp(), chunk)
    ).rowcount


def a_mistake(connection: sqlite3.Connection, horizon: datetime, chunk: int) -> int:
    raise KeyError("asset")


@pytest.mark.parametrize("forget", [no_such_column, a_mistake])
def test_what_cannot_be_forgotten_does_not_end_the_writing(
    opened: Open, clock: FakeClock, forget: object
) -> None:
    tries: list[int] = []

    def counted(connection: sqlite3.Connection, horizon: datetime, chunk: int) -> int:
        tries.append(chunk)
        return forget(connection, horizon, chunk)  # type: ignore[operator, no-any-return]

    journal = opened(Rules(own=(OwnTable("mine", DAY, DAY, counted),)))
    journal.execute(lambda db: db.execute("CREATE TABLE mine (name TEXT)") and None).result(5)
    eventually(lambda: (clock.advance(31), len(tries) >= 3)[1], what="it is tried again")
    told: list[bool] = []
    journal.append(entry("1"), told.append)
    eventually(lambda: told == [True], what="the next entry is kept")
    assert journal.status().error is None


def test_a_writer_that_ends_is_shown_and_lets_nobody_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path, SystemClock(), queue=1)
    journal.start()
    told: list[bool] = []
    journal.append(entry("kept"), told.append)
    eventually(lambda: told == [True])
    monkeypatch.setattr(Retention, "due", lambda self: 1 / 0)
    eventually(lambda: journal.status().error, what="the end shown")
    assert "the writer has ended" in (journal.status().error or "")
    with pytest.raises(JournalStoppedError):
        journal.append(entry("lost"), told.append)
    with pytest.raises(JournalStoppedError):
        journal.execute(lambda db: None)
    assert keys(journal) == ["kept"]
    journal.stop()
