"""From a message to a store: decode, journal, acknowledge after the commit, apply."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import compress, islice
from types import MappingProxyType
from typing import Any

import structlog

from consumers.clock import Clock
from consumers.filling import Stores
from consumers.journal import Entry, Journal, Kept, row
from consumers.quarantine import Quarantine
from consumers.stores.values import Message, Received
from consumers.stream import Incoming, ack_all
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS
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
AT_ONCE = 500  # messages in one commit, and in one turn of a store: about 10 ms of work
log = structlog.get_logger(__name__)

_Recalled = tuple[Entry, Any, Received, bool]
Value = PriceTick | MarginAlert | SettlementEvent | DeliveryReceipt
DECODERS: Mapping[str, Callable[..., Value | Refused]] = MappingProxyType(
    {
        PRICES: decode_price,
        SETTLEMENTS: decode_settlement,
        ALERTS: decode_alert,
        RECEIPTS: decode_receipt,
    }
)


@dataclass(slots=True)
class _Batch:
    """Messages of one topic that can be read, on their way: the lists run side by side."""

    topic: str
    incoming: list[Incoming] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)


class Intake:
    """The way of every message; called from the feeds' threads and the journal's writer."""

    def __init__(self, journal: Journal, stores: Stores, clock: Clock) -> None:
        self._journal = journal
        self._stores = stores
        self._clock = clock
        self._quarantine = Quarantine(journal, clock)

    def handle(self, incoming: Incoming) -> None:
        """Take one message; it is acknowledged only once it is durable."""
        self.handle_all((incoming,))

    def handle_all(self, batch: Sequence[Incoming]) -> None:
        """Take messages of one topic; each is acknowledged only once it is durable."""
        topic = batch[0].topic
        decode = DECODERS[topic]
        read, rows = _Batch(topic), []
        for incoming in batch:
            data, attributes = incoming.data, incoming.attributes
            name, published, at = incoming.message_id, incoming.publish_time, incoming.received_at
            received = Received(name, published, at)
            value = decode(data, attributes, at)
            if isinstance(value, Refused):
                self._refuse(incoming, Message(topic, received, "", attributes, data, value.reason))
                continue
            key = key_of(value)
            read.incoming.append(incoming)
            read.messages.append(Message(topic, received, key, attributes, data))
            read.values.append(value)
            rows.append(row(topic, key, name, published, at, data, attributes))
        if rows:
            self._journal.append_all(rows, partial(self._committed, read))

    def _refuse(self, incoming: Incoming, message: Message) -> None:
        def kept() -> None:
            self._stores.ring.add(message, acked_at=self._clock.now())

        self._quarantine.keep(incoming, message.refused or "", kept)

    def _committed(self, read: _Batch, kept: Sequence[Kept]) -> None:
        """Acknowledge and show what is on disk; what could not be written is given back."""
        if None in kept:
            durable = [new is not None for new in kept]
            self._give_back(list(compress(read.incoming, [new is None for new in kept])))
            read.incoming[:] = compress(read.incoming, durable)
            read.messages[:] = compress(read.messages, durable)
            read.values[:] = compress(read.values, durable)
        known = [new for new in kept if new is not None]
        ack_all(read.incoming)
        messages = list(zip(read.messages, known, strict=True))
        self._stores.ring.add_all(read.topic, messages, self._clock.now())
        received = [message.received for message in read.messages]
        self._stores.take(
            read.topic, list(zip(read.incoming, read.values, received, known, strict=True))
        )

    def _give_back(self, lost: Sequence[Incoming]) -> None:
        """At once: as long as they are in hand their leases are extended, and none comes again."""
        log.warning("messages_not_written", count=len(lost), first=lost[0].message_id)
        for incoming in lost:
            incoming.nack()

    def warm(self) -> int:
        """Fill the stores with what the journal holds; the number of events.

        Of prices the newest in full, and before them, for the charts of a day, one a minute.
        """
        self._recall_prices()
        count = 0
        for topic, newest in REMEMBERED.items():
            recalled = _recalled(self._journal.replay(topic, newest))
            while taken := list(islice(recalled, AT_ONCE)):
                self._stores.take(topic, taken)
                self._stores.ring.recall(topic, [_message(*one) for one in taken])
                count += len(taken)
        return count

    def _recall_prices(self) -> None:
        since = self._clock.now() - CHARTED
        sampled = self._journal.sampled(PRICES, since, EVERY, price_series, REMEMBERED[PRICES] or 0)
        for _, value, received, _ in _recalled(sampled):
            self._stores.prices.remember(value, received)


def _message(entry: Entry, _value: object, received: Received, _new: bool) -> Message:
    return Message(entry.topic, received, entry.key, entry.attributes, entry.data)


def _recalled(entries: Iterable[Entry]) -> Iterator[_Recalled]:
    for entry in entries:
        value = DECODERS[entry.topic](entry.data, entry.attributes, entry.received_at)
        if not isinstance(value, Refused):
            received = Received(entry.message_id, entry.publish_time, entry.received_at)
            yield entry, value, received, True
