"""Topics through the real publisher client: life, listing, update masks, status codes."""

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

DAY = Duration(seconds=86_400)


def test_a_topic_lives_from_create_to_delete(publisher: PublisherClient, topic: str) -> None:
    assert publisher.get_topic(topic=topic).name == topic
    publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        publisher.get_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        publisher.delete_topic(topic=topic)


def test_a_topic_is_created_once(publisher: PublisherClient, topic: str) -> None:
    with pytest.raises(exceptions.AlreadyExists):
        publisher.create_topic(name=topic)


@pytest.mark.parametrize(
    "name", ["prices", "projects/p/topics/", "projects/p/topics/goog-x", "projects/p/topics/a b"]
)
def test_a_malformed_name_is_refused(publisher: PublisherClient, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="name"):
        publisher.create_topic(name=name)


def test_settings_come_back_as_given(publisher: PublisherClient, project: str) -> None:
    name = f"projects/{project}/topics/prices"
    request = {"name": name, "labels": {"team": "risk"}, "message_retention_duration": DAY}
    publisher.create_topic(request=request)
    found = publisher.get_topic(topic=name)
    assert dict(found.labels) == {"team": "risk"}
    assert found.message_retention_duration.days == 1


def test_an_update_changes_only_what_the_mask_names(publisher: PublisherClient, topic: str) -> None:
    change = {"name": topic, "labels": {"a": "b"}, "message_retention_duration": DAY}
    updated = publisher.update_topic(topic=change, update_mask=FieldMask(paths=["labels"]))
    assert dict(updated.labels) == {"a": "b"}
    assert not updated.message_retention_duration
    cleared = publisher.update_topic(topic={"name": topic}, update_mask={"paths": ["labels"]})
    assert not cleared.labels


@pytest.mark.parametrize("paths", [[], ["name"], ["colour"]])
def test_a_mask_that_names_nothing_changeable_is_refused(
    publisher: PublisherClient, topic: str, paths: list[str]
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        publisher.update_topic(topic={"name": topic}, update_mask={"paths": paths})


def test_listing_goes_through_all_pages_of_one_project(
    publisher: PublisherClient, project: str
) -> None:
    names = {f"projects/{project}/topics/topic{number}" for number in range(7)}
    for name in names:
        publisher.create_topic(name=name)
    publisher.create_topic(name=f"projects/{project}-other/topics/elsewhere")
    request = {"project": f"projects/{project}", "page_size": 3}
    pages = list(publisher.list_topics(request=request).pages)
    assert [len(page.topics) for page in pages] == [3, 3, 1]
    assert {topic.name for page in pages for topic in page.topics} == names


def test_a_topic_lists_its_subscriptions_and_snapshots(
    publisher: PublisherClient, topic: str, subscription: str
) -> None:
    assert list(publisher.list_topic_subscriptions(topic=topic)) == [subscription]
    assert list(publisher.list_topic_snapshots(topic=topic)) == []


def test_the_subscriptions_of_a_deleted_topic_stay(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, subscription: str
) -> None:
    publisher.publish(topic, b"last").result(5)
    publisher.delete_topic(topic=topic)
    publisher.create_topic(name=topic)
    publisher.publish(topic, b"of the new topic").result(5)
    assert subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"
    pulled = subscriber.pull(subscription=subscription, max_messages=10)
    assert [each.message.data for each in pulled.received_messages] == [b"last"]
    subscriber.delete_subscription(subscription=subscription)
    assert list(publisher.list_topic_subscriptions(topic=topic)) == []
