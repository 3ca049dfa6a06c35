"""The risk engine: from price rounds and settled escrows to margin alerts, each told once.

Feed threads decode and queue; the thread `risk-engine` scores. Incidents, prices, what was settled
and the alerts due are committed in one transaction *before* the messages are acknowledged, and
alerts are published only after it: killed at any moment, nothing is told twice and nothing is lost.
"""

import contextlib
import queue
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import replace
from datetime import datetime

import structlog

from consumers.clock import Clock
from consumers.desk import Desk, Turn
from consumers.errors import JournalStoppedError
from consumers.feed import Feed, Incoming, each
from consumers.incidents import NAME, load
from consumers.journal import Journal
from consumers.lanes import Lanes
from consumers.outbox import Outbox
from consumers.pubsub import Publisher, PubSub
from consumers.quarantine import Quarantine
from consumers.rounds import EscrowMessage, PriceMessage
from consumers.settings import Settings
from consumers.settled import known
from consumers.stores import PositionStore, Versions
from consumers.topology import ALERTS, PRICES, RISK_EVENTS, SETTLEMENTS
from consumers.trace import WORKED_ON
from consumers.wire import Refused, decode_price, decode_settlement, key_of
from consumers.worker import WorkerState, WorkerStatus, trouble
from core.book import Book

log = structlog.get_logger(__name__)


class RiskEngine:
    """Owns its feeds, an outbox and the thread `risk-engine`; `_lock` guards the counters."""

    def __init__(
        self,
        *,
        settings: Settings,
        pubsub: PubSub,
        publisher: Publisher,
        journal: Journal,
        clock: Clock,
        book: Book,
        as_of: datetime,
        fresh_broker: bool = False,
    ) -> None:
        """`as_of` is when the positions of `book` were true: what settled later is added."""
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._quarantine = Quarantine(journal, clock)
        self._book, self._as_of = book, as_of
        self._fresh_broker = fresh_broker
        self._outbox = Outbox(topic=ALERTS, journal=journal, publisher=publisher, clock=clock)
        self._feeds = (
            Feed(
                pubsub=pubsub,
                name="risk-engine-prices",
                topic=PRICES,
                subscription=settings.price_subscription,
                handle=each(self._on_price),
                clock=clock,
                cadence=settings.cadence,
            ),
            Feed(
                pubsub=pubsub,
                name="risk-engine-settlements",
                topic=SETTLEMENTS,
                subscription=RISK_EVENTS,
                handle=each(self._on_settlement),
                clock=clock,
                cadence=None,
            ),
        )
        self._queue: queue.SimpleQueue[PriceMessage | EscrowMessage | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)
        self._lanes = Lanes()
        self._desk: Desk | None = None
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()
        self._state, self._since = WorkerState.STARTING, clock.now()
        self._error: str | None = None

    def start(self) -> None:
        """Send what an earlier life left unpublished, then listen."""
        self._desk = self._recall()
        self._outbox.start(fresh_broker=self._fresh_broker)
        self._thread.start()
        for feed in self._feeds:
            feed.start()
        self._enter(WorkerState.WAITING)

    def stop(self, timeout: float = 5.0) -> None:
        """Feeds first; what is not committed by now comes again."""
        end = self._clock.monotonic() + timeout
        self._stop.set()
        self._queue.put(None)
        for feed in self._feeds:
            feed.stop(max(0.1, (end - self._clock.monotonic()) / 2))
        if self._thread.is_alive():
            self._thread.join(max(0.1, end - self._clock.monotonic()))
        self._lanes.close()
        self._outbox.stop(max(0.1, end - self._clock.monotonic()))
        self._enter(WorkerState.STOPPED)

    def status(self) -> WorkerStatus:
        """Counters: ticks, rounds, each transition as "FROM->TO", alerts, alerts_published, …"""
        with self._lock:
            counters = dict(self._counters)
            state, since, error = self._state, self._since, self._error
        counters["alerts_published"] = self._outbox.published
        counters["alerts_waiting"] = self._outbox.left
        feeds = tuple(feed.status() for feed in self._feeds)
        error = error or trouble(feeds, self._clock.now()) or self._outbox.error
        return WorkerStatus(NAME, state, since, counters, error, feeds)

    @property
    def statuses(self) -> dict[str, int]:
        """Accounts by status on the newest prices; empty until there are any."""
        valuation = None if self._desk is None else self._desk.valuation
        counts = {} if valuation is None else valuation.counts()
        return {str(status): count for status, count in counts.items()}

    # On the feeds' threads.

    def _on_price(self, incoming: Incoming) -> None:
        tick = decode_price(incoming.data, incoming.attributes, self._clock.now())
        if isinstance(tick, Refused):
            self._count(quarantined=1)
            self._quarantine.keep(incoming, tick.reason)
        elif self._stop.is_set():
            incoming.nack()
        else:
            self._queue.put(PriceMessage(tick, incoming))

    def _on_settlement(self, incoming: Incoming) -> None:
        event = decode_settlement(incoming.data, incoming.attributes, self._clock.now())
        if isinstance(event, Refused):
            self._count(quarantined=1)
            self._quarantine.keep(incoming, event.reason)
        elif self._stop.is_set():
            incoming.nack()
        else:
            self._queue.put(EscrowMessage(event, incoming))

    def _count(self, **by: int) -> None:
        with self._lock:
            self._counters.update(by)

    # On the thread `risk-engine`.

    def _recall(self) -> Desk:
        """A desk in the state of the last commit."""
        state = self._journal.execute(load).result()
        return Desk(
            positions=PositionStore(Versions(), self._book, self._as_of),
            state=state,
            cadence=self._settings.cadence,
            clock=self._clock,
            revalue=self._lanes.revalue,
        )

    def _recalled(self) -> Desk | None:
        """The same after a failure, however many attempts it takes; None when stopped before."""
        while not self._stop.wait(1.0):
            try:
                return self._recall()
            except JournalStoppedError:
                return None
            except Exception as error:
                log.exception("risk_engine_recall_failed")
                self._enter(WorkerState.FAILED, f"{type(error).__name__}: {error}")
        return None

    def _run(self) -> None:
        desk = self._desk
        assert desk is not None
        while not self._stop.is_set():
            WORKED_ON.set(None)
            try:
                self._receive(desk)
                self._turn(desk)
            except JournalStoppedError:
                break
            except Exception as error:
                _give_back(desk.waiting())
                log.exception("risk_engine_failed")
                self._enter(WorkerState.FAILED, f"{type(error).__name__}: {error}")
                again = self._recalled()
                if again is None:
                    break
                desk = self._desk = again
        with contextlib.suppress(sqlite3.Error):
            self._receive(desk)
        _give_back(desk.waiting())

    def _receive(self, desk: Desk) -> None:
        """Wait for a message or until the desk has something to do; then take all that waits."""
        escrows: list[EscrowMessage] = []
        try:
            message = self._queue.get(timeout=desk.wait_s())
            while True:
                if isinstance(message, EscrowMessage):
                    escrows.append(message)
                elif message is not None:
                    desk.add(message)
                message = self._queue.get_nowait()
        except queue.Empty:
            for escrow in self._recognised(escrows):
                desk.add_escrow(escrow)

    def _recognised(self, escrows: list[EscrowMessage]) -> list[EscrowMessage]:
        """Each with what the record says of it: the book's own memory of its changes is bounded."""
        if not escrows:
            return []
        keys = [key_of(escrow.event) for escrow in escrows]
        try:
            with self._journal.reader() as connection:
                held = known(connection, keys)
        except sqlite3.Error:
            _give_back(escrows)
            raise
        return [
            replace(escrow, repeated=key in held) for escrow, key in zip(escrows, keys, strict=True)
        ]

    def _turn(self, desk: Desk) -> None:
        turn = desk.turn()
        try:
            committed = not turn.durable or self._commit(turn)
        except Exception:
            _give_back(turn.received)
            raise
        if committed:
            self._settle(turn)
        else:
            _give_back(turn.received)

    def _commit(self, turn: Turn) -> bool:
        """Make the turn durable; False when stopped before it was."""
        wall = self._clock.now()

        def write(connection: sqlite3.Connection) -> None:
            turn.write(connection)
            self._outbox.write(connection, turn.letters, wall)

        future = self._journal.execute(write)
        while True:
            try:
                future.result(0.2)
            except NotYetError:
                if self._stop.is_set() and not future.done():
                    return False
            else:
                return True

    def _settle(self, turn: Turn) -> None:
        """After the commit: acknowledge, publish, count."""
        for message in turn.received:
            message.incoming.ack()
        self._outbox.send(turn.letters)
        with self._lock:
            self._counters.update(turn.transitions)
            self._counters.update(
                ticks=len(turn.messages),
                rounds=turn.rounds,
                evaluations=turn.evaluations,
                settlements=len(turn.escrows),
                settled=len(turn.settled),
                alerts=len(turn.letters),
            )
        if turn.messages:
            self._enter(WorkerState.RUNNING)

    def _enter(self, state: WorkerState, error: str | None = None) -> None:
        with self._lock:
            if state is not self._state:
                self._state, self._since = state, self._clock.now()
            self._error = error


def _give_back(messages: Iterable[PriceMessage | EscrowMessage]) -> None:
    """What this thread says of its failure names the first message that goes back."""
    for message in messages:
        if WORKED_ON.get() is None:
            WORKED_ON.set(message.incoming)
        message.incoming.nack()
