"""The registry's own rules, on a hand-moved clock."""

from collections.abc import Callable
from typing import Any

import pytest
from google.pubsub_v1 import types

from embedded.broker.errors import ResourceExhaustedError
from embedded.broker.registry import Registry
from embedded.broker.retention import Limits
from tests.embedded.broker.doubles import FakeAlarm, open_stream, sequences
from tests.support import FakeClock

TOPIC, SUBSCRIPTION = "projects/pro/topics/prices", "projects/pro/subscriptions/reader"
RawPublish = types.PublishRequest.pb()


def _alarm(when: float, callback: Callable[[], None], /) -> FakeAlarm:
    return FakeAlarm(when, callback)


def _registry(clock: FakeClock, limits: Limits | None = None) -> Registry:
    registry = Registry(clock=clock, alarm=_alarm, limits=limits)
    registry.create_topic(types.Topic.pb()(name=TOPIC))
    registry.create_subscription(types.Subscription.pb()(name=SUBSCRIPTION, topic=TOPIC))
    return registry


def _publish(registry: Registry, count: int = 1, size: int = 1) -> list[str]:
    messages: list[Any] = [{"data": b"x" * size}] * count
    return registry.topic(TOPIC).publish(RawPublish(topic=TOPIC, messages=messages))


def test_a_backlog_at_its_limit_refuses_publishing_and_names_the_subscription() -> None:
    registry = _registry(FakeClock(), Limits(backlog_bytes=1_000, overhead=0))
    _publish(registry, size=1_500)
    with pytest.raises(ResourceExhaustedError, match="reader holds 1 unacknowledged"):
        _publish(registry)
    delivery = registry.subscription(SUBSCRIPTION).delivery
    delivery.acknowledge([lease.ack_id for lease in delivery.take(open_stream(delivery))])
    assert _publish(registry)


def test_acknowledged_messages_leave_memory_with_the_topics_window() -> None:
    clock = FakeClock()
    registry = _registry(clock)
    _publish(registry, 10)
    clock.advance(601)
    _publish(registry)
    assert len(registry.topic(TOPIC).window) == 1


def test_retain_acked_messages_widens_the_window_and_deleting_narrows_it() -> None:
    registry = _registry(FakeClock())
    window = registry.topic(TOPIC).window
    assert window.seconds == 600
    change = types.Subscription.pb()(name=SUBSCRIPTION, retain_acked_messages=True)
    registry.update_subscription(change, ["retain_acked_messages"])
    assert window.seconds == 7 * 86_400
    registry.delete_subscription(SUBSCRIPTION)
    assert window.seconds == 600


def test_seeking_back_reaches_messages_from_before_the_subscription() -> None:
    clock = FakeClock()
    registry = _registry(clock)
    ids = [int(number) for number in _publish(registry, 3)]
    late = "projects/pro/subscriptions/late"
    registry.create_subscription(types.Subscription.pb()(name=late, topic=TOPIC))
    registry.seek(late, clock.now().timestamp() - 60)
    delivery = registry.subscription(late).delivery
    assert sequences(delivery.take(open_stream(delivery))) == ids


def test_message_ids_of_a_restarted_broker_are_new() -> None:
    clock = FakeClock()
    before = [int(number) for number in _publish(_registry(clock), 100)]
    clock.advance(1)
    after = [int(number) for number in _publish(_registry(clock), 100)]
    assert max(before) < min(after)
