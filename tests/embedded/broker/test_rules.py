"""Rules of Pub/Sub's reference, one a line: what is taken and what is refused, and how.

https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1 and, for sizes,
https://docs.cloud.google.com/pubsub/quotas#resource_limits . More of them, where they belong to a
longer story, are in the tests of topics, subscriptions, publishing, pulling and snapshots.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from tests.embedded.broker.calls import publish

MINUTES, DAYS = 60, 86_400
REFUSED = exceptions.InvalidArgument


@dataclass(frozen=True, slots=True)
class Desk:
    """The clients, and a project with one topic and one subscription."""

    publisher: PublisherClient
    subscriber: SubscriberClient
    project: str
    topic: str
    subscription: str

    def create_topic(self, name: str = "other", **settings: Any) -> Any:
        """A further topic."""
        request = {"name": f"projects/{self.project}/topics/{name}", **settings}
        return self.publisher.create_topic(request=request)

    def subscribe(self, name: str = "other", **settings: Any) -> Any:
        """A further subscription."""
        full = f"projects/{self.project}/subscriptions/{name}"
        request = {"name": full, "topic": self.topic, **settings}
        return self.subscriber.create_subscription(request=request)

    def update(self, *paths: str, **settings: Any) -> Any:
        """Change the subscription."""
        change = {"name": self.subscription, **settings}
        return self.subscriber.update_subscription(
            subscription=change, update_mask={"paths": paths}
        )

    def push(self, subscription: Any) -> None:
        """Change where one pushes to, by the call for just that."""
        self.subscriber.modify_push_config(subscription=subscription.name, **PUSH)

    def publish(self, **message: Any) -> None:
        """One message."""
        publish(self.publisher, self.topic, [message])

    def on_subscription(self, call: str, **arguments: Any) -> Any:
        """A call about it."""
        request = {"subscription": self.subscription, **arguments}
        return getattr(self.subscriber, call)(request=request)


@pytest.fixture
def desk(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    project: str,
    topic: str,
    subscription: str,
) -> Desk:
    return Desk(publisher, subscriber, project, topic, subscription)


def _dead(name: str, attempts: int = 5) -> Mapping[str, Any]:
    policy = {"dead_letter_topic": name, "max_delivery_attempts": attempts}
    return {"dead_letter_policy": policy}


def _retention(seconds: int, ttl: int | None = None) -> Mapping[str, Any]:
    policy = {} if ttl is None else {"expiration_policy": {"ttl": {"seconds": ttl}}}
    return {"message_retention_duration": {"seconds": seconds}, **policy}


PUSH = {"push_config": {"push_endpoint": "https://example.com/push"}}
BIGQUERY = {"bigquery_config": {"table": "project.set.table"}}

TAKEN: dict[str, Callable[[Desk], object]] = {
    "a name of 3 characters": lambda d: d.create_topic("abc"),
    "a name of 255 characters": lambda d: d.subscribe("a" * 255),
    "every character a name may have": lambda d: d.create_topic("aZ0-._~+%"),
    "topic retention of 10 minutes": lambda d: d.create_topic(**_retention(10 * MINUTES)),
    "topic retention of 31 days": lambda d: d.create_topic(**_retention(31 * DAYS)),
    "subscription retention of 31 days": lambda d: d.subscribe(**_retention(31 * DAYS)),
    "expiration after a day": lambda d: d.subscribe(**_retention(10 * MINUTES, ttl=DAYS)),
    "an ack deadline of 600 s": lambda d: d.subscribe(ack_deadline_seconds=600),
    "100 attempts": lambda d: d.subscribe(**_dead(d.topic, 100)),
    "64 labels": lambda d: d.subscribe(labels={f"k{n}": "" for n in range(64)}),
    "a label of 63 characters": lambda d: d.create_topic(labels={"k" * 63: "v" * 63}),
    "letters of any script in labels": lambda d: d.create_topic(labels={"größe": "大"}),
    "100 attributes": lambda d: d.publish(attributes={f"k{n}": "" for n in range(100)}),
    "an attribute of 256 and 1024 bytes": lambda d: d.publish(attributes={"ä" * 128: "ö" * 512}),
    "an ordering key of 1024 bytes": lambda d: d.publish(data=b"x", ordering_key="ü" * 512),
    "a message of 10 MB less its frame": lambda d: d.publish(data=b"x" * 9_999_800),
    "extension by 600 s": lambda d: d.on_subscription(
        "modify_ack_deadline", ack_ids=["x"], ack_deadline_seconds=600
    ),
    "a push endpoint": lambda d: d.subscribe(**PUSH),
    "a mask of several fields": lambda d: d.update(
        "labels", "ack_deadline_seconds", labels={"a": "b"}, ack_deadline_seconds=20
    ),
    "an inner field in a mask": lambda d: d.update(
        "expiration_policy.ttl", expiration_policy={"ttl": {"seconds": 30 * DAYS}}
    ),
    "detaching twice": lambda d: [
        d.publisher.detach_subscription(request={"subscription": d.subscription}) for _ in "ab"
    ],
}

NOT_TAKEN: dict[str, tuple[Callable[[Desk], object], type[exceptions.GoogleAPICallError]]] = {
    "a name of 2 characters": (lambda d: d.create_topic("ab"), REFUSED),
    "a name of 256 characters": (lambda d: d.subscribe("a" * 256), REFUSED),
    "a name that begins with a digit": (lambda d: d.create_topic("1abc"), REFUSED),
    "a name that begins with goog": (lambda d: d.subscribe("google"), REFUSED),
    "a name with a character too many": (lambda d: d.create_topic("abc!"), REFUSED),
    "a subscription named like a topic": (
        lambda d: d.on_subscription("get_subscription", subscription=d.topic),
        REFUSED,
    ),
    "a deleted topic's name": (lambda d: d.subscribe(topic="_deleted-topic_"), REFUSED),
    "a subscription of no topic": (
        lambda d: d.subscribe(topic=f"projects/{d.project}/topics/none"),
        exceptions.NotFound,
    ),
    "a topic twice": (lambda d: d.create_topic("prices"), exceptions.AlreadyExists),
    "a subscription's name on another topic": (
        lambda d: d.subscribe("reader", topic=d.create_topic().name),
        exceptions.AlreadyExists,
    ),
    "topic retention under 10 minutes": (lambda d: d.create_topic(**_retention(599)), REFUSED),
    "topic retention over 31 days": (
        lambda d: d.create_topic(**_retention(31 * DAYS + 1)),
        REFUSED,
    ),
    "expiration before the retention": (
        lambda d: d.subscribe(**_retention(7 * DAYS, ttl=DAYS)),
        REFUSED,
    ),
    "retention beyond the expiration, by an update": (
        lambda d: d.update("expiration_policy", expiration_policy={"ttl": {"seconds": DAYS}}),
        REFUSED,
    ),
    "65 labels": (lambda d: d.create_topic(labels={f"k{n}": "" for n in range(65)}), REFUSED),
    "an upper-case label": (lambda d: d.create_topic(labels={"Key": "v"}), REFUSED),
    "a label's upper-case value": (lambda d: d.subscribe(labels={"k": "V"}), REFUSED),
    "a label that begins with a digit": (lambda d: d.subscribe(labels={"1k": "v"}), REFUSED),
    "a label of 64 characters": (lambda d: d.subscribe(labels={"k" * 64: ""}), REFUSED),
    "a label by an update": (lambda d: d.update("labels", labels={"no space": ""}), REFUSED),
    "a snapshot's label": (
        lambda d: d.subscriber.create_snapshot(
            request={
                "name": f"projects/{d.project}/snapshots/snap",
                "subscription": d.subscription,
                "labels": {"K": ""},
            }
        ),
        REFUSED,
    ),
    "an attribute key over 256 bytes": (
        lambda d: d.publish(attributes={"ä" * 129: ""}),
        REFUSED,
    ),
    "an attribute value over 1024 bytes": (
        lambda d: d.publish(attributes={"k": "ö" * 513}),
        REFUSED,
    ),
    "an attribute that the broker itself adds": (
        lambda d: d.publish(data=b"x", attributes={"googclient_schemaname": "mine"}),
        REFUSED,
    ),
    "an ordering key over 1024 bytes": (
        lambda d: d.publish(data=b"x", ordering_key="ü" * 513),
        REFUSED,
    ),
    "a message over 10 MB": (lambda d: d.publish(data=b"x" * 10_000_001), REFUSED),
    "an acknowledgement over 512 KiB": (
        lambda d: d.on_subscription("acknowledge", ack_ids=["x" * 200] * 2_700),
        REFUSED,
    ),
    "extending by over 512 KiB of ids": (
        lambda d: d.on_subscription(
            "modify_ack_deadline", ack_ids=["x" * 200] * 2_700, ack_deadline_seconds=10
        ),
        REFUSED,
    ),
    "dead letters to no topic": (
        lambda d: d.subscribe(**_dead(f"{d.topic}.dead")),
        exceptions.NotFound,
    ),
    "dead letters to no topic, by an update": (
        lambda d: d.update("dead_letter_policy", **_dead(f"{d.topic}.dead")),
        exceptions.NotFound,
    ),
    "an empty dead letter policy": (lambda d: d.subscribe(dead_letter_policy={}), REFUSED),
    "101 attempts": (lambda d: d.subscribe(**_dead(d.topic, 101)), REFUSED),
    "back-off over 600 s": (
        lambda d: d.subscribe(retry_policy={"maximum_backoff": {"seconds": 601}}),
        REFUSED,
    ),
    "pushing to two places": (lambda d: d.subscribe(**PUSH, **BIGQUERY), REFUSED),
    "exactly-once by push": (
        lambda d: d.subscribe(**PUSH, enable_exactly_once_delivery=True),
        REFUSED,
    ),
    "exactly-once by push, afterwards": (
        lambda d: d.push(d.subscribe(enable_exactly_once_delivery=True)),
        REFUSED,
    ),
    "pushing to two places, afterwards": (lambda d: d.push(d.subscribe(**BIGQUERY)), REFUSED),
    "a mask of an output field": (
        lambda d: d.update("topic_message_retention_duration"),
        REFUSED,
    ),
    "a mask of the topic": (lambda d: d.update("topic", topic=d.topic), REFUSED),
    "a mask of an unknown inner field": (lambda d: d.update("retry_policy.colour"), REFUSED),
    "a negative page size": (
        lambda d: d.publisher.list_topics(
            request={"project": f"projects/{d.project}", "page_size": -1}
        ),
        REFUSED,
    ),
    "no project to list": (lambda d: d.publisher.list_topics(project=d.project), REFUSED),
    "updating no topic": (
        lambda d: d.publisher.update_topic(
            topic={"name": f"{d.topic}-none"}, update_mask={"paths": ["labels"]}
        ),
        exceptions.NotFound,
    ),
    "detaching no subscription": (
        lambda d: d.publisher.detach_subscription(request={"subscription": f"{d.subscription}x"}),
        exceptions.NotFound,
    ),
    "snapshots of no topic": (
        lambda d: d.publisher.list_topic_snapshots(topic=f"{d.topic}-none"),
        exceptions.NotFound,
    ),
    "subscriptions of no topic": (
        lambda d: d.publisher.list_topic_subscriptions(topic=f"{d.topic}-none"),
        exceptions.NotFound,
    ),
    "seeking without a target": (lambda d: d.on_subscription("seek"), REFUSED),
    "pulling no messages": (lambda d: d.on_subscription("pull", max_messages=-1), REFUSED),
}

LISTS: dict[str, Callable[[Desk, str], object]] = {
    "topics": lambda d, token: d.publisher.list_topics(
        request={"project": f"projects/{d.project}", "page_token": token}
    ),
    "subscriptions": lambda d, token: d.subscriber.list_subscriptions(
        request={"project": f"projects/{d.project}", "page_token": token}
    ),
    "snapshots": lambda d, token: d.subscriber.list_snapshots(
        request={"project": f"projects/{d.project}", "page_token": token}
    ),
    "subscriptions of a topic": lambda d, token: d.publisher.list_topic_subscriptions(
        request={"topic": d.topic, "page_token": token}
    ),
    "snapshots of a topic": lambda d, token: d.publisher.list_topic_snapshots(
        request={"topic": d.topic, "page_token": token}
    ),
}


@pytest.mark.parametrize("rule", TAKEN)
def test_it_is_taken(desk: Desk, rule: str) -> None:
    TAKEN[rule](desk)


@pytest.mark.parametrize("rule", NOT_TAKEN)
def test_it_is_refused(desk: Desk, rule: str) -> None:
    call, error = NOT_TAKEN[rule]
    with pytest.raises(error):
        call(desk)


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("token", ["nonsense", "after:?", "after:/w=="])
def test_a_page_token_that_was_never_given_is_refused(desk: Desk, listed: str, token: str) -> None:
    with pytest.raises(REFUSED, match="page_token"):
        LISTS[listed](desk, token)


def test_pages_stay_in_order_while_items_come_and_go(desk: Desk) -> None:
    names = [desk.create_topic(f"topic{number}").name for number in range(6)]
    request: dict[str, Any] = {"project": f"projects/{desk.project}", "page_size": 3}
    pages = desk.publisher.list_topics(request=request).pages
    seen = [topic.name for topic in next(pages).topics]
    desk.publisher.delete_topic(topic=names[2])
    desk.create_topic("topic1-new")
    seen += [topic.name for page in pages for topic in page.topics]
    assert seen == [desk.topic, *names[:2], f"{names[1]}-new", *names[3:]]


def test_what_only_the_server_may_say_is_not_taken_from_a_request(desk: Desk) -> None:
    made = desk.subscribe(
        detached=True, topic_message_retention_duration={"seconds": 3600}, state="RESOURCE_ERROR"
    )
    assert (made.detached, made.state.name) == (False, "ACTIVE")
    assert "topic_message_retention_duration" not in made


def test_a_topics_retention_shows_on_its_subscriptions(desk: Desk) -> None:
    change = {"name": desk.topic, **_retention(3600)}
    desk.publisher.update_topic(topic=change, update_mask={"paths": ["message_retention_duration"]})
    found = desk.on_subscription("get_subscription")
    assert found.topic_message_retention_duration.seconds == 3600
