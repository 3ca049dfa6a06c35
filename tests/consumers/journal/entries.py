"""Entries of a journal, and what the journal's tests do to one."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

from consumers.journal import Entry, Journal, Rules
from consumers.topology import PRICES
from tests.support import eventually

# near the wall clock, which says what is old enough to be forgotten
AT = datetime.now(UTC).replace(microsecond=123456)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

Open = Callable[[Rules], Journal]


def entry(key: str, topic: str = PRICES, data: bytes = b"{}", at: datetime = AT) -> Entry:
    """An entry that came five milliseconds after it was published."""
    return Entry(topic, key, f"m-{key}", at, at + timedelta(milliseconds=5), data, {"a": "1"})


def price(asset: str, at: datetime, number: int, of: str = "") -> Entry:
    """A price, by its key the oracle's: of a round, or `of` something else."""
    stamp = at.isoformat().replace("+00:00", "Z")
    key = f"{asset}/oracle/{of or number}/{stamp}/{number}"
    return Entry(PRICES, key, f"m{number}", at, at, b"{}", {})


def write(journal: Journal, *entries: Entry) -> list[bool]:
    """Append and wait until all are told; the answers in order."""
    told: list[bool] = []
    for each in entries:
        journal.append(each, told.append)
    eventually(lambda: len(told) == len(entries), what="all entries told")
    return told


def write_new(journal: Journal, *entries: Entry) -> None:
    """Append entries of which none was there, and wait until all are told."""
    told = write(journal, *entries)
    assert all(told), told


def keys(journal: Journal, topic: str = PRICES, newest: int | None = None) -> list[str]:
    """What a replay gives, by its keys."""
    return [each.key for each in journal.replay(topic, newest)]


def forgotten(journal: Journal) -> dict[tuple[str, str], int]:
    """What the journal counts as forgotten, once the writer has counted what it committed."""
    journal.execute(lambda _db: None).result(5)
    return dict(journal.status().forgotten)


def hold_writer(journal: Journal) -> tuple[threading.Event, "Future[bool]"]:
    """Keep the writer busy inside a transaction until the event is set."""
    inside, go = threading.Event(), threading.Event()

    def hold(_db: sqlite3.Connection) -> bool:
        inside.set()
        return go.wait(10)

    future = journal.execute(hold)
    assert inside.wait(5)
    return go, future
