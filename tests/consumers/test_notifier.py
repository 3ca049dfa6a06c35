"""The notifier over the real clients: every alert delivered once, a receipt for every channel."""

from collections.abc import Iterator, Set
from pathlib import Path

import orjson
import pytest

from consumers.clock import SystemClock
from consumers.delivery import CHANNELS
from consumers.feed import Feed, Incoming, each
from consumers.journal import Journal
from consumers.notifier import Notifier
from consumers.pubsub import PubSub
from consumers.settings import load
from consumers.subscription import SubscriptionSpec
from consumers.topology import ALERTS, RECEIPTS, provision
from consumers.wire import DeliveryReceipt, Encoded, decode_receipt, encode_alert
from core import alerts
from core.alerts import MarginAlert, Severity
from embedded.broker import BrokerProcess
from tests.support import eventually

CLOCK = SystemClock()
LISTENER = SubscriptionSpec("receipts-of-a-test", RECEIPTS, dead_letter=False)


class Room:
    """A broker's project, a risk engine's hand, and every receipt that came."""

    def __init__(self, broker: BrokerProcess, project: str, folder: Path) -> None:
        self.settings = load({}, project=project, emulator_host=broker.address, data_dir=folder)
        self.pubsub = PubSub(project, broker.address)
        provision(self.pubsub)
        self.pubsub.ensure_subscription(LISTENER)
        self.publisher = self.pubsub.publisher()
        self.receipts: list[DeliveryReceipt] = []
        self._listener = Feed(
            pubsub=self.pubsub,
            name="listener",
            topic=RECEIPTS,
            subscription=LISTENER.name,
            handle=each(self._hear),
            clock=CLOCK,
            cadence=None,
        )
        self._listener.start()
        self._notifiers: list[tuple[Notifier, Journal]] = []

    def notifier(self, channels: Set[str] = CHANNELS, *, fresh_broker: bool = False) -> Notifier:
        """A notifier on this room's journal; one at a time."""
        journal = Journal(self.settings.data_dir / "platform.db", CLOCK)
        journal.start()
        notifier = Notifier(
            settings=self.settings,
            pubsub=self.pubsub,
            publisher=self.publisher,
            journal=journal,
            clock=CLOCK,
            channels=channels,
            fresh_broker=fresh_broker,
        )
        notifier.start()
        self._notifiers.append((notifier, journal))
        return notifier

    def leave(self) -> None:
        """Stop the notifier that runs."""
        notifier, journal = self._notifiers.pop()
        notifier.stop()
        journal.stop()

    def send(self, severity: Severity, name: str) -> MarginAlert:
        """Publish a test alert."""
        alert = alerts.test_alert(
            severity=severity, test_id=name, at=CLOCK.now(), policy=self.settings.policy, by="us"
        )
        self.publisher.publish(ALERTS, encode_alert(alert, ALERTS)).result(5)
        return alert

    def delivered(self) -> list[tuple[str, str]]:
        """(test id, channel) of each line in the test sink."""
        lines = (self.settings.data_dir / "test-sink.jsonl").read_bytes().splitlines()
        return [(line["test_id"], line["channel"]) for line in map(orjson.loads, lines)]

    def close(self) -> None:
        while self._notifiers:
            self.leave()
        self._listener.stop()
        self.publisher.close()
        self.pubsub.close()

    def _hear(self, incoming: Incoming) -> None:
        receipt = decode_receipt(incoming.data, incoming.attributes, CLOCK.now())
        assert isinstance(receipt, DeliveryReceipt)
        self.receipts.append(receipt)
        incoming.ack()


@pytest.fixture
def room(broker: BrokerProcess, project: str, tmp_path: Path) -> Iterator[Room]:
    made = Room(broker, project, tmp_path)
    yield made
    made.close()


def test_every_channel_gets_its_delivery_and_its_receipt(room: Room) -> None:
    notifier = room.notifier()
    alert = room.send(Severity.CRITICAL, "t1")
    eventually(lambda: len(room.receipts) == 3)
    assert {(r.event_id, r.test_id, r.channel, r.outcome) for r in room.receipts} == {
        (alert.event_id, "t1", channel, "delivered") for channel in ("email", "sms", "webhook")
    }
    assert all(r.delivered_at and r.delivered_at >= r.received_at for r in room.receipts)
    assert sorted(room.delivered()) == [("t1", "email"), ("t1", "sms"), ("t1", "webhook")]
    assert not (room.settings.data_dir / "notifications.jsonl").read_bytes()
    counters = notifier.status().counters
    assert {"alerts": 1, "delivered": 3, "receipts_published": 3}.items() <= counters.items()


def test_the_same_alert_again_is_delivered_once(room: Room) -> None:
    notifier = room.notifier()
    room.send(Severity.HIGH, "t1")
    eventually(lambda: len(room.receipts) == 2)
    room.send(Severity.HIGH, "t1")
    eventually(lambda: notifier.status().counters.get("repeated") == 1)
    assert len(room.delivered()) == 2


def test_the_next_life_knows_what_the_last_one_delivered(room: Room) -> None:
    room.notifier()
    room.send(Severity.HIGH, "t1")
    eventually(lambda: len(room.receipts) == 2)
    room.leave()
    notifier = room.notifier()
    room.send(Severity.HIGH, "t1")
    room.send(Severity.LOW, "t2")
    eventually(lambda: notifier.status().counters.get("receipts_published") == 1)
    eventually(lambda: notifier.status().counters.get("repeated") == 1)
    assert sorted(room.delivered()) == [("t1", "email"), ("t1", "webhook"), ("t2", "email")]


def test_a_channel_that_is_not_configured_is_skipped(room: Room) -> None:
    room.notifier(frozenset({"email"}))
    room.send(Severity.HIGH, "t1")
    eventually(lambda: len(room.receipts) == 2)
    skipped = next(r for r in room.receipts if r.channel == "webhook")
    assert (skipped.outcome, skipped.reason) == ("skipped", "webhook is not configured")
    assert room.delivered() == [("t1", "email")]


def test_receipts_are_told_again_to_a_broker_without_memory(room: Room) -> None:
    room.notifier()
    room.send(Severity.HIGH, "t1")
    eventually(lambda: len(room.receipts) == 2)
    room.leave()
    room.notifier(fresh_broker=True)
    eventually(lambda: len(room.receipts) == 4)
    assert sorted(map(repr, room.receipts[:2])) == sorted(map(repr, room.receipts[2:]))


def test_what_cannot_be_read_is_quarantined_and_blocks_nothing(room: Room) -> None:
    notifier = room.notifier()
    room.publisher.publish(ALERTS, Encoded(b"\xff", {}))
    room.send(Severity.LOW, "t1")
    eventually(lambda: len(room.receipts) == 1)
    eventually(lambda: notifier.status().counters.get("quarantined") == 1)
