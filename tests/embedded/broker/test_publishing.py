"""Publishing through the real client and over the raw method."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import PublisherClient as GeneratedClient

from embedded.broker import BrokerProcess
from tests.embedded.broker.calls import publish
from tests.embedded.broker.raw_stream import raw_stream
from tests.support import eventually


def test_a_message_arrives_whole(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    message_id = publisher.publish(topic, b"3941.34", asset="ETH").result(5)
    (received,) = subscriber.pull(subscription=subscription, max_messages=5).received_messages
    assert received.message.message_id == message_id
    assert received.message.data == b"3941.34"
    assert dict(received.message.attributes) == {"asset": "ETH"}
    age = datetime.now(UTC) - received.message.publish_time
    assert timedelta(0) <= age < timedelta(seconds=30)


def test_ids_rise_and_never_repeat(publisher: PublisherClient, topic: str) -> None:
    messages = [{"data": b"x"}] * 1000
    ids = [int(i) for i in publish(publisher, topic, messages)]
    ids += [int(i) for i in publish(publisher, topic, messages)]
    assert ids == sorted(set(ids))
    assert len(ids) == 2000


def test_every_subscription_gets_every_message(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, project: str
) -> None:
    names = [f"projects/{project}/subscriptions/reader{number}" for number in range(4)]
    for name in names:
        subscriber.create_subscription(name=name, topic=topic)
    publisher.publish(topic, b"x").result(5)
    for name in names:
        assert len(subscriber.pull(subscription=name, max_messages=5).received_messages) == 1


def test_an_ordering_key_travels_with_its_message(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    publish(publisher, topic, [{"data": b"x", "ordering_key": "ETH"}])
    (received,) = subscriber.pull(subscription=subscription, max_messages=5).received_messages
    assert received.message.ordering_key == "ETH"


def test_a_message_of_nearly_ten_megabytes_passes(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    publish(publisher, topic, [{"data": b"x" * 9_900_000}, {"data": b"small"}])
    with raw_stream(broker, subscription) as stream:
        eventually(lambda: len(stream.messages) == 2)
        assert [len(data) for data in stream.data] == [9_900_000, 5]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([], id="none"),
        pytest.param([{"ordering_key": "k"}], id="neither data nor attributes"),
        pytest.param([{"data": b"x"}] * 1001, id="over 1000"),
        pytest.param([{"data": b"x" * 6_000_000}] * 2, id="over 10 MB"),
        pytest.param([{"attributes": {"": "x"}}], id="empty key"),
        pytest.param([{"attributes": {"googx": "x"}}], id="reserved key"),
        pytest.param([{"attributes": {"k" * 257: "x"}}], id="long key"),
        pytest.param([{"attributes": {"k": "v" * 1025}}], id="long value"),
        pytest.param([{"attributes": {f"k{n}": "v" for n in range(101)}}], id="over 100 keys"),
    ],
)
def test_what_pubsub_would_not_take_is_refused(
    publisher: PublisherClient, topic: str, messages: list[dict[str, object]]
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        publish(publisher, topic, messages)


def test_publishing_to_no_topic_is_not_found(publisher: PublisherClient, project: str) -> None:
    with pytest.raises(exceptions.NotFound):
        publisher.publish(f"projects/{project}/topics/nowhere", b"x").result(5)


def test_what_client_libraries_add_to_a_message_is_taken(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    publisher.publish(topic, b"", googclient_traceparent=trace).result(5)
    (received,) = subscriber.pull(subscription=subscription, max_messages=5).received_messages
    assert dict(received.message.attributes) == {"googclient_traceparent": trace}
    with pytest.raises(exceptions.InvalidArgument):
        publisher.publish(topic, b"", google="x").result(5)


@pytest.mark.parametrize(
    ("mib", "error"), [(31, exceptions.InvalidArgument), (33, exceptions.ResourceExhausted)]
)
def test_a_request_that_is_far_too_large_is_not_even_read(
    publisher: PublisherClient, topic: str, mib: int, error: type[Exception]
) -> None:
    messages = [{"data": bytes(1024 * 1024)}] * mib
    with pytest.raises(error):
        GeneratedClient.publish(publisher, topic=topic, messages=messages, retry=None)
