"""The settlement consumer: every escrow event journalled once, then acknowledged."""

import threading
from collections import Counter

from consumers.clock import Clock
from consumers.feed import Feed, Incoming, each
from consumers.journal import Journal
from consumers.pubsub import PubSub
from consumers.quarantine import Quarantine, entry_of
from consumers.topology import SETTLEMENT_EVENTS, SETTLEMENTS
from consumers.wire import Refused, SettlementEvent, decode_settlement, key_of
from consumers.worker import WorkerState, WorkerStatus, trouble

NAME = "settlement"


class SettlementConsumer:
    """Owns one feed; `_lock` guards the counters."""

    def __init__(self, *, pubsub: PubSub, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._quarantine = Quarantine(journal, clock)
        self._feed = Feed(
            pubsub=pubsub,
            name=NAME,
            topic=SETTLEMENTS,
            subscription=SETTLEMENT_EVENTS,
            handle=each(self._handle),
            clock=clock,
            cadence=None,
        )
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()
        self._state, self._since = WorkerState.STARTING, clock.now()

    def start(self) -> None:
        """Listen."""
        self._feed.start()
        self._enter(WorkerState.RUNNING)

    def stop(self, timeout: float = 5.0) -> None:
        """End the feed."""
        self._feed.stop(timeout)
        self._enter(WorkerState.STOPPED)

    def status(self) -> WorkerStatus:
        """Counters: events, duplicates, quarantined, and one for each kind of event."""
        feed = self._feed.status()
        with self._lock:
            return WorkerStatus(
                NAME,
                self._state,
                self._since,
                dict(self._counters),
                trouble((feed,), self._clock.now()),
                (feed,),
            )

    def _handle(self, incoming: Incoming) -> None:
        event = decode_settlement(incoming.data, incoming.attributes, self._clock.now())
        if isinstance(event, Refused):
            self._count("quarantined")
            self._quarantine.keep(incoming, event.reason)
            return
        entry = entry_of(incoming, key_of(event))
        self._journal.append(entry, lambda new: self._committed(incoming, event, new=new))

    def _committed(self, incoming: Incoming, event: SettlementEvent, *, new: bool) -> None:
        incoming.ack()
        if new:
            self._count("events", event.event)
        else:
            self._count("duplicates")

    def _count(self, *names: str) -> None:
        with self._lock:
            self._counters.update(names)

    def _enter(self, state: WorkerState) -> None:
        with self._lock:
            self._state, self._since = state, self._clock.now()
