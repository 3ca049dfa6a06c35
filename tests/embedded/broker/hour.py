"""What tests do to a broker on a hand-moved clock, and what they ask it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
from google.cloud.monitoring_v3 import TimeInterval, TimeSeries

from tests.embedded.broker.calls import publish, pull
from tests.embedded.broker.clocked import ClockedBroker

PROJECT = "projects/fusion"
PUBSUB = "pubsub.googleapis.com"


class Hour:
    """A topic `prices` with a subscription `reader`, and questions about them."""

    def __init__(self, broker: ClockedBroker) -> None:
        self.broker = broker
        self.topic = f"{PROJECT}/topics/prices"
        self.subscription = f"{PROJECT}/subscriptions/reader"
        self.publisher = pubsub_v1.PublisherClient(
            transport=pubsub_v1.PublisherClient.get_transport_class("grpc")(channel=broker.channel)
        )
        self.subscriber = pubsub_v1.SubscriberClient(
            transport=pubsub_v1.SubscriberClient.get_transport_class("grpc")(channel=broker.channel)
        )
        self.publisher.create_topic(
            request={"name": self.topic, "message_retention_duration": {"seconds": 3600}}
        )
        self.subscriber.create_subscription(name=self.subscription, topic=self.topic)

    def publish(self, count: int) -> None:
        """`count` messages in one request."""
        publish(self.publisher, self.topic, [{"data": b"0123456789"}] * count)

    def take(self, count: int) -> list[str]:
        """The ack ids of `count` messages."""
        return [each.ack_id for each in pull(self.subscriber, self.subscription, count)]

    def ack(self, ack_ids: list[str]) -> None:
        """Acknowledge."""
        self.subscriber.acknowledge(subscription=self.subscription, ack_ids=ack_ids)

    def nack(self, ack_ids: list[str]) -> None:
        """Give back."""
        self.subscriber.modify_ack_deadline(
            subscription=self.subscription, ack_ids=ack_ids, ack_deadline_seconds=0
        )

    def request(self, metric: str, ago: float = 3600, **more: Any) -> dict[str, Any]:
        """A question about the last `ago` seconds."""
        now = self.broker.clock.now()
        interval = TimeInterval(start_time=now - timedelta(seconds=ago), end_time=now)
        return {
            "name": PROJECT,
            "filter": f'metric.type = "{PUBSUB}/{metric}"',
            "interval": interval,
            **more,
        }

    def series(self, metric: str, ago: float = 3600, **more: Any) -> list[TimeSeries]:
        """The series of a metric."""
        request = self.request(metric, ago, **more)
        return list(self.broker.metrics.list_time_series(request=request))

    def points(self, metric: str, ago: float = 3600, **more: Any) -> list[tuple[float, float, Any]]:
        """Of the one series there is: start and end, seconds ago, and value; newest first."""
        (series,) = self.series(metric, ago, **more)
        now = self.broker.clock.now()
        return [
            (
                (now - point.interval.start_time).total_seconds(),
                (now - point.interval.end_time).total_seconds(),
                value(point.value),
            )
            for point in series.points
        ]


def value(typed: Any) -> Any:
    """What a TypedValue holds."""
    raw = type(typed).pb(typed)
    return getattr(typed, raw.WhichOneof("value"))


@contextmanager
def hour(*, cloud_delays: bool = False) -> Iterator[Hour]:
    """A broker that begins at a full minute."""
    with ClockedBroker(cloud_delays=cloud_delays) as broker:
        yield Hour(broker)
