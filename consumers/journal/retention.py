"""What is forgotten, and when: small chunks, so that no writer ever waits long."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from consumers.clock import Clock
from consumers.journal.values import micros

CHUNK = 500  # 5,000 would pause the writer for 130 ms
CHUNK_BYTES = 8 * 1024 * 1024  # a message may have 10 MB, and freeing its pages takes its time
PERIOD_S = 30.0
BUSY_PERIOD_S = 0.1
SERIES = 20_000  # series whose first entry is remembered while thinning


class Reason(StrEnum):
    """Why entries were deleted."""

    AGE = "age"
    THINNED = "thinned"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Thinning:
    """Entries older than `after` are thinned to the first of each `series`.

    `series`: from an entry's key to what one entry is kept of, an asset's minute, say.
    """

    after: timedelta
    series: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A worker's own table in the file.

    `keep`: how long its rows are kept; beyond the file's size it may go on to forget those older
    than `least`, but never others, for they protect against doing something twice. `forget`:
    deletes at most so many of the oldest rows from before a moment, and answers how many.
    """

    name: str
    keep: timedelta
    least: timedelta
    forget: Callable[[sqlite3.Connection, datetime, int], int]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a journal may forget.

    `keep`: how long a topic's entries are kept; topics not named are kept for ever. `thin`: which
    topics are thinned on the way there. `most_bytes`: of the file in use; beyond it the oldest
    entries of the first topic in `may_go` go, then of the next; other topics keep theirs. `spared`:
    how many of the newest of a topic stay whatever the size, for a start reads them back. `own`:
    the workers' own tables, which go last.
    """

    keep: Mapping[str, timedelta] = field(default_factory=dict)
    thin: Mapping[str, Thinning] = field(default_factory=dict)
    most_bytes: int | None = None
    may_go: tuple[str, ...] = ()
    spared: Mapping[str, int] = field(default_factory=dict)
    own: tuple[OwnTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Chore:
    """One small piece of forgetting, to be run in a transaction of its own.

    `run` answers how many entries it looked at, and how many it deleted; of the size, 1 and 0: what
    must be kept is over the limit. It touches nothing but the connection; `settled` is for after
    the commit.
    """

    reason: Reason
    topic: str
    run: Callable[[sqlite3.Connection], tuple[int, int]]
    settled: Callable[[], None] = lambda: None


class Retention:
    """Which chore is due next. Used by the writer's thread alone."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        now = clock.monotonic()
        self._next: dict[tuple[Reason, str], float] = {}
        for topic in rules.keep:
            self._next[Reason.AGE, topic] = now
        self._own = {table.name: table for table in rules.own}
        for name in self._own:
            self._next[Reason.AGE, name] = now
        for topic in rules.thin:
            self._next[Reason.THINNED, topic] = now
        if rules.most_bytes is not None:
            self._next[Reason.SIZE, ""] = now
        self._thinners = {topic: Thinner(topic, each.series) for topic, each in rules.thin.items()}

    def due(self) -> Chore | None:
        """The chore that has waited longest, if one is to be done now."""
        if not self._next:
            return None
        (reason, topic), at = min(self._next.items(), key=lambda held: held[1])
        return self._chore(reason, topic) if at <= self._clock.monotonic() else None

    def done(self, chore: Chore, looked_at: int) -> None:
        """A whole chunk means that there is more; 0, after a failure too, waits."""
        wait = BUSY_PERIOD_S if looked_at >= CHUNK else PERIOD_S
        self._next[chore.reason, chore.topic] = self._clock.monotonic() + wait

    def _chore(self, reason: Reason, topic: str) -> Chore:
        now = self._clock.now()
        if reason is Reason.AGE and topic in self._own:
            table = self._own[topic]
            horizon = now - table.keep
            return Chore(reason, topic, lambda db: _forgotten(db, table, horizon))
        if reason is Reason.AGE:
            horizon = now - self._rules.keep[topic]
            return Chore(reason, topic, lambda db: _aged(db, topic, horizon))
        if reason is Reason.THINNED:
            horizon = now - self._rules.thin[topic].after
            thinner = self._thinners[topic]
            return Chore(reason, topic, lambda db: thinner.thin(db, horizon), thinner.settled)
        return Chore(reason, topic, lambda db: self._shrink(db, now))

    def _shrink(self, connection: sqlite3.Connection, now: datetime) -> tuple[int, int]:
        most = self._rules.most_bytes
        if most is None or bytes_in_use(connection) <= most:
            return 0, 0
        deleted = shed(connection, self._rules.may_go, CHUNK, self._rules.spared)
        for table in self._rules.own:
            deleted = deleted or _forgotten(connection, table, now - table.least)[1]
        return CHUNK if deleted else 1, deleted


class Thinner:
    """Thins one topic, oldest first; remembers in the file how far it got.

    What `thin` found out counts only once it is committed: `settled` takes it over.
    """

    def __init__(self, topic: str, series: Callable[[str], str]) -> None:
        self._topic = topic
        self._series = series
        self._kept: dict[str, None] = {}  # in the order of their coming
        self._found: dict[str, None] = {}

    def thin(self, connection: sqlite3.Connection, horizon: datetime) -> tuple[int, int]:
        """Thin a chunk of what came before `horizon`; looked at, deleted."""
        self._found = {}
        reached = self._reached(connection)
        rows = list(self._after(connection, reached, horizon))
        doomed = []
        for seq, key in rows:
            name = self._series(key)
            if name in self._kept or name in self._found:
                doomed.append(seq)
            else:
                self._found[name] = None
                reached = seq
        _delete(connection, doomed)
        connection.execute("INSERT OR REPLACE INTO thinned VALUES (?, ?)", (self._topic, reached))
        return len(rows), len(doomed)

    def settled(self) -> None:
        """The last `thin` was committed."""
        self._kept |= self._found
        self._found = {}
        for name in list(self._kept)[: max(0, len(self._kept) - SERIES)]:
            del self._kept[name]

    def _reached(self, connection: sqlite3.Connection) -> int:
        """The last entry that was kept. When it is gone, all before it is, and the numbers of the
        entries that SQLite deleted at the end of a table are given again.
        """
        row = connection.execute(
            "SELECT seq FROM thinned JOIN events USING (topic, seq) WHERE topic = ?", (self._topic,)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _after(
        self, connection: sqlite3.Connection, reached: int, horizon: datetime
    ) -> Iterator[tuple[int, str]]:
        rows = connection.execute(
            "SELECT seq, key, received_at FROM events WHERE topic = ? AND seq > ?"
            " ORDER BY seq LIMIT ?",
            (self._topic, reached, CHUNK),
        )
        before = micros(horizon)
        for seq, key, received_at in rows:
            if received_at >= before:
                return
            yield seq, key


def delete_oldest(connection: sqlite3.Connection, topic: str, horizon: datetime, chunk: int) -> int:
    """Delete those of a topic's `chunk` oldest entries that came before `horizon`; how many.

    Looks at no more than `chunk` rows, whatever the size of the table, and fewer if they are large.
    """
    rows = connection.execute(
        "SELECT seq, length(data), received_at FROM events WHERE topic = ? ORDER BY seq LIMIT ?",
        (topic, chunk),
    ).fetchall()
    before = micros(horizon)
    return _delete(connection, _bounded((s, n) for s, n, received in rows if received < before))


def shed(
    connection: sqlite3.Connection, topics: tuple[str, ...], chunk: int, spared: Mapping[str, int]
) -> int:
    """Delete about `chunk` of the oldest entries of one of the topics, the first before the others,
    but never the newest `spared` of it; how many.
    """
    for topic in topics:
        last = connection.execute(
            "SELECT seq FROM events WHERE topic = ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
            (topic, spared.get(topic, 0)),
        ).fetchone()
        if last is not None:
            rows = connection.execute(
                "SELECT seq, length(data) FROM events WHERE topic = ? AND seq <= ?"
                " ORDER BY seq LIMIT ?",
                (topic, last[0], chunk),
            ).fetchall()
            return _delete(connection, _bounded(rows))
    return 0


def bytes_in_use(connection: sqlite3.Connection) -> int:
    """What the database needs on disk, without what deletions left free for reuse."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _forgotten(
    connection: sqlite3.Connection, table: OwnTable, horizon: datetime
) -> tuple[int, int]:
    """A table that no worker made yet has nothing to forget."""
    made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table.name,))
    deleted = 0 if made.fetchone() is None else table.forget(connection, horizon, CHUNK)
    return CHUNK if deleted else 0, deleted


def _aged(connection: sqlite3.Connection, topic: str, horizon: datetime) -> tuple[int, int]:
    deleted = delete_oldest(connection, topic, horizon, CHUNK)
    return CHUNK if deleted else 0, deleted


def _bounded(rows: Iterable[tuple[int, int]]) -> list[int]:
    """The first of (seq, bytes) that together stay within a chunk's bytes, at least one."""
    found: list[int] = []
    total = 0
    for seq, size in rows:
        total += size
        if found and total > CHUNK_BYTES:
            break
        found.append(seq)
    return found


def _delete(connection: sqlite3.Connection, doomed: list[int]) -> int:
    connection.executemany("DELETE FROM events WHERE seq = ?", [(seq,) for seq in doomed])
    return len(doomed)
