"""Subscriptions through the real client: life, settings, update masks, status codes."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.protobuf.duration_pb2 import Duration


def _seconds(seconds: int) -> Duration:
    return Duration(seconds=seconds)


def test_a_project_lists_its_snapshots(subscriber: SubscriberClient, project: str) -> None:
    assert list(subscriber.list_snapshots(project=f"projects/{project}")) == []


def test_defaults_are_pubsubs(subscriber: SubscriberClient, subscription: str, topic: str) -> None:
    found = subscriber.get_subscription(subscription=subscription)
    assert (found.topic, found.ack_deadline_seconds) == (topic, 10)
    assert found.message_retention_duration.days == 7
    assert found.expiration_policy.ttl.days == 31
    assert not found.detached


def test_settings_come_back_as_given(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, project: str
) -> None:
    publisher.create_topic(name=f"{topic}.dead")
    request = {
        "name": f"projects/{project}/subscriptions/full",
        "topic": topic,
        "ack_deadline_seconds": 30,
        "enable_message_ordering": True,
        "enable_exactly_once_delivery": True,
        "retain_acked_messages": True,
        "filter": 'attributes.asset = "ETH"',
        "labels": {"team": "risk"},
        "message_retention_duration": _seconds(3600),
        "expiration_policy": {"ttl": _seconds(86_400)},
        "dead_letter_policy": {"dead_letter_topic": f"{topic}.dead", "max_delivery_attempts": 7},
        "retry_policy": {"minimum_backoff": _seconds(1), "maximum_backoff": _seconds(60)},
    }
    subscriber.create_subscription(request=request)
    found = subscriber.get_subscription(subscription=request["name"])
    assert (found.ack_deadline_seconds, found.filter) == (30, 'attributes.asset = "ETH"')
    assert found.enable_message_ordering
    assert found.enable_exactly_once_delivery
    assert found.retain_acked_messages
    assert dict(found.labels) == {"team": "risk"}
    assert found.message_retention_duration.seconds == 3600
    assert found.expiration_policy.ttl.days == 1
    assert found.dead_letter_policy.dead_letter_topic == f"{topic}.dead"
    assert found.dead_letter_policy.max_delivery_attempts == 7
    assert found.retry_policy.maximum_backoff.seconds == 60


def test_an_empty_expiration_policy_means_never(
    subscriber: SubscriberClient, topic: str, project: str
) -> None:
    request = {
        "name": f"projects/{project}/subscriptions/eternal",
        "topic": topic,
        "expiration_policy": {},
    }
    assert not subscriber.create_subscription(request=request).expiration_policy.ttl


@pytest.mark.parametrize(
    "wrong",
    [
        {"ack_deadline_seconds": 9},
        {"ack_deadline_seconds": 601},
        {"message_retention_duration": _seconds(599)},
        {"message_retention_duration": _seconds(32 * 86_400)},
        {"expiration_policy": {"ttl": _seconds(3600)}},
        {"dead_letter_policy": {"dead_letter_topic": "nonsense"}},
        {
            "dead_letter_policy": {
                "dead_letter_topic": "projects/p/topics/dead",
                "max_delivery_attempts": 4,
            }
        },
        {"retry_policy": {"minimum_backoff": _seconds(700)}},
        {"retry_policy": {"minimum_backoff": _seconds(20), "maximum_backoff": _seconds(10)}},
        {"name": "reader"},
    ],
)
def test_settings_out_of_bounds_are_refused(
    subscriber: SubscriberClient, topic: str, project: str, wrong: dict[str, Any]
) -> None:
    request = {"name": f"projects/{project}/subscriptions/reader", "topic": topic, **wrong}
    with pytest.raises(exceptions.InvalidArgument):
        subscriber.create_subscription(request=request)


def test_it_is_created_once_and_only_on_a_topic(
    subscriber: SubscriberClient, subscription: str, topic: str, project: str
) -> None:
    with pytest.raises(exceptions.AlreadyExists):
        subscriber.create_subscription(name=subscription, topic=topic)
    with pytest.raises(exceptions.NotFound):
        subscriber.create_subscription(
            name=f"projects/{project}/subscriptions/lost", topic=f"projects/{project}/topics/no-one"
        )


def test_an_update_changes_only_what_the_mask_names(
    subscriber: SubscriberClient, subscription: str
) -> None:
    change = {"name": subscription, "ack_deadline_seconds": 60, "labels": {"a": "b"}}
    mask = {"paths": ["ack_deadline_seconds"]}
    updated = subscriber.update_subscription(subscription=change, update_mask=mask)
    assert (updated.ack_deadline_seconds, dict(updated.labels)) == (60, {})


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"ack_deadline_seconds": 5}, ["ack_deadline_seconds"]),
        ({"filter": "attributes:x"}, ["filter"]),
        ({"enable_message_ordering": True}, ["enable_message_ordering"]),
        ({}, []),
    ],
)
def test_an_update_that_cannot_be_is_refused_and_changes_nothing(
    subscriber: SubscriberClient, subscription: str, change: dict[str, Any], paths: list[str]
) -> None:
    before = subscriber.get_subscription(subscription=subscription)
    with pytest.raises(exceptions.InvalidArgument):
        subscriber.update_subscription(
            subscription={"name": subscription, **change}, update_mask={"paths": paths}
        )
    assert subscriber.get_subscription(subscription=subscription) == before


def test_listing_goes_through_all_pages(
    subscriber: SubscriberClient, topic: str, project: str
) -> None:
    names = {f"projects/{project}/subscriptions/sub{number}" for number in range(5)}
    for name in names:
        subscriber.create_subscription(name=name, topic=topic)
    request = {"project": f"projects/{project}", "page_size": 2}
    pages = list(subscriber.list_subscriptions(request=request).pages)
    assert [len(page.subscriptions) for page in pages] == [2, 2, 1]
    assert {each.name for page in pages for each in page.subscriptions} == names


def test_a_deleted_subscription_is_not_found(
    subscriber: SubscriberClient, subscription: str
) -> None:
    subscriber.delete_subscription(subscription=subscription)
    for call in (subscriber.get_subscription, subscriber.delete_subscription):
        with pytest.raises(exceptions.NotFound):
            call(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        subscriber.pull(subscription=subscription, max_messages=1)
    with pytest.raises(exceptions.NotFound):
        subscriber.acknowledge(subscription=subscription, ack_ids=["x"])


def test_a_detached_subscription_refuses_to_deliver(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    publisher.publish(topic, b"x").result(5)
    publisher.detach_subscription(request={"subscription": subscription})
    assert subscriber.get_subscription(subscription=subscription).detached
    assert list(publisher.list_topic_subscriptions(topic=topic)) == []
    with pytest.raises(exceptions.FailedPrecondition):
        subscriber.pull(subscription=subscription, max_messages=1)


def test_a_push_endpoint_is_stored(subscriber: SubscriberClient, subscription: str) -> None:
    config = {"push_endpoint": "https://example.com/push"}
    subscriber.modify_push_config(subscription=subscription, push_config=config)
    found = subscriber.get_subscription(subscription=subscription)
    assert found.push_config.push_endpoint == "https://example.com/push"
    subscriber.modify_push_config(subscription=subscription, push_config={})
    assert not subscriber.get_subscription(subscription=subscription).push_config.push_endpoint
