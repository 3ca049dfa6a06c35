"""The notifier: every alert to every channel of its route, and a receipt for each.

A delivery counts once it is on disk in the sink. An alert is acknowledged only after every channel
has an outcome on record; receipts are kept in the same commit and published after it.
"""

import queue
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import TimeoutError as NotYetError
from typing import Any

import structlog

from consumers import deliveries
from consumers.clock import Clock
from consumers.delivery import CHANNELS, LAST_ATTEMPT, Due, Sinks
from consumers.errors import JournalStoppedError
from consumers.feed import Feed, Incoming, each
from consumers.journal import Journal
from consumers.outbox import Letter, Outbox
from consumers.pubsub import Publisher, PubSub
from consumers.quarantine import Quarantine
from consumers.settings import Settings
from consumers.sink import Delivery
from consumers.topology import ALERTS, RECEIPTS
from consumers.trace import trace_id, working_on
from consumers.wire import DeliveryReceipt, Refused, decode_alert, encode_receipt, key_of
from consumers.worker import WorkerState, WorkerStatus, trouble

NAME = "notifier"
MOST = 200  # alerts delivered with one flush to disk
BUSY_BATCH = 8  # from this many in the last batch on, it pays to wait for more
LINGER_S = 0.03
RETRY_S = 1.0
MANY = 20  # alerts that share a line of the log
log = structlog.get_logger(__name__)


class Notifier:
    """Owns a feed, an outbox, the sinks and the thread `notifier`; `_lock` guards the counters."""

    def __init__(
        self,
        *,
        settings: Settings,
        pubsub: PubSub,
        publisher: Publisher,
        journal: Journal,
        clock: Clock,
        channels: AbstractSet[str] = CHANNELS,
        fresh_broker: bool = False,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._quarantine = Quarantine(journal, clock)
        self._fresh_broker = fresh_broker
        self._sinks = Sinks(
            settings=settings,
            clock=clock,
            notifier=f"{NAME}-{settings.replica_name}",
            channels=channels,
        )
        self._outbox = Outbox(topic=RECEIPTS, journal=journal, publisher=publisher, clock=clock)
        self._feed = Feed(
            pubsub=pubsub,
            name=NAME,
            topic=ALERTS,
            subscription=settings.alert_subscription,
            handle=each(self._handle),
            clock=clock,
            cadence=None,
        )
        self._queue: queue.SimpleQueue[Due | None] = queue.SimpleQueue()
        self._busy = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()
        self._state, self._since = WorkerState.STARTING, clock.now()
        self._error: str | None = None

    def start(self) -> None:
        """Read what was delivered before, send receipts left unpublished, then listen."""
        now = self._clock.now()
        self._journal.execute(lambda connection: deliveries.prepare(connection, now)).result()
        self._sinks.open()
        self._outbox.start(fresh_broker=self._fresh_broker)
        self._thread.start()
        self._feed.start()
        self._enter(WorkerState.RUNNING)

    def stop(self, timeout: float = 5.0) -> None:
        """The feed first; alerts without an outcome on record by now come again."""
        end = self._clock.monotonic() + timeout
        self._stop.set()
        self._queue.put(None)
        self._feed.stop(max(0.1, (end - self._clock.monotonic()) / 2))
        if self._thread.is_alive():
            self._thread.join(max(0.1, end - self._clock.monotonic()))
        self._outbox.stop(max(0.1, end - self._clock.monotonic()))
        self._sinks.close()
        self._enter(WorkerState.STOPPED)

    def status(self) -> WorkerStatus:
        """Counters: alerts, repeated, delivered, skipped, failed, receipts_published, …"""
        feed = self._feed.status()
        with self._lock:
            counters, error = dict(self._counters), self._error
            state, since = self._state, self._since
        counters["receipts_published"] = self._outbox.published
        counters["receipts_waiting"] = self._outbox.left
        error = error or trouble((feed,), self._clock.now()) or self._outbox.error
        return WorkerStatus(NAME, state, since, counters, error, (feed,))

    # On the feed's thread.

    def _handle(self, incoming: Incoming) -> None:
        alert = decode_alert(incoming.data, incoming.attributes, self._clock.now())
        if isinstance(alert, Refused):
            self._count(["quarantined"])
            self._quarantine.keep(incoming, alert.reason)
        elif self._stop.is_set():
            incoming.nack()
        else:
            self._queue.put(Due(alert, [incoming]))

    def _count(self, names: Iterable[str]) -> None:
        with self._lock:
            self._counters.update(names)

    # On the thread `notifier`.

    def _run(self) -> None:
        while not self._stop.is_set():
            batch = self._receive()
            if batch:
                self._deliver(batch)
        while left := self._receive(0.0):
            _give_back(left)

    def _deliver(self, batch: Sequence[Due]) -> None:
        """Work a batch, and if something in it spoils it for all, each alone; what could not be
        delivered comes again."""
        failed = batch
        try:
            if self._work(batch):
                return
        except JournalStoppedError:
            pass
        except Exception as error:
            with working_on(batch[0].messages[0]):
                log.exception("delivery_failed", alerts=len(batch))
            failed = []
            for due in batch:
                with working_on(due.messages[0]):
                    if not self._alone(due, error, first=len(batch) > 1):
                        failed.append(due)
            if failed:
                self._enter(WorkerState.FAILED, f"{type(error).__name__}: {error}")
        _give_back(failed)
        if failed:
            self._stop.wait(RETRY_S)

    def _alone(self, due: Due, error: Exception, *, first: bool) -> bool:
        """Whether the alert has an outcome now, tried by itself if that is the `first` time.

        After the last attempt the outcome is "failed", with the reason: without a receipt nobody
        would hear of it.
        """
        try:
            if first:
                return self._work((due,))
        except Exception as another:
            log.exception("delivery_failed", event_id=due.alert.event_id)
            error = another
        if due.attempt < LAST_ATTEMPT:
            return False
        reason = f"{type(error).__name__}: {error}"
        try:
            return self._record((due,), self._sinks.failed((due,), self._known((due,)), reason))
        except Exception:
            log.exception("failure_not_recorded", event_id=due.alert.event_id)
            return False

    def _receive(self, timeout: float = 0.5) -> list[Due]:
        """Wait for an alert, then take what waits with it; the same event once."""
        batch: dict[str, Due] = {}
        try:
            due = self._queue.get(timeout=timeout)
            if self._busy:
                self._stop.wait(LINGER_S)
            while True:
                if due is not None:
                    _join(batch, due)
                if len(batch) >= MOST:
                    break
                due = self._queue.get_nowait()
        except queue.Empty:
            pass
        self._busy = len(batch) >= BUSY_BATCH
        return list(batch.values())

    def _work(self, batch: Sequence[Due]) -> bool:
        """Deliver, record, acknowledge; False when something must come again."""
        known = self._known(batch)
        try:
            receipts = self._sinks.deliver(batch, known)
        except OSError as error:  # a full disk, say
            reason = f"sink: {error.strerror or error}"
            self._enter(WorkerState.FAILED, reason)
            _give_back(due for due in batch if due.attempt < LAST_ATTEMPT)
            batch = [due for due in batch if due.attempt >= LAST_ATTEMPT]
            receipts = self._sinks.failed(batch, known, reason)
            self._stop.wait(RETRY_S)
        else:
            self._enter(WorkerState.RUNNING)
        return not batch or self._record(batch, receipts)

    def _known(self, batch: Sequence[Due]) -> frozenset[Delivery]:
        """Which channels of these alerts have an outcome on record."""
        with self._journal.reader() as connection:
            return deliveries.known(connection, [due.alert.event_id for due in batch])

    def _record(self, batch: Sequence[Due], receipts: Sequence[DeliveryReceipt]) -> bool:
        letters = [Letter(key_of(receipt), encode_receipt(receipt)) for receipt in receipts]
        at = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            deliveries.save(connection, receipts, at)
            self._outbox.write(connection, letters, at)

        future = self._journal.execute(write)
        while True:
            try:
                future.result(0.2)
                break
            except NotYetError:
                if self._stop.is_set() and not future.done():
                    return False
        for due in batch:
            for message in due.messages:
                message.ack()
        self._sinks.forget(receipts)
        self._outbox.send(letters)
        self._tell(batch, receipts)
        return True

    def _tell(self, batch: Sequence[Due], receipts: Sequence[DeliveryReceipt]) -> None:
        """Count, and deliver to the log: a line an alert, or one for all when there are many."""
        outcomes: dict[str, list[str]] = {}
        for receipt in receipts:
            told = outcomes.setdefault(receipt.event_id, [])
            told.append(f"{receipt.channel} {receipt.outcome}")
        self._count(receipt.outcome for receipt in receipts)
        self._count("alerts" if due.alert.event_id in outcomes else "repeated" for due in batch)
        told_of = [_told(due, outcomes.get(due.alert.event_id, [])) for due in batch]
        if len(batch) > MANY:
            log.info("alerts_delivered", alerts=told_of)
            return
        for due, one in zip(batch, told_of, strict=True):
            with working_on(due.messages[0]):
                log.info("alert_delivered" if one["outcomes"] else "alert_repeated", **one)

    def _enter(self, state: WorkerState, error: str | None = None) -> None:
        with self._lock:
            if state is not self._state:
                self._state, self._since = state, self._clock.now()
            self._error = error


def _told(due: Due, outcomes: list[str]) -> dict[str, Any]:
    alert = due.alert
    return {
        "event_id": alert.event_id,
        "user_id": alert.user_id,
        "severity": str(alert.severity),
        "test": alert.test,
        "outcomes": outcomes,
        "trace_id": trace_id(due.messages[0]),
    }


def _join(batch: dict[str, Due], due: Due) -> None:
    held = batch.setdefault(due.alert.event_id, due)
    if held is not due:
        held.messages += due.messages


def _give_back(batch: Iterable[Due]) -> None:
    for due in batch:
        for message in due.messages:
            message.nack()
