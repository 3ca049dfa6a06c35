"""A registry on a hand-moved clock, driven without a server: one topic, one subscription."""

from collections.abc import Callable, Mapping
from typing import Any

from google.pubsub_v1 import types

from embedded.broker.memory import Limits
from embedded.broker.registry import Registry
from embedded.broker.subscription import Subscription
from tests.embedded.broker.doubles import FakeAlarm, open_stream, sequences
from tests.support import FakeClock

PROJECT = "projects/pro"
TOPIC, READER = f"{PROJECT}/topics/prices", f"{PROJECT}/subscriptions/reader"
RawPublish = types.PublishRequest.pb()
RawTopic, RawSubscription = types.Topic.pb(), types.Subscription.pb()


class Shop:
    """`topic` and `reader` go by these settings, fields of Topic and Subscription."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        topic: Mapping[str, Any] | None = None,
        reader: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.registry = Registry(clock=self.clock, alarm=_alarm, limits=limits)
        self.topic = self.registry.create_topic(RawTopic(name=TOPIC, **(topic or {})))
        self.reader = self.subscribe("reader", **(reader or {}))

    @property
    def now(self) -> float:
        """POSIX seconds."""
        return self.clock.now().timestamp()

    def subscribe(self, name: str, **settings: Any) -> Subscription:
        """A new subscription to the topic."""
        message = RawSubscription(name=f"{PROJECT}/subscriptions/{name}", topic=TOPIC, **settings)
        return self.registry.create_subscription(message)

    def publish(self, count: int = 1, size: int = 1, **attributes: str) -> list[int]:
        """The numbers of new messages."""
        messages = [{"data": b"x" * size, "attributes": attributes}] * count
        request = RawPublish(topic=TOPIC, messages=messages)
        return [int(number) for number in self.registry.publish(request)]

    def settle(self, subscription: Subscription | None = None, *, most: int = 0) -> list[int]:
        """Take and acknowledge all that waits, or `most` of it; the numbers."""
        delivery = (subscription or self.reader).delivery
        stream = open_stream(delivery, most)
        leases = delivery.take(stream)
        delivery.acknowledge([lease.ack_id for lease in leases])
        delivery.detach(stream)
        return sequences(leases)

    def seek(self, seconds_ago: float, name: str = READER) -> None:
        """Seek to a time in the past (negative: the future)."""
        self.registry.seek(name, self.now - seconds_ago)


def _alarm(when: float, callback: Callable[[], None], /) -> FakeAlarm:
    return FakeAlarm(when, callback)
