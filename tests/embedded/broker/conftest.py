"""The real Google clients, connected to one broker process for all tests here."""

from collections.abc import Iterator

import grpc
import pytest
from google.cloud import monitoring_v3, pubsub_v1
from google.cloud.monitoring_v3.services.metric_service.transports import (
    MetricServiceGrpcTransport,
)

from embedded.broker import BrokerProcess
from tests.embedded.broker.fixture import broker, project
from tests.embedded.broker.hour import Hour, hour

__all__ = ["broker", "project"]


@pytest.fixture(scope="session")
def publisher(broker: BrokerProcess) -> Iterator[pubsub_v1.PublisherClient]:
    """A publisher that sends each message at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
        client = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_latency=0))
    yield client
    client.stop()


@pytest.fixture(scope="session")
def subscriber(broker: BrokerProcess) -> Iterator[pubsub_v1.SubscriberClient]:
    """The subscriber client as an application has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
        client = pubsub_v1.SubscriberClient()
    yield client
    client.close()


@pytest.fixture(scope="session")
def metrics(broker: BrokerProcess) -> Iterator[monitoring_v3.MetricServiceClient]:
    """The Monitoring client on our own channel: the only way to a server without TLS."""
    channel = grpc.insecure_channel(broker.address)
    yield monitoring_v3.MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))
    channel.close()


@pytest.fixture
def topic(publisher: pubsub_v1.PublisherClient, project: str) -> str:
    """A new topic of this test's own project."""
    return str(publisher.create_topic(name=f"projects/{project}/topics/prices").name)


@pytest.fixture
def subscription(subscriber: pubsub_v1.SubscriberClient, project: str, topic: str) -> str:
    """A new subscription to it, with every default."""
    name = f"projects/{project}/subscriptions/reader"
    return str(subscriber.create_subscription(name=name, topic=topic).name)


@pytest.fixture
def made() -> Iterator[Hour]:
    """A topic and a subscription at a broker on a hand-moved clock."""
    with hour() as made:
        yield made
