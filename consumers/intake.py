"""From a message to a store: decode, journal, acknowledge after the commit, apply."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType

import structlog

from consumers.clock import Clock
from consumers.feed import Incoming
from consumers.journal import Entry, Journal
from consumers.quarantine import entry_of
from consumers.settled import settled_of
from consumers.stores import (
    AlertStore,
    EscrowStore,
    MessageRing,
    PositionStore,
    PriceStore,
    RunStore,
)
from consumers.stores.values import Message, Received
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS
from consumers.trace import WORKED_ON
from consumers.wire import (
    DeliveryReceipt,
    PriceTick,
    Refused,
    SettlementEvent,
    decode_alert,
    decode_price,
    decode_receipt,
    decode_settlement,
    key_of,
    price_series,
)
from core.alerts import MarginAlert

# Of alerts far more than are listed: the newest of every account says what its people were told.
REMEMBERED = {PRICES: 40_000, SETTLEMENTS: None, ALERTS: 200_000, RECEIPTS: 60_000}
CHARTED = timedelta(hours=25)
EVERY = timedelta(minutes=1)
TELL_S = 1.0
log = structlog.get_logger(__name__)

Value = PriceTick | MarginAlert | SettlementEvent | DeliveryReceipt
DECODERS: Mapping[str, Callable[..., Value | Refused]] = MappingProxyType(
    {
        PRICES: decode_price,
        SETTLEMENTS: decode_settlement,
        ALERTS: decode_alert,
        RECEIPTS: decode_receipt,
    }
)


@dataclass(frozen=True, slots=True)
class Stores:
    """What the intake feeds."""

    prices: PriceStore
    alerts: AlertStore
    escrows: EscrowStore
    positions: PositionStore
    runs: RunStore
    ring: MessageRing


class Intake:
    """The way of every message; called from the feeds' threads and the journal's writer."""

    def __init__(self, journal: Journal, stores: Stores, clock: Clock) -> None:
        self._journal = journal
        self._stores = stores
        self._clock = clock
        self._told = -TELL_S  # both are the journal's writer's, whose thread calls back
        self._untold = 0

    def handle(self, incoming: Incoming) -> None:
        """Take one message; it is acknowledged only once it is durable."""
        value = _decode(incoming)
        received = Received(incoming.message_id, incoming.publish_time, incoming.received_at)
        if isinstance(value, Refused):
            reason = value.reason
            self._journal.quarantine(
                entry_of(incoming, ""),
                reason,
                lambda _new: self._refused(incoming, received, reason),
            )
            return
        key = key_of(value)
        self._journal.append(
            entry_of(incoming, key), partial(self._committed, incoming, received, value, key)
        )

    def _refused(self, incoming: Incoming, received: Received, reason: str) -> None:
        WORKED_ON.set(incoming)
        incoming.ack()
        now = self._clock.now()
        self._stores.ring.add(_message(incoming, received, "", reason), acked_at=now)
        self._tell_refused(reason)
        WORKED_ON.set(None)

    def _tell_refused(self, reason: str) -> None:
        """In the log, a line a second at most: a flood of poison must not become one of lines."""
        self._untold += 1
        moment = self._clock.monotonic()
        if moment - self._told >= TELL_S:
            log.warning("message_quarantined", reason=reason, since_last_line=self._untold)
            self._told, self._untold = moment, 0

    def _committed(
        self, incoming: Incoming, received: Received, value: Value, key: str, new: bool
    ) -> None:
        WORKED_ON.set(incoming)
        incoming.ack()
        now = self._clock.now()
        self._stores.ring.add(_message(incoming, received, key, None), new=new, acked_at=now)
        self.apply(value, received, new=new)
        WORKED_ON.set(None)

    def apply(self, value: Value, received: Received, *, new: bool = True) -> None:
        """Let the stores take in one value that is durable; `new` is False for a duplicate."""
        stores = self._stores
        match value:
            case PriceTick():
                if new:
                    stores.prices.apply(value, received)
            case SettlementEvent():
                if new:
                    stores.escrows.apply(value, received)
                    settled = settled_of(value)
                    if settled is not None:
                        stores.positions.apply(settled)
                else:
                    stores.escrows.duplicate()
            case MarginAlert():
                stores.alerts.apply(value, received)
                stores.runs.received(value.test_id, received.received_at)
            case DeliveryReceipt():
                stores.alerts.apply_receipt(value, new=new)
                stores.runs.receipt(value, received.received_at)

    def warm(self) -> int:
        """Fill the stores with what the journal holds; the number of events.

        Of prices the newest in full, and before them, for the charts of a day, one a minute.
        """
        self._recall_prices()
        count = 0
        for topic, newest in REMEMBERED.items():
            for value, received in self._recalled(self._journal.replay(topic, newest)):
                self.apply(value, received)
                count += 1
        return count

    def _recall_prices(self) -> None:
        since = self._clock.now() - CHARTED
        sampled = self._journal.sampled(PRICES, since, EVERY, price_series, REMEMBERED[PRICES] or 0)
        for value, received in self._recalled(sampled):
            if isinstance(value, PriceTick):
                self._stores.prices.remember(value, received)

    def _recalled(self, entries: Iterable[Entry]) -> Iterator[tuple[Value, Received]]:
        for entry in entries:
            value = _decode(_again(entry))
            if not isinstance(value, Refused):
                yield value, Received(entry.message_id, entry.publish_time, entry.received_at)


def _decode(incoming: Incoming) -> Value | Refused:
    return DECODERS[incoming.topic](incoming.data, incoming.attributes, incoming.received_at)


def _again(entry: Entry) -> Incoming:
    """A journalled entry as if it had just come in; there is nothing left to acknowledge."""
    return Incoming(
        entry.topic,
        entry.message_id,
        entry.data,
        entry.attributes,
        entry.publish_time,
        entry.received_at,
        None,
        lambda: None,
        lambda: None,
    )


def _message(incoming: Incoming, received: Received, key: str, reason: str | None) -> Message:
    return Message(
        incoming.topic, received, key, incoming.attributes, incoming.data, refused=reason
    )
