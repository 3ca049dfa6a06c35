"""Delivering a batch of alerts to their channels: what goes where, and the receipts for it."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from consumers.clock import Clock
from consumers.feed import Incoming
from consumers.settings import Settings
from consumers.sink import Delivery, FileSink
from consumers.wire import DeliveryReceipt
from consumers.wire.fields import stamp
from core.alerts import MarginAlert, channels_for

CHANNELS = frozenset({"email", "sms", "webhook"})
LAST_ATTEMPT = 5  # the next delivery would go to the dead letters: the failure is recorded instead


@dataclass(slots=True)
class Due:
    """An alert to be delivered and the messages it came in, still to be acknowledged."""

    alert: MarginAlert
    messages: list[Incoming]

    @property
    def received_at(self) -> datetime:
        """When it first came."""
        return self.messages[0].received_at

    @property
    def attempt(self) -> int:
        """Which delivery this is, from 1."""
        return max(message.delivery_attempt or 1 for message in self.messages)

    def pairs(self) -> list[Delivery]:
        """One (event, channel) for every channel of its route."""
        return [(self.alert.event_id, channel) for channel in channels_for(self.alert.severity)]


def sink_path(settings: Settings) -> Path:
    """Where alerts about accounts go."""
    return settings.data_dir / "notifications.jsonl"


def test_sink_path(settings: Settings) -> Path:
    """Where test alerts go, and nothing else."""
    return settings.data_dir / "test-sink.jsonl"


class Sinks:
    """The two sinks and what they are known to hold. One thread's own.

    `channels` are those that are configured; the others of an alert's route are `skipped`.
    """

    def __init__(
        self, *, settings: Settings, clock: Clock, notifier: str, channels: AbstractSet[str]
    ) -> None:
        self._clock = clock
        self._notifier = notifier
        self._channels = channels
        self._real = FileSink(sink_path(settings))
        self._test = FileSink(test_sink_path(settings))
        self._held: set[Delivery] = set()

    def open(self) -> None:
        """Open both and read what an earlier life delivered. Raises OSError."""
        self._held = {*self._real.open(), *self._test.open()}

    def close(self) -> None:
        """Close both."""
        self._real.close()
        self._test.close()

    def deliver(self, batch: Sequence[Due], known: AbstractSet[Delivery]) -> list[DeliveryReceipt]:
        """Deliver what has no outcome on record (`known`) and is in no sink yet; one receipt each.

        Raises OSError when a sink cannot be written; what another took is remembered.
        """
        for sink, of_test in ((self._real, False), (self._test, True)):
            fresh = [
                (due, pair[1])
                for due in batch
                if due.alert.test is of_test
                for pair in self._open_pairs(due, known)
                if pair not in self._held and pair[1] in self._channels
            ]
            sink.write(_line(due, channel) for due, channel in fresh)
            self._held.update((due.alert.event_id, channel) for due, channel in fresh)
        at = self._clock.now()
        return [
            self._receipt(due, channel, at)
            for due in batch
            for _, channel in self._open_pairs(due, known)
        ]

    def failed(
        self, batch: Iterable[Due], known: AbstractSet[Delivery], reason: str
    ) -> list[DeliveryReceipt]:
        """Receipts that say a channel could not be reached, after the last attempt."""
        at = self._clock.now()
        return [
            replace(
                self._receipt(due, channel, at), outcome="failed", reason=reason, delivered_at=None
            )
            for due in batch
            for _, channel in self._open_pairs(due, known)
        ]

    def forget(self, receipts: Iterable[DeliveryReceipt]) -> None:
        """These outcomes are on record now: the record knows better than our memory."""
        self._held.difference_update((one.event_id, one.channel) for one in receipts)

    def _open_pairs(self, due: Due, known: AbstractSet[Delivery]) -> Iterator[Delivery]:
        return (pair for pair in due.pairs() if pair not in known)

    def _receipt(self, due: Due, channel: str, at: datetime) -> DeliveryReceipt:
        configured = channel in self._channels
        return DeliveryReceipt(
            event_id=due.alert.event_id,
            test_id=due.alert.test_id,
            channel=channel,
            outcome="delivered" if configured else "skipped",
            reason=None if configured else f"{channel} is not configured",
            attempt=due.attempt,
            received_at=due.received_at,
            delivered_at=at if configured else None,
            notifier=self._notifier,
        )


def _line(due: Due, channel: str) -> dict[str, object]:
    alert = due.alert
    return {
        "event_id": alert.event_id,
        "channel": channel,
        "user_id": alert.user_id,
        "event_type": alert.event_type,
        "status": alert.status,
        "severity": alert.severity,
        "message": alert.message,
        "timestamp": stamp(alert.timestamp),
        "received_at": stamp(due.received_at),
        "test_id": alert.test_id,
    }
