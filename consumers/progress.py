"""How far a worker got, kept in the platform's journal so that a restart goes on from there."""

import sqlite3

from consumers.journal import Journal

_TABLE = "CREATE TABLE IF NOT EXISTS progress (worker TEXT PRIMARY KEY, reached TEXT NOT NULL)"
_WRITE = "INSERT OR REPLACE INTO progress VALUES (?, ?)"


def prepare(connection: sqlite3.Connection) -> None:
    """Create the table; harmless when it is there."""
    connection.execute(_TABLE)


def record(connection: sqlite3.Connection, worker: str, reached: str) -> None:
    """Note in the running transaction that `worker` reached this point, in its own words."""
    connection.execute(_WRITE, (worker, reached))


def reached(journal: Journal, worker: str) -> str | None:
    """What `worker` last recorded; None when it never did."""

    def read(connection: sqlite3.Connection) -> str | None:
        prepare(connection)
        row = connection.execute(
            "SELECT reached FROM progress WHERE worker = ?", (worker,)
        ).fetchone()
        return None if row is None else str(row[0])

    return journal.execute(read).result()
