"""Messages to be published, kept in the transaction that made them due, sent until acknowledged.

A worker writes letters together with its own state; only after that commit are they published, and
marked once the broker acknowledged them. Killed anywhere between, the next start sends what is not
marked, under the same key and with the same bytes: downstream, the key makes it one.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import structlog

from consumers.clock import Clock
from consumers.errors import JournalStoppedError
from consumers.journal import Journal
from consumers.pubsub import Publisher, PublishResult
from consumers.wire import Encoded

MOST_IN_FLIGHT = 1_000
FRESH_BROKER = timedelta(minutes=10)  # a broker without memory is told again what is younger
NAME = "outbox"
BACKOFF_S = (0.5, 10.0)
MARK_S = 0.2
_TABLE = """
CREATE TABLE IF NOT EXISTS outbox (
  seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL,
  attributes BLOB NOT NULL, written_at REAL NOT NULL, published INTEGER NOT NULL DEFAULT 0,
  UNIQUE (topic, key))
"""
_WAITING = "CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (topic) WHERE published = 0"
_INSERT = (
    "INSERT INTO outbox (topic, key, data, attributes, written_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
_DUE = (
    "SELECT key, data, attributes FROM outbox"
    " WHERE topic = ? AND (published = 0 OR written_at >= ?) ORDER BY seq"
)
_MARK = "UPDATE outbox SET published = 1 WHERE topic = ? AND key = ?"
_FORGET = (  # by age through the numbers, which grow with it; few are passed over: those to be sent
    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM (SELECT seq, written_at FROM outbox"
    " WHERE published = 1 ORDER BY seq LIMIT ?) WHERE written_at < ?)"
)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, by its business key."""

    key: str
    encoded: Encoded


class Outbox:
    """The letters of one topic; owns the thread `outbox-TOPIC`.

    `_changed` guards the queues and the counts, which publish acknowledgements change too.
    """

    def __init__(self, *, topic: str, journal: Journal, publisher: Publisher, clock: Clock) -> None:
        self._topic = topic
        self._journal = journal
        self._publisher = publisher
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[Letter] = deque()
        self._acknowledged: list[str] = []
        self._in_flight = 0
        self._published = 0
        self._failed = 0
        self._error: str | None = None
        self._pause_until, self._pause_s = 0.0, 0.0
        self._stopping = False
        self._mark_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"outbox-{topic}", daemon=True)

    def start(self, *, fresh_broker: bool = False) -> None:
        """Begin with what an earlier life left unpublished.

        With `fresh_broker`, the letters of the last ten minutes are sent as well: the broker that
        acknowledged them has lost its memory.
        """
        since = (self._clock.now() - FRESH_BROKER).timestamp() if fresh_broker else float("inf")
        left = self._journal.execute(lambda connection: _due(connection, self._topic, since))
        self.send(left.result())
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Mark what is acknowledged by now and end the thread; the next life sends the rest."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def write(
        self, connection: sqlite3.Connection, letters: Iterable[Letter], at: datetime
    ) -> None:
        """Keep letters, in the caller's transaction; a key that is there already stays as it is."""
        connection.executemany(
            _INSERT,
            [
                (
                    self._topic,
                    letter.key,
                    letter.encoded.data,
                    orjson.dumps(dict(letter.encoded.attributes)),
                    at.timestamp(),
                )
                for letter in letters
            ],
        )

    def send(self, letters: Iterable[Letter]) -> None:
        """Publish letters whose transaction is committed; returns at once."""
        with self._changed:
            self._waiting.extend(letters)
            self._changed.notify_all()

    @property
    def published(self) -> int:
        """Letters acknowledged by the broker since the start."""
        with self._changed:
            return self._published

    @property
    def left(self) -> int:
        """Letters not acknowledged yet."""
        with self._changed:
            return len(self._waiting) + self._in_flight

    @property
    def error(self) -> str | None:
        """Why the newest publish failed; None after one that did not."""
        with self._changed:
            return self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._something, MARK_S)
                stopping = self._stopping
                letters = [] if stopping else self._take()
                marked = self._due_marks()
            for letter in letters:
                self._publish(letter)
            try:
                self._mark(marked, wait=stopping)
            except JournalStoppedError:
                return
            if stopping:
                return

    def _something(self) -> bool:
        return self._stopping or bool(self._waiting and self._open())

    def _due_marks(self) -> list[str]:
        """Acknowledged keys, a few times a second: a mark that is lost costs a repetition only."""
        now = self._clock.monotonic()
        if not self._stopping and now < self._mark_at:
            return []
        self._mark_at = now + MARK_S
        marked, self._acknowledged = self._acknowledged, []
        return marked

    def _open(self) -> bool:
        return self._in_flight < MOST_IN_FLIGHT and self._clock.monotonic() >= self._pause_until

    def _take(self) -> list[Letter]:
        taken: list[Letter] = []
        while self._waiting and self._open():
            taken.append(self._waiting.popleft())
            self._in_flight += 1
        return taken

    def _publish(self, letter: Letter) -> None:
        self._publisher.publish(
            self._topic, letter.encoded, lambda result: self._done(letter, result)
        )

    def _done(self, letter: Letter, result: PublishResult) -> None:
        """On a thread of the publisher."""
        with self._changed:
            self._in_flight -= 1
            if result.error is None:
                self._published += 1
                self._acknowledged.append(letter.key)
                self._error, self._pause_s = None, 0.0
            else:
                self._failed += 1
                self._error = str(result.error)
                self._waiting.appendleft(letter)
                first, longest = BACKOFF_S
                self._pause_s = min(max(first, 2 * self._pause_s), longest)
                self._pause_until = self._clock.monotonic() + self._pause_s
            if self._waiting and self._open():
                self._changed.notify_all()

    def _mark(self, keys: list[str], *, wait: bool) -> None:
        if not keys:
            return
        rows = [(self._topic, key) for key in keys]
        future = self._journal.execute(lambda connection: _mark(connection, rows))
        if wait:
            future.exception(timeout=2.0)


def _due(connection: sqlite3.Connection, topic: str, since: float) -> list[Letter]:
    connection.execute(_TABLE)
    connection.execute(_WAITING)
    rows = connection.execute(_DUE, (topic, since)).fetchall()
    return [Letter(key, Encoded(data, orjson.loads(attributes))) for key, data, attributes in rows]


def _mark(connection: sqlite3.Connection, rows: list[tuple[str, str]]) -> None:
    connection.executemany(_MARK, rows)


def forget(connection: sqlite3.Connection, horizon: datetime, chunk: int) -> int:
    """Of the oldest `chunk` letters delete the published ones from before `horizon`; how many."""
    return connection.execute(_FORGET, (chunk, horizon.timestamp())).rowcount
