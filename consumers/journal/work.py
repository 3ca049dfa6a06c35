"""What the writer is asked to do, as it is done inside one transaction and settled after it."""

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, groupby
from typing import Any

import structlog

from consumers.journal.values import COLUMNS, Row
from consumers.trace import WORKED_ON

log = structlog.get_logger(__name__)

ROWS = 128  # in one statement, during which SQLite leaves Python's lock to the other threads
INSERT_QUARANTINE = (
    f"INSERT INTO quarantine ({COLUMNS}, reason) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"  # noqa: S608 - constants
)
TRIM_QUARANTINE = "DELETE FROM quarantine WHERE seq <= (SELECT max(seq) FROM quarantine) - ?"
QUARANTINE_ROWS = 10_000
QUARANTINE_BYTES = 256 * 1024 * 1024
QUARANTINE_SIZES = "SELECT seq, length(data) FROM quarantine ORDER BY seq DESC"
# The file or the machine is at fault, not what was asked: the same may work in a moment.
ENVIRONMENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
    }
)


Kept = bool | None
"""An event's fate: True it is new, False its key was there already, None it cannot be written."""


@dataclass(slots=True)
class Append:
    """Events; `done` gets what became of each, in order, after the commit."""

    rows: Sequence[Row]
    done: Callable[[Sequence[Kept]], None]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(slots=True)
class Quarantine:
    """One message that cannot be decoded; `done(inserted)` after the commit."""

    row: Row
    reason: str
    done: Callable[[bool], None]

    def __len__(self) -> int:
        return 1


@dataclass(slots=True)
class Execute:
    """A worker's own statements; its result, or what it raised, goes to `future`."""

    fn: Callable[[sqlite3.Connection], Any]
    done: Callable[[Any], None] | None
    future: "Future[Any]"

    def __len__(self) -> int:
        return 1


@dataclass(slots=True)
class Raised:
    """What an `Execute` raised; only its own statements were undone."""

    error: Exception


Work = Append | Quarantine | Execute
Outcome = Any  # of an Append, a sequence of Kept


def environmental(error: Exception) -> bool:
    """Whether the same work may succeed later."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in ENVIRONMENT


def perform(connection: sqlite3.Connection, batch: Sequence[Work]) -> list[Outcome]:
    """Do all of a batch, in order, in the open transaction; one outcome for each."""
    outcomes: list[Outcome] = []
    for kind, group in groupby(batch, type):
        items = list(group)
        if kind is Append:
            outcomes += _append_all(connection, [item for item in items if type(item) is Append])
        else:
            outcomes += [_one(connection, item) for item in items]
    return outcomes


def settle(item: Work, outcome: Outcome) -> None:
    """Tell who asked, after the commit."""
    try:
        if isinstance(item, Execute):
            if isinstance(outcome, Raised):
                item.future.set_exception(outcome.error)
                return
            item.future.set_result(outcome)
        if item.done is not None:
            item.done(outcome)
    except Exception:  # what is committed is committed, and the others want to be told
        log.exception("journal_callback_failed")
        WORKED_ON.set(None)


def give_up(item: Work, error: Exception) -> None:
    """Tell who asked that it will not be done. A message stays unacknowledged and comes again."""
    if isinstance(item, Execute) and not item.future.done():
        item.future.set_exception(error)


def _append_all(connection: sqlite3.Connection, items: Sequence[Append]) -> list[list[bool]]:
    """The rows of all together, and the outcomes of each apart."""
    inserted = _append(connection, [row for item in items for row in item.rows])
    ends = list(accumulate(len(item) for item in items))
    return [inserted[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _append(connection: sqlite3.Connection, rows: Sequence[Row]) -> list[bool]:
    """As many rows in a statement as there are; row by row only where some were there already."""
    inserted: list[bool] = []
    while len(inserted) < len(rows):
        left = len(rows) - len(inserted)
        size = min(ROWS, 1 << (left.bit_length() - 1))  # few shapes, so that all stay prepared
        inserted += _insert(connection, rows[len(inserted) : len(inserted) + size])
    return inserted


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> list[bool]:
    statement, values = _statement(len(rows)), tuple(chain.from_iterable(rows))
    if len(rows) == 1:
        return [connection.execute(statement, values).rowcount == 1]
    connection.execute("SAVEPOINT appends")
    whole = connection.execute(statement, values).rowcount == len(rows)
    if not whole:
        connection.execute("ROLLBACK TO appends")
    connection.execute("RELEASE appends")
    if whole:
        return [True] * len(rows)
    return [flag for row in rows for flag in _insert(connection, [row])]


@cache
def _statement(rows: int) -> str:
    values = ",".join(["(?,?,?,?,?,?,?)"] * rows)
    return f"INSERT INTO events ({COLUMNS}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608 - constants


def _one(connection: sqlite3.Connection, item: Work) -> Outcome:
    if isinstance(item, Quarantine):
        cursor = connection.execute(INSERT_QUARANTINE, (*item.row, item.reason))
        inserted = cursor.rowcount == 1
        connection.execute(TRIM_QUARANTINE, (QUARANTINE_ROWS,))
        if len(item.row[5]) > QUARANTINE_BYTES // QUARANTINE_ROWS:
            _bound_quarantine(connection)
        return inserted
    assert isinstance(item, Execute)
    connection.execute("SAVEPOINT worker")
    try:
        outcome = item.fn(connection)
    except Exception as error:
        if environmental(error):
            raise
        connection.execute("ROLLBACK TO worker")
        outcome = Raised(error)
    connection.execute("RELEASE worker")
    return outcome


def _bound_quarantine(connection: sqlite3.Connection) -> None:
    """Delete the oldest beyond QUARANTINE_BYTES; the newest stays, whatever its size."""
    total = 0
    for number, (seq, size) in enumerate(connection.execute(QUARANTINE_SIZES).fetchall()):
        total += size
        if number and total > QUARANTINE_BYTES:
            connection.execute("DELETE FROM quarantine WHERE seq <= ?", (seq,))
            return
