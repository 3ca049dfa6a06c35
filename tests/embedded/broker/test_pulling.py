"""Pull, acknowledge, extend, nack, dead letters, seek: unary calls of the real client."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from tests.embedded.broker.calls import publish, pull
from tests.support import eventually


def _publish(publisher: PublisherClient, topic: str, count: int) -> None:
    messages = [{"data": str(number).encode()} for number in range(count)]
    publish(publisher, topic, messages)


def test_messages_come_in_publish_order_and_as_many_as_asked(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, 10)
    first = pull(subscriber, subscription, 4)
    rest = pull(subscriber, subscription)
    assert [int(each.message.data) for each in first + rest] == list(range(10))
    assert {each.delivery_attempt for each in first} == {0}  # no dead letter policy, not told


def test_an_empty_subscription_answers_before_the_caller_gives_up(
    subscriber: SubscriberClient, subscription: str
) -> None:
    request = {"subscription": subscription, "max_messages": 1}
    began = time.monotonic()
    assert not subscriber.pull(request=request, timeout=2).received_messages
    assert 1 < time.monotonic() - began < 2


def test_a_waiting_pull_is_woken_by_a_message(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        pulled = pool.submit(pull, subscriber, subscription, wait=True)
        publisher.publish(topic, b"x").result(5)
        assert len(pulled.result(5)) == 1


def test_acknowledged_is_gone_and_nacked_comes_at_once(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, 2)
    one, two = pull(subscriber, subscription)
    subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id])
    subscriber.modify_ack_deadline(
        subscription=subscription, ack_ids=[two.ack_id], ack_deadline_seconds=0
    )
    assert [each.message.data for each in pull(subscriber, subscription)] == [b"1"]


def test_a_lease_that_is_not_extended_runs_out(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, 2)
    one, _two = pull(subscriber, subscription)
    subscriber.modify_ack_deadline(
        subscription=subscription, ack_ids=[one.ack_id], ack_deadline_seconds=1
    )
    began = time.monotonic()
    (again,) = pull(subscriber, subscription, wait=True)
    assert again.message.data == b"0"
    assert 0.9 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("pull", {"max_messages": 0}),
        ("acknowledge", {"ack_ids": []}),
        ("modify_ack_deadline", {"ack_ids": ["x"], "ack_deadline_seconds": 601}),
        ("modify_ack_deadline", {"ack_ids": ["x"], "ack_deadline_seconds": -1}),
        ("seek", {"request": {}}),
    ],
)
def test_senseless_requests_are_refused(
    subscriber: SubscriberClient, subscription: str, call: str, arguments: dict[str, object]
) -> None:
    request = {"subscription": subscription, **arguments}
    request.pop("request", None)
    with pytest.raises(exceptions.InvalidArgument):
        getattr(subscriber, call)(request=request)


def test_attempts_are_told_and_the_last_goes_to_the_dead_letter_topic(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, project: str
) -> None:
    dead_topic = publisher.create_topic(name=f"{topic}.dead").name
    dead = f"projects/{project}/subscriptions/reader.dead"
    subscriber.create_subscription(name=dead, topic=dead_topic)
    name = f"projects/{project}/subscriptions/reader"
    policy = {"dead_letter_topic": dead_topic, "max_delivery_attempts": 5}
    request = {"name": name, "topic": topic, "dead_letter_policy": policy}
    subscriber.create_subscription(request=request)
    publisher.publish(topic, b"poison", asset="ETH").result(5)
    for attempt in range(1, 6):
        (received,) = pull(subscriber, name)
        assert received.delivery_attempt == attempt
        subscriber.modify_ack_deadline(
            subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=0
        )
    assert pull(subscriber, name) == []
    (letter,) = pull(subscriber, dead)
    attributes = dict(letter.message.attributes)
    published = datetime.fromisoformat(
        attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    )
    assert published == received.message.publish_time
    assert letter.message.data == b"poison"
    assert attributes == {
        "asset": "ETH",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "reader",
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
    }


def test_a_retry_policy_holds_a_nacked_message_back(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, project: str
) -> None:
    name = f"projects/{project}/subscriptions/patient"
    policy = {"minimum_backoff": timedelta(seconds=1), "maximum_backoff": timedelta(seconds=2)}
    subscriber.create_subscription(request={"name": name, "topic": topic, "retry_policy": policy})
    publisher.publish(topic, b"x").result(5)
    (received,) = pull(subscriber, name)
    subscriber.modify_ack_deadline(
        subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=0
    )
    began = time.monotonic()
    eventually(lambda: pull(subscriber, name), interval=0.05)
    assert 0.9 < time.monotonic() - began < 5


def test_a_new_subscription_seeks_back_to_warm_up(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, project: str
) -> None:
    change = {"name": topic, "message_retention_duration": timedelta(hours=1)}
    mask = {"paths": ["message_retention_duration"]}
    publisher.update_topic(topic=change, update_mask=mask)
    before = datetime.now(UTC)
    _publish(publisher, topic, 3)
    name = f"projects/{project}/subscriptions/late"
    subscriber.create_subscription(name=name, topic=topic)
    assert pull(subscriber, name) == []
    subscriber.seek(request={"subscription": name, "time": before})
    assert [each.message.data for each in pull(subscriber, name)] == [b"0", b"1", b"2"]


def test_seeking_to_now_purges(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, 3)
    subscriber.seek(request={"subscription": subscription, "time": datetime.now(UTC)})
    assert pull(subscriber, subscription) == []


def test_an_unknown_snapshot_is_not_found(
    subscriber: SubscriberClient, subscription: str, project: str
) -> None:
    snapshot = f"projects/{project}/snapshots/none"
    with pytest.raises(exceptions.NotFound):
        subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
