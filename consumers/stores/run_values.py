"""A test alert's way out and back, as it is held and handed out: immutable."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consumers.wire import DeliveryReceipt
from core.alerts import MarginAlert


class RunState(StrEnum):
    """How a test alert's round trip ended."""

    PENDING = "PENDING"
    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    LATE = "LATE"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop of a round trip: `ms` since the hop before, None while it has not been reached.

    "Received here" and "Notifier received" run beside each other, both from the publish ack.
    """

    name: str
    state: RunState
    ms: float | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class TestRun:
    """A test alert out and back: when each hop was reached."""

    __test__ = False  # pytest: this is a value, not a test

    test_id: str
    alert: MarginAlert
    by: str
    timeout: timedelta
    built_at: datetime
    published_at: datetime | None = None
    received_at: datetime | None = None
    receipts: tuple[DeliveryReceipt, ...] = ()
    receipt_at: datetime | None = None  # the last missing receipt reached us
    error: str | None = None

    def hops(self, now: datetime) -> tuple[Hop, ...]:
        """Built, publish acked, received here, notifier received, delivered, receipt received."""
        reached: list[tuple[str, datetime | None]] = [
            ("Built", self.built_at),
            ("Publish acked", self.published_at),
            ("Received here", self.received_at),
            ("Notifier received", min((r.received_at for r in self.receipts), default=None)),
            ("Delivered to sink", self._delivered_at()),
            ("Receipt received", self.receipt_at),
        ]
        late = now - self.built_at > self.timeout
        hops, before = [], self.built_at
        for name, at in reached:
            if at is None:
                missing = RunState.LOST if late else RunState.PENDING
                hops.append(Hop(name, missing, None, None))
                continue
            if name in ("Received here", "Notifier received"):
                before = self._sent_by(at)
            ms = (at - before).total_seconds() * 1000
            state = RunState.PASS if at - self.built_at <= self.timeout else RunState.LATE
            if name == "Delivered to sink" and self.failures:
                state = RunState.LOST
            hops.append(Hop(name, state, ms, at))
            before = at
        return tuple(hops)

    def state(self, now: datetime) -> RunState:
        """PASS within the timeout, LATE after it; LOST when a receipt is missing or says failed."""
        states = {h.state for h in self.hops(now)}
        for worst in (RunState.LOST, RunState.PENDING, RunState.LATE):
            if worst in states:
                return worst
        return RunState.PASS

    def lost_at(self, now: datetime) -> str | None:
        """The first hop that is missing once the time is up."""
        return next((h.name for h in self.hops(now) if h.state is RunState.LOST), None)

    def total_ms(self) -> float | None:
        """Built to last receipt."""
        if self.receipt_at is None:
            return None
        return (self.receipt_at - self.built_at).total_seconds() * 1000

    @property
    def failures(self) -> tuple[DeliveryReceipt, ...]:
        """Receipts that say a channel could not deliver."""
        return tuple(r for r in self.receipts if r.outcome == "failed")

    def _sent_by(self, arrival: datetime) -> datetime:
        """What an arrival is measured from: the publish ack, or the building if it outran that."""
        acked = self.published_at
        return acked if acked is not None and acked <= arrival else self.built_at

    def _delivered_at(self) -> datetime | None:
        times = [r.delivered_at for r in self.receipts if r.delivered_at is not None]
        return max(times, default=None)
