"""Reading the journal back: short reads on connections of their own; the writer never waits."""

from collections.abc import Iterator
from pathlib import Path

from consumers.journal.schema import open_reader
from consumers.journal.values import COLUMNS, Entry, Quarantined, entry_of

PAGE = 1_000
NEXT_PAGE = f"""
    SELECT seq, {COLUMNS} FROM events
    WHERE topic = ? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?
"""  # noqa: S608 - constants
QUARANTINED = f"SELECT {COLUMNS}, reason FROM quarantine ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constants


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


def quarantined(path: Path, limit: int) -> tuple[Quarantined, ...]:
    """What could not be decoded, newest first."""
    with open_reader(path) as connection:
        rows = connection.execute(QUARANTINED, (limit,)).fetchall()
    return tuple(Quarantined(entry_of(row[:-1]), row[-1]) for row in rows)


def topics(path: Path) -> tuple[str, ...]:
    """Every topic with entries."""
    with open_reader(path) as connection:
        rows = connection.execute("SELECT DISTINCT topic FROM events ORDER BY topic").fetchall()
    return tuple(row[0] for row in rows)


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
            "SELECT seq FROM events WHERE topic = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
            (topic, newest - 1),
        ).fetchone()
    return (0 if first is None else first[0]), last
