"""Settlement events and the escrows they add up to, whatever the order the events come in."""

import threading
from bisect import insort
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from consumers.stores.base import Versions
from consumers.stores.oldest import Oldest
from consumers.stores.values import EscrowsSnapshot, EscrowState, Received
from consumers.wire import SettlementEvent

KEPT = 2_000
STAGES = {
    "EscrowDeployed": "deployed",
    "Approved": "approved",
    "EscrowReleased": "released",
    "EscrowRefunded": "refunded",
}
_RANK = {"deployed": 0, "approved": 1, "released": 2, "refunded": 2}
_Order = tuple[Any, ...]


class _Escrow:
    """What the events of one escrow add up to: of each field, what the furthest of them says."""

    __slots__ = ("_amount", "_payee", "_payer", "_stage", "_state", "events", "name", "updated")

    def __init__(self, event: SettlementEvent) -> None:
        self.name = event.escrow
        self.updated = event.timestamp
        self.events = 0
        self._stage: tuple[_Order, str] | None = None
        self._payer: tuple[_Order, str] | None = None
        self._payee: tuple[_Order, str] | None = None
        self._amount: tuple[_Order, Decimal] | None = None
        self._state: EscrowState | None = None

    def take(self, event: SettlementEvent, place: _Order) -> None:
        """Take in one event that was not seen before, of that place in time."""
        self.events += 1
        self._state = None
        if event.timestamp > self.updated:
            self.updated = event.timestamp
        stage = STAGES[event.event]
        order = (_RANK[stage], place)
        if self._stage is None or order > self._stage[0]:
            self._stage = (order, stage)
        if event.payer and (self._payer is None or order > self._payer[0]):
            self._payer = (order, event.payer)
        if event.payee and (self._payee is None or order > self._payee[0]):
            self._payee = (order, event.payee)
        if event.amount is not None and (self._amount is None or order > self._amount[0]):
            self._amount = (order, event.amount)

    def state(self) -> EscrowState:
        """The escrow now; the same value until another event comes."""
        if self._state is None:
            self._state = EscrowState(
                self.name,
                self._stage[1] if self._stage else "",
                self._payer[1] if self._payer else "",
                self._payee[1] if self._payee else "",
                self._amount[1] if self._amount else None,
                self.updated,
                self.events,
            )
        return self._state


class EscrowStore:
    """Escrow life cycles; the lock guards all that begins with an underscore.

    Kept are the newest 2,000 events and the 2,000 escrows that moved last; an escrow forgotten
    begins again with its next event.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._lock = threading.Lock()
        self._events: list[tuple[_Order, SettlementEvent, Received]] = []  # oldest first
        self._escrows: dict[str, _Escrow] = {}
        self._oldest = Oldest(self._moved)
        self._count = 0
        self._duplicates = 0
        self._version = 0
        self._snapshot: EscrowsSnapshot | None = None

    def apply(self, event: SettlementEvent, received: Received) -> None:
        """Take in one event that was not seen before."""
        self.apply_all(((event, received),))

    def apply_all(self, events: Iterable[tuple[SettlementEvent, Received]]) -> None:
        """Take in several, in order; if one raises, those before it are in."""
        with self._lock:
            self._snapshot = None
            try:
                for event, received in events:
                    self._take(event, received)
            finally:
                self._version = self._versions.bump()

    def _take(self, event: SettlementEvent, received: Received) -> None:
        self._count += 1
        place, held = _place(event), self._events
        if held and place < held[-1][0]:
            insort(held, (place, event, received), key=_first)
        else:
            held.append((place, event, received))
        if len(held) > KEPT:
            del held[0]
        escrow = self._escrows.get(event.escrow)
        if escrow is None:
            escrow = self._escrows[event.escrow] = _Escrow(event)
        escrow.take(event, place)
        self._oldest.spoke(escrow.name, escrow.updated)
        if len(self._escrows) > KEPT:
            del self._escrows[self._oldest.pop()]

    def _moved(self, name: str) -> datetime | None:
        escrow = self._escrows.get(name)
        return None if escrow is None else escrow.updated

    def duplicates(self, count: int) -> None:
        """So many events came again: no effect, counted."""
        with self._lock:
            self._snapshot = None
            self._duplicates += count
            self._version = self._versions.bump()

    def snapshot(self) -> EscrowsSnapshot:
        """All of it, immutable, newest first."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = EscrowsSnapshot(
                    self._version,
                    tuple((event, received) for _, event, received in reversed(self._events)),
                    MappingProxyType({e.name: e.state() for e in self._escrows.values()}),
                    self._count,
                    self._duplicates,
                )
            return self._snapshot


def _first(held: tuple[_Order, SettlementEvent, Received]) -> _Order:
    return held[0]


def _place(event: SettlementEvent) -> _Order:
    """Where it stands in time, then on its chain: no two events have the same."""
    return (
        event.timestamp,
        event.block_number,
        event.log_index,
        event.chain_id,
        event.transaction_hash,
    )
