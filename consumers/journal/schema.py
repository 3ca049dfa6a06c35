"""The journal's file: opened, checked, brought up to date, or set aside.

SQLite before 3.51.3 can corrupt a WAL that two connections write or checkpoint at once. So one
connection, in one thread, writes and checkpoints; readers are `query_only`; there is no mmap.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from consumers.errors import JournalOpenError

BUSY_S = 1.0
WAL_LIMIT = 16 * 1024 * 1024
# Number n brings a file of version n - 1 to version n. What was released is never changed.
MIGRATIONS = (
    """
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, key TEXT NOT NULL, message_id TEXT NOT NULL,
      publish_time INTEGER NOT NULL, received_at INTEGER NOT NULL,
      data BLOB NOT NULL, attributes BLOB NOT NULL, UNIQUE (topic, key));
    CREATE INDEX events_by_topic ON events (topic);
    CREATE TABLE quarantine (
      seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, key TEXT NOT NULL, message_id TEXT NOT NULL,
      publish_time INTEGER NOT NULL, received_at INTEGER NOT NULL,
      data BLOB NOT NULL, attributes BLOB NOT NULL, reason TEXT NOT NULL,
      UNIQUE (topic, message_id));
    """,
    """
    CREATE TABLE thinned (topic TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    """,
)


def open_writer(path: Path, now: datetime) -> tuple[sqlite3.Connection, Path | None]:
    """The one writing connection, and the corrupt file that was set aside, if there was one.

    Raises JournalOpenError when the place cannot be written or the file is of a newer version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _sound(path):
            return _prepared(path), None
        aside = _set_aside(path, now)
        return _prepared(path), aside
    except (OSError, sqlite3.Error) as error:
        raise JournalOpenError(path, str(error)) from error


@contextlib.contextmanager
def open_reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, closed at the end."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = 1")
        yield connection
    finally:
        connection.close()


def _sound(path: Path) -> bool:
    """Whether the file, if there is one, is an intact database."""
    if not path.exists():
        return True
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError:
        raise  # locked or not permitted says nothing about the content
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def left_aside(path: Path) -> Path | None:
    """The newest corrupt file that lies beside the journal, from this start or an earlier one."""
    found = path.parent.glob(f"{path.name}.corrupt-*")
    kept = [each for each in found if not each.name.endswith(("-wal", "-shm"))]
    return max(kept, key=lambda each: each.name, default=None)


def _set_aside(path: Path, now: datetime) -> Path:
    """Move the database and what belongs to it out of the way; nothing is deleted."""
    mark = f".corrupt-{now.astimezone(UTC):%Y%m%dT%H%M%S%f}"
    aside = path.with_name(path.name + mark)
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    return aside


def _prepared(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise JournalOpenError(
            path, f"written by a newer version (schema {version}, known {len(MIGRATIONS)})"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;"
        )
