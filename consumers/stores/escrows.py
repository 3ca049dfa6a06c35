"""Settlement events and the escrows they add up to, whatever the order the events come in."""

import threading
from bisect import insort
from types import MappingProxyType
from typing import Any

from consumers.stores.base import Versions
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

    __slots__ = ("_best", "events", "name", "updated")

    def __init__(self, event: SettlementEvent) -> None:
        self.name = event.escrow
        self.updated = event.timestamp
        self.events = 0
        self._best: dict[str, tuple[_Order, Any]] = {}

    def take(self, event: SettlementEvent) -> None:
        """Take in one event that was not seen before."""
        self.events += 1
        self.updated = max(self.updated, event.timestamp)
        stage = STAGES[event.event]
        order = (_RANK[stage], *_place(event))
        said = {
            "stage": stage,
            "payer": event.payer or None,
            "payee": event.payee or None,
            "amount": event.amount,
        }
        for name, value in said.items():
            held = self._best.get(name)
            if value is not None and (held is None or order > held[0]):
                self._best[name] = (order, value)

    def state(self) -> EscrowState:
        """The escrow now."""
        best = {name: value for name, (_, value) in self._best.items()}
        return EscrowState(
            self.name,
            best["stage"],
            best.get("payer", ""),
            best.get("payee", ""),
            best.get("amount"),
            self.updated,
            self.events,
        )


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
        self._states: dict[str, EscrowState] = {}
        self._count = 0
        self._duplicates = 0
        self._version = 0
        self._snapshot: EscrowsSnapshot | None = None

    def apply(self, event: SettlementEvent, received: Received) -> None:
        """Take in one event that was not seen before."""
        with self._lock:
            self._snapshot = None
            self._count += 1
            insort(self._events, (_place(event), event, received), key=lambda held: held[0])
            del self._events[: max(0, len(self._events) - KEPT)]
            escrow = self._escrows.get(event.escrow)
            if escrow is None:
                escrow = self._escrows[event.escrow] = _Escrow(event)
            escrow.take(event)
            self._states[event.escrow] = escrow.state()
            if len(self._escrows) > KEPT:
                oldest = min(self._escrows.values(), key=lambda e: (e.updated, e.name)).name
                del self._escrows[oldest], self._states[oldest]
            self._version = self._versions.bump()

    def duplicate(self) -> None:
        """The same event came again: one effect, counted."""
        with self._lock:
            self._snapshot = None
            self._duplicates += 1
            self._version = self._versions.bump()

    def snapshot(self) -> EscrowsSnapshot:
        """All of it, immutable, newest first."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = EscrowsSnapshot(
                    self._version,
                    tuple((event, received) for _, event, received in reversed(self._events)),
                    MappingProxyType(dict(self._states)),
                    self._count,
                    self._duplicates,
                )
            return self._snapshot


def _place(event: SettlementEvent) -> _Order:
    """Where it stands in time, then on its chain: no two events have the same."""
    return (
        event.timestamp,
        event.block_number,
        event.log_index,
        event.chain_id,
        event.transaction_hash,
    )
