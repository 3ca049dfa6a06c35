"""Streaming pull: the real client's `subscribe()`, and raw streams where it hides too much."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler

from embedded.broker import BrokerProcess
from tests.embedded.broker.calls import publish, pull
from tests.embedded.broker.raw_stream import raw_stream
from tests.support import eventually


def _publish(publisher: PublisherClient, topic: str, *numbers: int) -> None:
    messages = [{"data": str(number).encode()} for number in numbers]
    publish(publisher, topic, messages)


def _numbers(*numbers: int) -> list[bytes]:
    return [str(number).encode() for number in numbers]


def test_the_default_client_receives_and_acknowledges(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    received: list[Message] = []

    def handle(message: Message) -> None:
        received.append(message)
        message.ack()

    future = subscriber.subscribe(subscription, handle)
    for number in range(3):
        publisher.publish(topic, str(number).encode(), asset="ETH").result(5)
    eventually(lambda: len(received) == 3)
    future.cancel()
    future.result(5)
    assert {message.data for message in received} == set(_numbers(0, 1, 2))
    assert received[0].delivery_attempt is None
    assert pull(subscriber, subscription) == []


def test_one_worker_sees_two_thousand_messages_in_publish_order(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    received: list[int] = []

    def handle(message: Message) -> None:
        received.append(int(message.data))
        message.ack()

    _publish(publisher, topic, *range(1000))
    scheduler = ThreadScheduler(ThreadPoolExecutor(1))
    future = subscriber.subscribe(subscription, handle, scheduler=scheduler)
    _publish(publisher, topic, *range(1000, 2000))
    eventually(lambda: len(received) >= 2000)
    future.cancel()
    future.result(5)
    assert received == list(range(2000))


def test_a_nack_through_the_client_comes_again_promptly(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    seen: list[str] = []

    def handle(message: Message) -> None:
        seen.append(message.message_id)
        if len(seen) < 3:
            message.nack()
        else:
            message.ack()

    future = subscriber.subscribe(subscription, handle)
    message_id = publisher.publish(topic, b"x").result(5)
    eventually(lambda: len(seen) == 3, timeout=3)
    future.cancel()
    future.result(5)
    assert seen == [message_id] * 3


def test_a_deleted_subscription_ends_the_clients_stream(
    subscriber: SubscriberClient, subscription: str
) -> None:
    future = subscriber.subscribe(subscription, lambda message: message.ack())
    subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        future.result(5)


def test_a_detached_subscription_ends_the_clients_stream(
    publisher: PublisherClient, subscriber: SubscriberClient, subscription: str
) -> None:
    future = subscriber.subscribe(subscription, lambda message: message.ack())
    publisher.detach_subscription(request={"subscription": subscription})
    with pytest.raises(exceptions.FailedPrecondition):
        future.result(5)


def test_a_stream_on_no_subscription_is_not_found(
    subscriber: SubscriberClient, project: str
) -> None:
    name = f"projects/{project}/subscriptions/none"
    with pytest.raises(exceptions.NotFound):
        subscriber.subscribe(name, lambda message: message.ack()).result(5)


def test_acks_nacks_and_extensions_travel_on_the_stream(
    broker: BrokerProcess,
    publisher: PublisherClient,
    topic: str,
    subscription: str,
) -> None:
    with raw_stream(broker, subscription) as stream:
        _publish(publisher, topic, 0, 1, 2)
        eventually(lambda: len(stream.messages) == 3)
        zero, one, two = stream.messages
        stream.send(
            ack_ids=[zero.ack_id],
            modify_deadline_ack_ids=[one.ack_id, two.ack_id],
            modify_deadline_seconds=[0, 1],
        )
        eventually(lambda: stream.data == _numbers(0, 1, 2, 1, 2), timeout=3)


def test_client_flow_control_is_kept(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, *range(10))
    with raw_stream(broker, subscription, max_outstanding_messages=3) as stream:
        eventually(lambda: len(stream.messages) >= 3)
        for settled in range(1, 8):
            stream.send(ack_ids=[stream.messages[settled - 1].ack_id])
            eventually(lambda: len(stream.messages) >= settled + 3)  # noqa: B023
            assert len(stream.messages) == settled + 3
        assert stream.data == _numbers(*range(10))


def test_a_crashed_clients_messages_come_first_to_its_successor(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, *range(4))
    with raw_stream(broker, subscription, client_id="first", max_outstanding_messages=2) as first:
        eventually(lambda: len(first.messages) == 2)
    with raw_stream(broker, subscription, client_id="second") as second:
        eventually(lambda: len(second.messages) == 4, timeout=3)
        assert second.data == _numbers(0, 1, 2, 3)


def test_two_streams_share_the_work(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    with raw_stream(broker, subscription) as one, raw_stream(broker, subscription) as two:
        for number in range(40):
            _publish(publisher, topic, number)
        eventually(lambda: len(one.messages) + len(two.messages) == 40)
        assert min(len(one.messages), len(two.messages)) >= 10
        assert sorted(one.data + two.data) == sorted(_numbers(*range(40)))


def test_every_ping_of_protocol_version_1_gets_a_pong(
    broker: BrokerProcess, subscription: str
) -> None:
    with raw_stream(broker, subscription, protocol_version=1) as stream:
        for pings in (1, 2, 3):
            stream.send()
            eventually(lambda: stream.responses == pings)  # noqa: B023
        assert stream.messages == []


def test_the_heartbeats_of_a_client_that_asks_for_no_pongs_are_taken_in_silence(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    with raw_stream(broker, subscription) as stream:
        stream.send()
        stream.send(stream_ack_deadline_seconds=10)
        _publish(publisher, topic, 0)
        eventually(lambda: stream.messages)
        assert stream.responses == 1


@pytest.mark.slow
def test_a_stream_may_change_its_deadline(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    with raw_stream(broker, subscription, stream_ack_deadline_seconds=600) as stream:
        stream.send(stream_ack_deadline_seconds=10)
        _publish(publisher, topic, 0)
        eventually(lambda: stream.messages)
        began = time.monotonic()
        eventually(lambda: len(stream.messages) == 2, timeout=20)
        waited = time.monotonic() - began
    sys.stdout.write(f"\nredelivered after {waited:.1f} s under a deadline of 10 s\n")
    assert waited > 9


@pytest.mark.parametrize(
    ("opening", "further"),
    [
        ({"stream_ack_deadline_seconds": 5}, {}),
        ({"stream_ack_deadline_seconds": 0}, {}),
        ({"stream_ack_deadline_seconds": 601}, {}),
        ({}, {"stream_ack_deadline_seconds": 9}),
        ({}, {"max_outstanding_messages": 5}),
        ({}, {"max_outstanding_bytes": 5}),
        ({}, {"protocol_version": 1}),
        ({}, {"modify_deadline_ack_ids": ["x"], "modify_deadline_seconds": [-1]}),
        ({}, {"subscription": "projects/p/subscriptions/other"}),
        ({}, {"modify_deadline_ack_ids": ["x"]}),
        ({}, {"modify_deadline_ack_ids": ["x"], "modify_deadline_seconds": [601]}),
    ],
)
def test_senseless_requests_end_the_stream(
    broker: BrokerProcess, subscription: str, opening: dict[str, Any], further: dict[str, Any]
) -> None:
    with raw_stream(broker, subscription, **opening) as stream:
        if further:
            stream.send(**further)
        eventually(lambda: stream.call.code() is grpc.StatusCode.INVALID_ARGUMENT)
