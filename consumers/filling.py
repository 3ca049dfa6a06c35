"""What is durable goes into the stores, a batch at a time: one lock, one version for all of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import structlog

from consumers.settled import settled_of
from consumers.stores import (
    AlertStore,
    EscrowStore,
    MessageRing,
    PositionStore,
    PriceStore,
    RunStore,
)
from consumers.stores.values import Received
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS
from consumers.trace import WORKED_ON, Traced

log = structlog.get_logger(__name__)

Taken = tuple[Traced, Any, Received, bool]
"""A message, what its topic's decoder made of it, how it came, and whether its key is new."""
_Apply = Callable[[Iterable[tuple[Any, Received]]], None]


@dataclass(frozen=True, slots=True)
class Stores:
    """What the intake feeds."""

    prices: PriceStore
    alerts: AlertStore
    escrows: EscrowStore
    positions: PositionStore
    runs: RunStore
    ring: MessageRing

    def take(self, topic: str, taken: Sequence[Taken]) -> None:
        """Take in messages of one topic; one over which a store raises is logged and passed by."""
        new = [one for one in taken if one[3]]
        if topic == PRICES:
            _each(self.prices.apply_all, new)
        elif topic == SETTLEMENTS:
            _each(self.escrows.apply_all, new)
            _each(self._settle, new)
            if len(new) < len(taken):
                self.escrows.duplicates(len(taken) - len(new))
        elif topic == ALERTS:
            _each(self.alerts.apply_all, taken)
            _each(self._received, [one for one in taken if one[1].test_id is not None])
        elif topic == RECEIPTS:
            _each(self.alerts.apply_receipts, new)
            _each(self._receipts, [one for one in taken if one[1].test_id is not None])
        WORKED_ON.set(None)

    def _settle(self, events: Iterable[tuple[Any, Received]]) -> None:
        settled = (settled_of(event) for event, _ in events)
        self.positions.apply_all(one for one in settled if one is not None)

    def _received(self, alerts: Iterable[tuple[Any, Received]]) -> None:
        for alert, received in alerts:
            self.runs.received(alert.test_id, received.received_at)

    def _receipts(self, receipts: Iterable[tuple[Any, Received]]) -> None:
        for receipt, received in receipts:
            self.runs.receipt(receipt, received.received_at)


def _each(apply_all: _Apply, taken: Iterable[Taken]) -> None:
    """Apply all; behind one that makes the store raise, go on with the next."""
    left = iter(taken)
    for first in left:
        try:
            apply_all(_worked_on(chain((first,), left)))
        except Exception:  # what is durable is durable, and the others want to be seen
            log.exception("store_failed")


def _worked_on(taken: Iterable[Taken]) -> Iterator[tuple[Any, Received]]:
    """What stores take, while lines of the log name the message."""
    for message, value, received, _ in taken:
        WORKED_ON.set(message)
        yield value, received
