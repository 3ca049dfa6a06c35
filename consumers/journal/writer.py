"""The writer: the one thread and the one connection that change the journal's file."""

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from consumers.clock import Clock
from consumers.errors import JournalOpenError, JournalStoppedError
from consumers.journal.claim import claim
from consumers.journal.inbox import Inbox
from consumers.journal.retention import Chore, Reason, Retention
from consumers.journal.schema import left_aside, open_writer
from consumers.journal.values import JournalStatus
from consumers.journal.work import (
    Append,
    Execute,
    Kept,
    Outcome,
    Quarantine,
    Raised,
    Work,
    environmental,
    give_up,
    perform,
    settle,
)
from consumers.tally import Tally

log = structlog.get_logger(__name__)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)  # of a commit
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)  # of a batch
BATCH = 2_000  # in one commit, whose time on the disk hardly depends on it
ENOUGH = 500  # to commit at once instead of waiting for more
LINGER_S = 0.01
BUSY_BATCH = 4  # from this many in the last batch on, it pays to wait for more
IDLE_S = 0.5
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class Writer:
    """Takes batches from the inbox, commits each, then tells those who asked.

    `_lock` guards the figures of the status; the connection is the thread's alone.
    """

    def __init__(self, path: Path, clock: Clock, inbox: Inbox[Work], retention: Retention) -> None:
        self._path = path
        # Made once: each new path enters its parts in the interpreter's table of names, which makes
        # room for as many as ever were in it, two megabytes after twenty minutes of looking.
        self._wal = path.with_name(f"{path.name}-wal")
        self._clock = clock
        self._inbox = inbox
        self._retention = retention
        self._stop = threading.Event()
        self._set_aside: Path | None = None
        self._lock = threading.Lock()
        self._in_hand = 0
        self._committed = 0
        self._duplicates = 0
        self._quarantined = 0
        self._last_commit_at: datetime | None = None
        self._error: str | None = None
        self._kept_back: set[tuple[Reason, str]] = set()  # the thread's
        self._over_limit = False
        self._forgotten: Counter[tuple[str, str]] = Counter()
        self._commit_seconds = Tally(SECONDS)
        self._batch_sizes = Tally(SIZES)
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the file here, so that the caller hears of faults; then write in the thread."""
        claimed = claim(self._path)
        try:
            connection, self._set_aside = open_writer(self._path, self._clock.now())
        except JournalOpenError:
            claimed.close()
            raise
        if self._set_aside is not None:
            log.error("journal_set_aside", path=str(self._path), aside=str(self._set_aside))
        self._set_aside = left_aside(self._path)
        self.thread = threading.Thread(
            target=self._hold, args=(connection, claimed), name="journal-writer", daemon=True
        )
        self.thread.start()

    def stop(self, timeout: float) -> None:
        """Write what waits, if it can be written at once, and end."""
        self._stop.set()
        self._inbox.close()
        if self.thread is not None:
            self.thread.join(timeout)

    def status(self) -> JournalStatus:
        """The figures now."""
        waiting = len(self._inbox)
        with self._lock:
            return JournalStatus(
                path=self._path,
                queued=waiting + self._in_hand,
                committed=self._committed,
                duplicates=self._duplicates,
                quarantined=self._quarantined,
                last_commit_at=self._last_commit_at,
                error=self._error,
                sqlite_version=sqlite3.sqlite_version,
                set_aside=self._set_aside,
                file_bytes=_size(self._path),
                wal_bytes=_size(self._wal),
                forgotten=dict(self._forgotten),
                commit_seconds=self._commit_seconds.read(),
                batch_sizes=self._batch_sizes.read(),
                over_limit=self._over_limit,
            )

    def _hold(self, connection: sqlite3.Connection, claimed: BinaryIO) -> None:
        with claimed, contextlib.closing(connection):
            try:
                self._run(connection)
            except Exception as error:
                # Nobody may wait for ever on a thread that is gone: all are told, and it is shown.
                log.exception("journal_writer_ended")
                with self._lock:
                    self._error = f"the writer has ended: {error}"
                self._inbox.close()
                self._abandon(())

    def _run(self, connection: sqlite3.Connection) -> None:
        last = 0
        while True:
            linger = LINGER_S if last >= BUSY_BATCH else 0.0
            batch = self._inbox.take(BATCH, IDLE_S, linger, ENOUGH)
            last = sum(map(len, batch))
            if batch:
                self._commit(connection, batch)
            elif self._inbox.closed:
                break
            self._forget(connection)
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _commit(self, connection: sqlite3.Connection, batch: Sequence[Work]) -> None:
        """Commit a batch however long it takes; only a stop ends the attempts."""
        with self._lock:
            self._in_hand = sum(map(len, batch))
        pause = FIRST_PAUSE_S
        while True:
            begun = time.perf_counter()
            try:
                outcomes = _transact(connection, batch)
                break
            except Exception as error:  # noqa: BLE001 - a fault of one item must not end the thread
                if not environmental(error):
                    self._divide(connection, batch, error)
                    return
                self._failing(error)
                if self._stop.is_set():
                    self._abandon(batch)
                    return
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        self._count(batch, outcomes, time.perf_counter() - begun)
        for item, outcome in zip(batch, outcomes, strict=True):
            settle(item, outcome)

    def _divide(
        self, connection: sqlite3.Connection, batch: Sequence[Work], error: Exception
    ) -> None:
        """Something in the batch cannot be written at all: find it, keep the rest."""
        if len(batch) > 1:
            for item in batch:
                self._commit(connection, [item])
            return
        if isinstance(batch[0], Append) and len(batch[0]) > 1:
            self._one_by_one(connection, batch[0])
            return
        log.error("journal_refused", error=str(error))
        give_up(batch[0], error)
        with self._lock:
            self._in_hand = 0

    def _one_by_one(self, connection: sqlite3.Connection, item: Append) -> None:
        """Keep of an item's events all that can be written."""
        kept: list[Kept] = []
        for row in item.rows:
            told: list[Sequence[Kept]] = []
            self._commit(connection, [Append([row], told.append)])
            kept += told[0] if told else [None]
        settle(item, kept)

    def _abandon(self, batch: Sequence[Work]) -> None:
        """The file cannot be written and we are stopping: none of what waits will be."""
        waiting = self._inbox.take(1 << 30, 0.0, 0.0)
        for item in [*batch, *waiting]:
            give_up(item, JournalStoppedError(self._path))
        with self._lock:
            self._in_hand = 0

    def _count(self, batch: Sequence[Work], outcomes: Sequence[Outcome], seconds: float) -> None:
        appended = inserted = quarantined = 0
        for item, outcome in zip(batch, outcomes, strict=True):
            if isinstance(item, Append):
                appended += len(item)
                inserted += sum(outcome)
            elif isinstance(item, Quarantine):
                quarantined += outcome
        with self._lock:
            self._in_hand = 0
            self._committed += inserted
            self._duplicates += appended - inserted
            self._quarantined += quarantined
            self._last_commit_at = self._clock.now()
            self._error = None
            self._commit_seconds.add(seconds)
            self._batch_sizes.add(sum(map(len, batch)))

    def _failing(self, error: Exception) -> None:
        with self._lock:
            first, self._error = self._error is None, str(error)
        if first:
            log.error("journal_cannot_write", path=str(self._path), error=str(error))

    def _forget(self, connection: sqlite3.Connection) -> None:
        """Delete a small chunk of what need not be kept, if something is due."""
        chore = self._retention.due()
        if chore is None:
            return
        looked_at = deleted = 0
        try:
            looked_at, deleted = _forgotten(connection, chore)
            chore.settled()
            if chore.reason is Reason.SIZE:
                self._judge_size(over=bool(looked_at) and not deleted)
        except Exception as error:  # noqa: BLE001 - to keep too much is no reason to write nothing
            if environmental(error):
                self._failing(error)
            else:
                self._cannot_forget(chore, error)
        with self._lock:
            self._forgotten[chore.topic, str(chore.reason)] += deleted
        self._retention.done(chore, looked_at)

    def _judge_size(self, *, over: bool) -> None:
        with self._lock:
            was, self._over_limit = self._over_limit, over
        if over and not was:
            log.error("journal_over_its_limit", path=str(self._path), bytes=_size(self._path))

    def _cannot_forget(self, chore: Chore, error: Exception) -> None:
        """It is tried again with the next period; told once."""
        if (chore.reason, chore.topic) not in self._kept_back:
            self._kept_back.add((chore.reason, chore.topic))
            log.error(
                "journal_cannot_forget",
                reason=str(chore.reason),
                topic=chore.topic,
                error=f"{type(error).__name__}: {error}",
            )


def _transact(connection: sqlite3.Connection, batch: Sequence[Work]) -> list[Outcome]:
    """All of the batch and its commit, or nothing."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = perform(connection, batch)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return outcomes


def _forgotten(connection: sqlite3.Connection, chore: Chore) -> tuple[int, int]:
    """Entries looked at and deleted by the chore, committed."""
    outcome = _transact(connection, [Execute(chore.run, None, Future())])[0]
    if isinstance(outcome, Raised):
        raise outcome.error
    looked_at, deleted = outcome
    return looked_at, deleted


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
