"""How long snapshots live and what they keep, on a hand-moved clock."""

from collections.abc import Callable
from typing import Any

import pytest
from google.pubsub_v1 import types

from embedded.broker.errors import NotFoundError, SnapshotRefusedError, SnapshotSpaceError
from embedded.broker.memory import Limits
from embedded.broker.registry import Registry
from tests.embedded.broker.doubles import FakeAlarm, open_stream, sequences
from tests.support import FakeClock

TOPIC, READER = "projects/pro/topics/prices", "projects/pro/subscriptions/reader"
SNAPSHOT = "projects/pro/snapshots/before"
HOUR, DAY = 3_600, 86_400
RawPublish, RawCreate = types.PublishRequest.pb(), types.CreateSnapshotRequest.pb()


class _Broker:
    """A registry with one topic and one subscription."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = FakeClock()
        self.alarms: list[FakeAlarm] = []
        self.registry = Registry(clock=self.clock, alarm=self._set, limits=limits)
        self.topic = self.registry.create_topic(types.Topic.pb()(name=TOPIC))
        self.delivery = self.registry.create_subscription(
            types.Subscription.pb()(name=READER, topic=TOPIC)
        ).delivery

    def publish(self, size: int = 1) -> int:
        """The number of a new message."""
        messages = [{"data": b"x" * size}]
        (number,) = self.registry.publish(RawPublish(topic=TOPIC, messages=messages))
        return int(number)

    def settle(self) -> list[int]:
        """Take and acknowledge all; their numbers."""
        stream = open_stream(self.delivery)
        leases = self.delivery.take(stream)
        self.delivery.acknowledge([lease.ack_id for lease in leases])
        self.delivery.detach(stream)
        return sequences(leases)

    def snapshot(self, name: str = SNAPSHOT) -> Any:
        """A new snapshot of the subscription."""
        return self.registry.create_snapshot(RawCreate(name=name, subscription=READER))

    def lifetime(self, made: Any) -> float:
        """Seconds from now until a snapshot expires."""
        return float(made.expire_time.seconds) - self.clock.now().timestamp()

    def ring(self) -> None:
        """Ring the alarms that are due."""
        due = [alarm for alarm in self.alarms if alarm.when <= self.clock.monotonic()]
        self.alarms = [alarm for alarm in self.alarms if alarm not in due]
        for alarm in due:
            if not alarm.cancelled:
                alarm.callback()

    def _set(self, when: float, callback: Callable[[], None], /) -> FakeAlarm:
        self.alarms.append(FakeAlarm(when, callback))
        return self.alarms[-1]


def test_it_lives_seven_days_less_the_age_of_its_oldest_message() -> None:
    broker = _Broker()
    assert broker.lifetime(broker.snapshot()) == 7 * DAY
    broker.publish()
    broker.clock.advance(3 * DAY)
    assert broker.lifetime(broker.snapshot("projects/pro/snapshots/later")) == 4 * DAY


def test_none_is_made_that_would_live_less_than_an_hour() -> None:
    broker = _Broker()
    broker.publish()
    broker.clock.advance(7 * DAY - HOUR)
    assert broker.lifetime(broker.snapshot()) == HOUR
    broker.clock.advance(1)
    with pytest.raises(SnapshotRefusedError, match="within an hour"):
        broker.snapshot("projects/pro/snapshots/too-late")
    broker.settle()
    assert broker.snapshot("projects/pro/snapshots/emptied")


def test_it_is_gone_when_it_expires_and_its_name_is_free() -> None:
    broker = _Broker()
    broker.snapshot()
    broker.clock.advance(7 * DAY - 1)
    assert broker.registry.snapshots.find(SNAPSHOT)
    broker.clock.advance(1)
    with pytest.raises(NotFoundError):
        broker.registry.seek_to_snapshot(READER, SNAPSHOT)
    assert not broker.registry.snapshots.of_project("projects/pro")
    assert broker.snapshot()


def test_the_topic_keeps_what_was_published_since_until_it_expires() -> None:
    broker = _Broker()
    before = broker.publish()
    broker.snapshot()
    since = broker.publish()
    assert broker.settle() == [before, since]
    broker.clock.advance(5 * DAY)
    late = broker.publish()
    assert len(broker.topic.window) == 2  # the topic itself asks for no retention
    broker.registry.seek_to_snapshot(READER, SNAPSHOT)
    assert broker.settle() == [before, since, late]
    broker.clock.advance(2 * DAY)
    broker.ring()
    assert len(broker.topic.window) == 0


def test_a_snapshot_that_is_deleted_or_cut_short_lets_go_of_it() -> None:
    broker = _Broker()
    broker.snapshot()
    made = broker.snapshot("projects/pro/snapshots/second")
    broker.publish()
    broker.clock.advance(DAY)
    broker.registry.snapshots.delete(SNAPSHOT)
    assert len(broker.topic.window) == 1
    change = types.Snapshot.pb()(name=made.name)
    change.expire_time.FromSeconds(int(broker.clock.now().timestamp()) + 10)
    broker.registry.snapshots.update(change, ["expire_time"])
    broker.clock.advance(10)
    broker.ring()
    assert len(broker.topic.window) == 0
    assert not [alarm for alarm in broker.alarms if not alarm.cancelled]


def test_what_is_kept_stays_within_the_limits_of_the_window() -> None:
    broker = _Broker(Limits(memory_bytes=16_000, overhead=0))
    broker.snapshot()
    for _ in range(10):
        broker.publish(1_000)
    broker.settle()
    assert len(broker.topic.window) == 3


def test_snapshots_together_hold_no_more_than_a_backlog_may() -> None:
    broker = _Broker(Limits(memory_bytes=8_000, overhead=0))
    broker.publish(900)
    broker.snapshot("projects/pro/snapshots/one")
    broker.snapshot("projects/pro/snapshots/same")  # of the same message, which is there once
    broker.settle()
    broker.publish(1_500)
    with pytest.raises(SnapshotSpaceError, match="Delete some"):
        broker.snapshot()
    for name in ("one", "same"):
        broker.registry.snapshots.delete(f"projects/pro/snapshots/{name}")
    assert broker.snapshot()
