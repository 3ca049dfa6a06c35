"""The notifier over the real clients: every alert delivered once, a receipt for every channel."""

import threading
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from consumers.delivery import CHANNELS, LAST_ATTEMPT, Due, Sinks
from consumers.feed import Incoming
from consumers.notifier import Notifier
from consumers.sink import Delivery
from consumers.subscription import SubscriptionSpec
from consumers.topology import ALERTS, RECEIPTS
from consumers.trace import add_trace
from consumers.wire import DeliveryReceipt, Encoded, decode_receipt, encode_alert
from core import alerts
from core.alerts import MarginAlert, Severity
from embedded.broker import BrokerProcess
from tests.consumers.arrivals import Arrivals
from tests.consumers.worker_room import CLOCK, WorkerRoom
from tests.support import eventually

LISTENER = SubscriptionSpec("receipts-of-a-test", RECEIPTS, dead_letter=False)


class Room(WorkerRoom):
    """A broker's project, a risk engine's hand, and every receipt that came."""

    def __init__(self, broker: BrokerProcess, project: str, folder: Path) -> None:
        self.receipts: list[DeliveryReceipt] = []
        super().__init__(broker, project, folder, LISTENER)

    def notifier(self, channels: Set[str] = CHANNELS, *, fresh_broker: bool = False) -> Notifier:
        """A notifier on this room's journal; one at a time."""
        return self.run(
            lambda journal: Notifier(
                settings=self.settings,
                pubsub=self.pubsub,
                publisher=self.publisher,
                journal=journal,
                clock=CLOCK,
                channels=channels,
                fresh_broker=fresh_broker,
            )
        )

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

    def hear(self, incoming: Incoming) -> None:
        """A receipt."""
        receipt = decode_receipt(incoming.data, incoming.attributes, CLOCK.now())
        assert isinstance(receipt, DeliveryReceipt)
        self.receipts.append(receipt)


@pytest.fixture
def room(broker: BrokerProcess, project: str, tmp_path: Path) -> Iterator[Room]:
    with Room(broker, project, tmp_path) as made:
        yield made


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


def test_its_lines_in_the_log_name_the_message_they_are_about(room: Room) -> None:
    with capture_logs(processors=[add_trace]) as lines:
        room.notifier()
        poison = room.publisher.publish(ALERTS, Encoded(b"\xff", {})).result(5)
        sent = room.send(Severity.LOW, "t1")
        both = {"message_quarantined", "alert_delivered"}
        eventually(lambda: both <= {line["event"] for line in lines})
    said_of = {line["event"]: line for line in lines}
    refused, told = said_of["message_quarantined"], said_of["alert_delivered"]
    assert (refused["message_id"], refused["topic"]) == (poison, ALERTS)
    assert (told["event_id"], told["topic"]) == (sent.event_id, ALERTS)
    assert told["message_id"] != poison
    assert len({refused["trace_id"], told["trace_id"]}) == 2


def test_what_fails_is_named_by_its_first_message_and_then_each_by_its_own(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(self: Sinks, batch: Sequence[Due], known: Set[Delivery]) -> list[DeliveryReceipt]:
        raise ValueError("of all")

    notifier, mail = room.notifier(), Arrivals()
    monkeypatch.setattr(Sinks, "deliver", spoilt)
    policy = room.settings.policy
    batch = [
        Due(
            alerts.test_alert(
                severity=Severity.LOW, test_id=name, at=CLOCK.now(), policy=policy, by="us"
            ),
            [mail.incoming(ALERTS, Encoded(b"", {}))],
        )
        for name in ("t1", "t2")
    ]
    with capture_logs(processors=[add_trace]) as lines:
        notifier._deliver(batch)
    failed = [line for line in lines if line["event"] == "delivery_failed"]
    assert [line["message_id"] for line in failed] == ["m1", "m1", "m2"]


def test_one_alert_that_cannot_be_delivered_keeps_back_no_other(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Event()
    deliver = Sinks.deliver

    def spoilt(self: Sinks, batch: Sequence[Due], known: Set[Delivery]) -> list[DeliveryReceipt]:
        if len(batch) > 1:
            together.set()
        if any(due.alert.test_id == "bad" for due in batch):
            raise ValueError("no such person")
        return deliver(self, batch, known)

    monkeypatch.setattr(Sinks, "deliver", spoilt)
    for name in ("t1", "bad", "t2", "t3"):
        room.send(Severity.LOW, name)  # they wait together for whoever comes
    notifier = room.notifier()
    eventually(lambda: {r.test_id for r in room.receipts} == {"t1", "t2", "t3"})
    assert together.is_set()
    eventually(lambda: "no such person" in (notifier.status().last_error or ""))


def test_what_fails_at_the_last_attempt_has_a_receipt_that_says_why(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier, mail, deliver = room.notifier(), Arrivals(), Sinks.deliver

    def failing(self: Sinks, batch: Sequence[Due], known: Set[Delivery]) -> list[DeliveryReceipt]:
        if any(due.alert.test_id in ("last", "early") for due in batch):
            raise ValueError("of one")
        return deliver(self, batch, known)

    def due(name: str, attempt: int) -> Due:
        alert = alerts.test_alert(
            severity=Severity.LOW,
            test_id=name,
            at=CLOCK.now(),
            policy=room.settings.policy,
            by="us",
        )
        return Due(alert, [mail.incoming(ALERTS, Encoded(b"", {}), attempt=attempt)])

    monkeypatch.setattr(Sinks, "deliver", failing)
    notifier._deliver([due("last", LAST_ATTEMPT), due("early", LAST_ATTEMPT - 1), due("good", 1)])
    eventually(lambda: len(room.receipts) == 2)
    assert {(r.test_id, r.outcome, r.reason) for r in room.receipts} == {
        ("last", "failed", "ValueError: of one"),
        ("good", "delivered", None),
    }
    assert (mail.acked, mail.nacked) == (["m1", "m3"], ["m2"])
    notifier._deliver([due("early", 1)])
    assert mail.nacked == ["m2", "m4"]
