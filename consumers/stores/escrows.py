"""Settlement events and the escrows they add up to."""

import threading
from collections import deque
from types import MappingProxyType

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


class EscrowStore:
    """Escrow life cycles; the lock guards all that begins with an underscore."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._lock = threading.Lock()
        self._events: deque[tuple[SettlementEvent, Received]] = deque(maxlen=KEPT)
        self._escrows: dict[str, EscrowState] = {}
        self._count = 0
        self._duplicates = 0
        self._version = 0
        self._snapshot: EscrowsSnapshot | None = None

    def apply(self, event: SettlementEvent, received: Received) -> None:
        """Take in one event that was not seen before."""
        with self._lock:
            self._snapshot = None
            self._count += 1
            self._events.appendleft((event, received))
            self._escrows[event.escrow] = _merge(self._escrows.get(event.escrow), event)
            if len(self._escrows) > KEPT:
                oldest = min(self._escrows.values(), key=lambda e: e.updated)
                del self._escrows[oldest.escrow]
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
                    tuple(self._events),
                    MappingProxyType(dict(self._escrows)),
                    self._count,
                    self._duplicates,
                )
            return self._snapshot


def _merge(old: EscrowState | None, event: SettlementEvent) -> EscrowState:
    """The furthest stage wins, whatever the order of arrival."""
    stage = STAGES[event.event]
    if old is None:
        return EscrowState(
            event.escrow, stage, event.payer, event.payee, event.amount, event.timestamp, 1
        )
    ahead = _RANK[stage] >= _RANK[old.stage]
    return EscrowState(
        event.escrow,
        stage if ahead else old.stage,
        old.payer or event.payer,
        old.payee or event.payee,
        old.amount if event.amount is None else event.amount,
        max(old.updated, event.timestamp),
        old.events + 1,
    )
