"""The journal as the rest of the house sees it."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from consumers.clock import Clock
from consumers.errors import JournalStoppedError
from consumers.journal import reading
from consumers.journal.inbox import Inbox
from consumers.journal.retention import Retention, Rules
from consumers.journal.schema import open_reader
from consumers.journal.values import Entry, JournalStatus, Quarantined, Row, row_of
from consumers.journal.work import Append, Execute, Kept, Quarantine, Work
from consumers.journal.writer import Writer

T = TypeVar("T")
QUEUE = 20_000
WHOLE = 1 << 30


class Journal:
    """Messages by topic in a SQLite file, and the workers' own tables in the same commits.

    `rules`: what may be forgotten; without any, nothing is. `queue`: how many entries may wait for
    a commit before `append` blocks.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        rules: Rules | None = None,
        queue: int = QUEUE,
    ) -> None:
        self._path = path
        self._clock = clock
        self._inbox: Inbox[Work] = Inbox(queue)
        self._writer = Writer(path, clock, self._inbox, Retention(rules or Rules(), clock))

    def start(self) -> None:
        """Open the file, bring it up to date and begin to write. Raises JournalOpenError."""
        self._writer.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Commit what waits, close the file, end the thread."""
        self._writer.stop(timeout)

    def append(self, entry: Entry, done: Callable[[bool], None]) -> None:
        """Keep an entry; `done(inserted)` runs in the writer's thread after the commit.

        False: the key was there already. Waits while the queue is full; raises
        JournalStoppedError when nothing is taken any more. An entry that cannot be written is
        never told done, so its message comes again.
        """
        self.append_all((row_of(entry),), partial(_told_of_one, done))

    def append_all(self, rows: Sequence[Row], done: Callable[[Sequence[Kept]], None]) -> None:
        """Keep events of which the rows are made (`row`) in one commit; as `append` otherwise.

        `done` gets the answer to each, in order; None: it cannot be written, so its message must
        stay unacknowledged.
        """
        self._put(Append(rows, done))

    def quarantine(self, entry: Entry, reason: str, done: Callable[[bool], None]) -> None:
        """Keep what cannot be decoded, whole: the newest 10,000, and about 256 MB, are kept."""
        self._put(Quarantine(row_of(entry), reason, done))

    def execute(
        self, fn: Callable[[sqlite3.Connection], T], done: Callable[[T], None] | None = None
    ) -> "Future[T]":
        """Run a worker's own statements in the next group commit, after all that waits now.

        The future is set, and `done` called, after the commit. When `fn` raises, its statements
        are undone, nobody else's, and the future raises. `fn` runs again if the commit fails: it
        must touch nothing but the connection, and leave the transaction alone.
        """
        future: Future[T] = Future()
        self._put(Execute(fn, done, future))
        return future

    @contextlib.contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection; use it shortly, for a reader holds the WAL back."""
        with open_reader(self._path) as connection:
            yield connection

    def replay(self, topic: str, newest: int | None = None) -> Iterator[Entry]:
        """The entries of a topic, oldest first; with `newest`, only that many of the last."""
        return reading.replay(self._path, topic, newest)

    def sampled(
        self,
        topic: str,
        since: datetime,
        every: timedelta,
        series: Callable[[str], str],
        newest: int,
    ) -> Iterator[Entry]:
        """About one entry of each series every so often, received at or after `since`, oldest
        first; without the `newest` entries, which `replay` gives whole.
        """
        return reading.sampled(self._path, topic, since, every, series, newest)

    def quarantined(self, limit: int = 100, most: int = WHOLE) -> tuple[Quarantined, ...]:
        """What could not be decoded, newest first, those of earlier runs too, with the first `most`
        bytes of the data of each."""
        return reading.quarantined(self._path, limit, most)

    def status(self) -> JournalStatus:
        """The journal now."""
        return self._writer.status()

    def _put(self, item: Work) -> None:
        thread = self._writer.thread
        # The writer may ask for more from a callback; it must not wait for itself.
        force = thread is threading.current_thread()
        if thread is None or not self._inbox.put(item, force=force):
            raise JournalStoppedError(self._path)


def _told_of_one(done: Callable[[bool], None], kept: Sequence[Kept]) -> None:
    if kept[0] is not None:
        done(kept[0])
