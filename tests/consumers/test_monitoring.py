"""Backlog figures through the real Monitoring client; a missing point is unknown, never zero."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from google.cloud import pubsub_v1

from consumers.clock import SystemClock
from consumers.errors import MonitoringError
from consumers.monitoring import BacklogSource
from embedded.broker import BrokerProcess
from tests.embedded.broker.fixture import broker, project  # noqa: F401
from tests.support import eventually

PERIOD = timedelta(seconds=3)


@pytest.fixture
def source(broker: BrokerProcess, project: str) -> Iterator[BacklogSource]:  # noqa: F811
    made = BacklogSource(project, broker.address, SystemClock())
    yield made
    made.close()


def test_one_poll_tells_the_backlog_of_every_subscription(
    broker: BrokerProcess,  # noqa: F811
    project: str,  # noqa: F811
    source: BacklogSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        topic = publisher.topic_path(project, "prices")
        publisher.create_topic(name=topic)
        for name in ("first", "second"):
            path = subscriber.subscription_path(project, name)
            subscriber.create_subscription(name=path, topic=topic)
        for _ in range(4):
            publisher.publish(topic, b"x").result(5)
        first = subscriber.subscription_path(project, "first")
        pulled = subscriber.pull(subscription=first, max_messages=4).received_messages
        subscriber.acknowledge(subscription=first, ack_ids=[m.ack_id for m in pulled])
    eventually(lambda: source.poll(PERIOD)["first"].backlog == 0)
    samples = source.poll(PERIOD)
    assert samples["second"].backlog == 4
    assert samples["second"].oldest_s is not None
    acked = samples["first"].acked_per_s
    assert acked is not None
    assert acked > 0
    assert samples["second"].acked_per_s == 0


def test_a_project_without_subscriptions_has_no_samples(source: BacklogSource) -> None:
    assert source.poll(PERIOD) == {}


def test_nobody_there_is_an_error_and_not_a_zero() -> None:
    gone = BacklogSource("fusion-local", "127.0.0.1:9", SystemClock())
    with pytest.raises(MonitoringError, match="no backlog figures"):
        gone.poll(PERIOD)
    gone.close()
