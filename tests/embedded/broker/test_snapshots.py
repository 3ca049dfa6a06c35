"""Snapshots through the real client: made, found, listed, changed, deleted, sought to."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message

from tests.embedded.broker.calls import publish, pull
from tests.support import eventually

VIEWERS = {"role": "roles/pubsub.viewer", "members": ["allUsers"]}


@pytest.fixture
def snapshot(project: str) -> str:
    """The name of a snapshot that may be made."""
    return f"projects/{project}/snapshots/before-deploy"


def _publish(client: PublisherClient, topic: str, *data: bytes) -> None:
    publish(client, topic, [{"data": each} for each in data])


def _settle(client: SubscriberClient, subscription: str, most: int = 100) -> list[bytes]:
    """Pull and acknowledge up to `most` messages."""
    received = pull(client, subscription, most)
    ack_ids = [each.ack_id for each in received]
    client.acknowledge(subscription=subscription, ack_ids=ack_ids)
    return [each.message.data for each in received]


def test_it_has_the_topic_and_labels_and_lives_seven_days(
    subscriber: SubscriberClient, topic: str, subscription: str, snapshot: str
) -> None:
    before = datetime.now(UTC)
    request = {"name": snapshot, "subscription": subscription, "labels": {"team": "risk"}}
    made = subscriber.create_snapshot(request=request)
    assert (made.name, made.topic, dict(made.labels)) == (snapshot, topic, {"team": "risk"})
    week = timedelta(days=7)
    assert before + week <= made.expire_time <= datetime.now(UTC) + week
    assert subscriber.get_snapshot(snapshot=snapshot) == made


def test_one_without_a_name_is_given_one(
    subscriber: SubscriberClient, subscription: str, project: str
) -> None:
    made = subscriber.create_snapshot(request={"subscription": subscription})
    assert made.name.startswith(f"projects/{project}/snapshots/")
    assert subscriber.get_snapshot(snapshot=made.name) == made


def test_it_is_made_once_and_only_of_what_exists(
    subscriber: SubscriberClient, subscription: str, snapshot: str
) -> None:
    subscriber.create_snapshot(name=snapshot, subscription=subscription)
    with pytest.raises(exceptions.AlreadyExists):
        subscriber.create_snapshot(name=snapshot, subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        subscriber.create_snapshot(name=f"{snapshot}2", subscription=f"{subscription}2")
    with pytest.raises(exceptions.InvalidArgument):
        subscriber.create_snapshot(name="before-deploy", subscription=subscription)


def test_a_detached_subscription_has_none(
    publisher: PublisherClient, subscriber: SubscriberClient, subscription: str, snapshot: str
) -> None:
    publisher.detach_subscription(request={"subscription": subscription})
    with pytest.raises(exceptions.FailedPrecondition):
        subscriber.create_snapshot(name=snapshot, subscription=subscription)


def test_seeking_to_it_brings_back_what_was_not_acknowledged_then_and_all_since(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, b"1", b"2", b"3", b"4")
    assert _settle(subscriber, subscription, 2) == [b"1", b"2"]
    (held,) = pull(subscriber, subscription, 1)
    assert held.message.data == b"3"
    made = subscriber.create_snapshot(request={"subscription": subscription})
    subscriber.acknowledge(subscription=subscription, ack_ids=[held.ack_id])
    _publish(publisher, topic, b"5")
    assert _settle(subscriber, subscription) == [b"4", b"5"]
    _publish(publisher, topic, b"6")
    for _ in range(2):  # as often as one likes
        subscriber.seek(request={"subscription": subscription, "snapshot": made.name})
        assert _settle(subscriber, subscription) == [b"3", b"4", b"5", b"6"]
        assert pull(subscriber, subscription) == []


def test_an_open_stream_gets_what_a_seek_brings_back(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, b"1", b"2")
    made = subscriber.create_snapshot(request={"subscription": subscription})
    received: list[bytes] = []

    def hear(message: Message) -> None:
        received.append(message.data)
        message.ack()

    stream = subscriber.subscribe(subscription, hear)
    eventually(lambda: sorted(received) == [b"1", b"2"])
    _publish(publisher, topic, b"3")
    eventually(lambda: len(received) == 3)
    received.clear()
    subscriber.seek(request={"subscription": subscription, "snapshot": made.name})
    eventually(lambda: sorted(received) == [b"1", b"2", b"3"])
    stream.cancel()
    stream.result(5)


def test_another_subscription_of_the_topic_may_seek_to_it_through_its_own_filter(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    topic: str,
    subscription: str,
    project: str,
) -> None:
    name = f"projects/{project}/subscriptions/eth"
    request = {"name": name, "topic": topic, "filter": 'attributes.asset = "ETH"'}
    subscriber.create_subscription(request=request)
    publish(publisher, topic, [{"attributes": {"asset": asset}} for asset in ("ETH", "BTC")])
    made = subscriber.create_snapshot(request={"subscription": subscription})
    publish(publisher, topic, [{"attributes": {"asset": asset}} for asset in ("BTC", "ETH")])
    assert len(_settle(subscriber, name)) == 2
    subscriber.seek(request={"subscription": name, "snapshot": made.name})
    again = pull(subscriber, name)
    assert [each.message.attributes["asset"] for each in again] == ["ETH", "ETH"]


def test_a_subscription_of_another_topic_may_not(
    publisher: PublisherClient, subscriber: SubscriberClient, subscription: str, project: str
) -> None:
    made = subscriber.create_snapshot(request={"subscription": subscription})
    other = publisher.create_topic(name=f"projects/{project}/topics/other").name
    name = f"projects/{project}/subscriptions/other"
    subscriber.create_subscription(name=name, topic=other)
    with pytest.raises(exceptions.FailedPrecondition, match="another topic"):
        subscriber.seek(request={"subscription": name, "snapshot": made.name})


def test_an_update_changes_only_what_the_mask_names(
    subscriber: SubscriberClient, subscription: str, snapshot: str
) -> None:
    made = subscriber.create_snapshot(name=snapshot, subscription=subscription)
    sooner = made.expire_time - timedelta(days=1)
    change = {"name": snapshot, "labels": {"a": "b"}, "expire_time": sooner}
    labelled = subscriber.update_snapshot(snapshot=change, update_mask={"paths": ["labels"]})
    assert (dict(labelled.labels), labelled.expire_time) == ({"a": "b"}, made.expire_time)
    subscriber.update_snapshot(snapshot=change, update_mask={"paths": ["expire_time"]})
    assert subscriber.get_snapshot(snapshot=snapshot).expire_time == sooner


@pytest.mark.parametrize(
    ("days", "paths"),
    [(1, []), (1, ["topic"]), (1, ["name"]), (-1, ["expire_time"]), (8, ["expire_time"])],
)
def test_an_update_that_cannot_be_is_refused_and_changes_nothing(
    subscriber: SubscriberClient, subscription: str, snapshot: str, days: int, paths: list[str]
) -> None:
    made = subscriber.create_snapshot(name=snapshot, subscription=subscription)
    change = {"name": snapshot, "expire_time": datetime.now(UTC) + timedelta(days=days)}
    with pytest.raises(exceptions.InvalidArgument):
        subscriber.update_snapshot(snapshot=change, update_mask={"paths": paths})
    assert subscriber.get_snapshot(snapshot=snapshot) == made


def test_listing_goes_through_all_pages_of_a_project_and_of_a_topic(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    topic: str,
    subscription: str,
    project: str,
) -> None:
    names = {f"projects/{project}/snapshots/snap{number}" for number in range(5)}
    for name in names:
        subscriber.create_snapshot(name=name, subscription=subscription)
    request = {"project": f"projects/{project}", "page_size": 2}
    pages = list(subscriber.list_snapshots(request=request).pages)
    assert [len(page.snapshots) for page in pages] == [2, 2, 1]
    assert {each.name for page in pages for each in page.snapshots} == names
    of_topic = list(publisher.list_topic_snapshots(request={"topic": topic, "page_size": 3}).pages)
    assert [len(page.snapshots) for page in of_topic] == [3, 2]
    assert {name for page in of_topic for name in page.snapshots} == names
    other = publisher.create_topic(name=f"{topic}.other").name
    assert list(publisher.list_topic_snapshots(topic=other)) == []


def test_a_deleted_snapshot_is_not_found(
    subscriber: SubscriberClient, subscription: str, snapshot: str
) -> None:
    subscriber.create_snapshot(name=snapshot, subscription=subscription)
    subscriber.delete_snapshot(snapshot=snapshot)
    for call in (subscriber.get_snapshot, subscriber.delete_snapshot):
        with pytest.raises(exceptions.NotFound):
            call(snapshot=snapshot)
    with pytest.raises(exceptions.NotFound):
        subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    change = {"name": snapshot, "labels": {"a": "b"}}
    with pytest.raises(exceptions.NotFound):
        subscriber.update_snapshot(snapshot=change, update_mask={"paths": ["labels"]})


def test_it_outlives_its_subscription_and_its_topic(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    topic: str,
    subscription: str,
    snapshot: str,
    project: str,
) -> None:
    heir = f"projects/{project}/subscriptions/heir"
    subscriber.create_subscription(name=heir, topic=topic)
    _publish(publisher, topic, b"1")
    subscriber.create_snapshot(name=snapshot, subscription=subscription)
    subscriber.delete_subscription(subscription=subscription)
    publisher.delete_topic(topic=topic)
    assert subscriber.get_snapshot(snapshot=snapshot).topic == "_deleted-topic_"
    publisher.create_topic(name=topic)
    assert list(publisher.list_topic_snapshots(topic=topic)) == []
    assert _settle(subscriber, heir) == [b"1"]
    subscriber.seek(request={"subscription": heir, "snapshot": snapshot})
    assert _settle(subscriber, heir) == [b"1"]
    with pytest.raises(exceptions.FailedPrecondition, match="topic of its subscription is deleted"):
        subscriber.create_snapshot(name=f"{snapshot}2", subscription=heir)
    subscriber.create_subscription(name=subscription, topic=topic)
    with pytest.raises(exceptions.FailedPrecondition, match="another topic"):
        subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})


def test_it_has_a_policy_that_goes_with_it(
    subscriber: SubscriberClient, subscription: str, snapshot: str
) -> None:
    subscriber.create_snapshot(name=snapshot, subscription=subscription)
    subscriber.set_iam_policy(request={"resource": snapshot, "policy": {"bindings": [VIEWERS]}})
    kept = subscriber.get_iam_policy(request={"resource": snapshot})
    assert [binding.role for binding in kept.bindings] == ["roles/pubsub.viewer"]
    asked = {"resource": snapshot, "permissions": ["pubsub.snapshots.seek"]}
    granted = subscriber.test_iam_permissions(request=asked)
    assert list(granted.permissions) == ["pubsub.snapshots.seek"]
    subscriber.delete_snapshot(snapshot=snapshot)
    with pytest.raises(exceptions.NotFound):
        subscriber.get_iam_policy(request={"resource": snapshot})
