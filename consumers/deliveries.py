"""Which channels of an alert have an outcome: the notifier's record, against a second delivery."""

import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

from consumers.sink import Delivery
from consumers.wire import DeliveryReceipt

NAME = "deliveries"
_TABLE = (
    "CREATE TABLE IF NOT EXISTS deliveries (event_id TEXT NOT NULL, channel TEXT NOT NULL,"
    " outcome TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (event_id, channel)) WITHOUT ROWID"
)
_BY_AGE = "CREATE INDEX IF NOT EXISTS deliveries_by_age ON deliveries (at)"
_INSERT = (
    "INSERT INTO deliveries (event_id, channel, outcome, at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_FORGET = (
    "DELETE FROM deliveries WHERE (event_id, channel) IN"
    " (SELECT event_id, channel FROM deliveries WHERE at < ? ORDER BY at LIMIT ?)"
)


def prepare(connection: sqlite3.Connection, now: datetime) -> None:
    """Create the table; what an earlier version wrote without its time is as old as this start."""
    connection.execute(_TABLE)
    if not _dated(connection):
        connection.execute(
            f"ALTER TABLE deliveries ADD COLUMN at REAL NOT NULL DEFAULT {now.timestamp():.3f}"
        )
    connection.execute(_BY_AGE)


def _dated(connection: sqlite3.Connection) -> bool:
    return any(row[1] == "at" for row in connection.execute("PRAGMA table_info(deliveries)"))


def known(connection: sqlite3.Connection, event_ids: Collection[str]) -> frozenset[Delivery]:
    """Which channels of these alerts have an outcome on record; a reader's connection will do."""
    marks = ", ".join("?" * len(event_ids))
    rows = connection.execute(
        f"SELECT event_id, channel FROM deliveries WHERE event_id IN ({marks})",  # noqa: S608 - marks only
        list(event_ids),
    )
    return frozenset((event_id, channel) for event_id, channel in rows)


def save(connection: sqlite3.Connection, receipts: Iterable[DeliveryReceipt], at: datetime) -> None:
    """Write outcomes in the running transaction; one that is there stays as it is."""
    moment = at.timestamp()
    connection.executemany(
        _INSERT, [(one.event_id, one.channel, one.outcome, moment) for one in receipts]
    )


def forget(connection: sqlite3.Connection, horizon: datetime, chunk: int) -> int:
    """Delete so many of the oldest from before `horizon`; how many there were.

    None of a table that `prepare` has not dated yet: an earlier version's, where no notifier runs.
    """
    if not _dated(connection):
        return 0
    return connection.execute(_FORGET, (horizon.timestamp(), chunk)).rowcount
