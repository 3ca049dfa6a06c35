"""Reading the journal back: short reads on connections of their own; the writer never waits."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from consumers.journal.schema import open_reader
from consumers.journal.values import COLUMNS, Entry, Quarantined, Row, entry_of, micros

PAGE = 1_000
SAMPLE = 64  # entries looked at for each sample; more series than this in a row are not all seen
NEXT_PAGE = f"""
    SELECT seq, {COLUMNS} FROM events
    WHERE topic = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?
"""  # noqa: S608 - constants
QUARANTINED = """
    SELECT topic, key, message_id, publish_time, received_at, substr(data, 1, ?), attributes,
        reason, length(data)
    FROM quarantine ORDER BY seq DESC LIMIT ?
"""


def replay(path: Path, topic: str, newest: int | None) -> Iterator[Entry]:
    """The entries of a topic that are there now, oldest first; with `newest`, the last so many."""
    at, last = _span(path, topic, newest)
    while at <= last:
        with open_reader(path) as connection:
            rows = connection.execute(NEXT_PAGE, (topic, at, last, PAGE)).fetchall()
        if not rows:
            return
        for row in rows:
            yield entry_of(row[1:])
        at = rows[-1][0] + 1


def sampled(
    path: Path,
    topic: str,
    since: datetime,
    every: timedelta,
    series: Callable[[str], str],
    newest: int,
) -> Iterator[Entry]:
    """The first entry of each series in every step of `every`, without the newest of the topic.

    Finds each step by bisection over the sequence, which follows the time of receipt: what it reads
    grows with the steps, not with the journal.
    """
    step = timedelta(microseconds=1)
    with open_reader(path) as connection:
        last = _before_newest(connection, topic, newest)
        at, seq = micros(since), 0
        while last is not None:
            found = _first_since(connection, topic, at, seq, last)
            if found is None:
                return
            for row in _of_each_series(connection, topic, found[0], last, series):
                yield entry_of(row)
            seq = found[0]
            at = found[1] - found[1] % (every // step) + every // step


def _before_newest(connection: sqlite3.Connection, topic: str, newest: int) -> int | None:
    row = connection.execute(
        "SELECT seq FROM events WHERE topic = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
        (topic, newest),
    ).fetchone()
    return None if row is None else int(row[0])


def _first_since(
    connection: sqlite3.Connection, topic: str, at: int, low: int, high: int
) -> tuple[int, int] | None:
    """(seq, received_at) of the first entry in `low`..`high` that was received at `at` or later."""
    found = None
    while low <= high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT seq, received_at FROM events WHERE topic = ? AND seq >= ? ORDER BY seq LIMIT 1",
            (topic, middle),
        ).fetchone()
        if row is None or row[0] > high:
            high = middle - 1
        elif row[1] >= at:
            found, high = (int(row[0]), int(row[1])), middle - 1
        else:
            low = row[0] + 1
    return found


def _of_each_series(
    connection: sqlite3.Connection, topic: str, first: int, last: int, series: Callable[[str], str]
) -> Iterator[Row]:
    """From `first` on, until a series comes again."""
    seen = set()
    for row in connection.execute(NEXT_PAGE, (topic, first, last, SAMPLE)).fetchall():
        name = series(row[2])
        if name in seen:
            return
        seen.add(name)
        yield row[1:]


def quarantined(path: Path, limit: int, most: int) -> tuple[Quarantined, ...]:
    """What could not be decoded, newest first, with the first `most` bytes of the data of each."""
    with open_reader(path) as connection:
        rows = connection.execute(QUARANTINED, (most, limit)).fetchall()
    return tuple(Quarantined(entry_of(row), reason, size) for *row, reason, size in rows)


def _span(path: Path, topic: str, newest: int | None) -> tuple[int, int]:
    """The first and the last sequence number to be replayed; nothing when the first is greater."""
    with open_reader(path) as connection:
        last = connection.execute(
            "SELECT max(seq) FROM events WHERE topic = ?", (topic,)
        ).fetchone()[0]
        if last is None or newest == 0:
            return 1, 0
        if newest is None:
            return 0, last
        first = connection.execute(
            "SELECT seq FROM events WHERE topic = ? AND seq <= ?"  # more may have come meanwhile
            " ORDER BY seq DESC LIMIT 1 OFFSET ?",
            (topic, last, newest - 1),
        ).fetchone()
    return (0 if first is None else first[0]), last
