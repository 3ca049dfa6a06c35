"""All topics and subscriptions of the broker: created, found, listed, changed, deleted."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from consumers.clock import Clock
from embedded.broker import names, settings
from embedded.broker.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    SnapshotRefusedError,
)
from embedded.broker.policy import Alarm
from embedded.broker.retention import Limits
from embedded.broker.schemas import DELETED_SCHEMA, Schemas
from embedded.broker.snapshots import Snapshots
from embedded.broker.subscription import Subscription
from embedded.broker.topic import Sequencer, Topic


class Registry:
    """The broker's whole state; lives on one thread, in memory, and dies with the process."""

    def __init__(self, *, clock: Clock, alarm: Alarm, limits: Limits | None = None) -> None:
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.schemas = Schemas(clock)
        self.clock = clock
        self._alarm = alarm
        self._limits = limits or Limits()
        self._sequencer = Sequencer(clock)
        self.snapshots = Snapshots(clock=clock, alarm=alarm, limits=self._limits)

    # Topics

    def create_topic(self, wanted: Any) -> Topic:
        """A new topic from a Topic message."""
        completed = settings.completed_topic(wanted)
        if wanted.name in self.topics:
            raise AlreadyExistsError(wanted.name)
        self._check_schema(completed)
        topic = Topic(completed, clock=self.clock, sequencer=self._sequencer, limits=self._limits)
        self.topics[topic.name] = topic
        return topic

    def topic(self, name: str) -> Topic:
        """The topic of this name."""
        found = self.topics.get(names.check(name, "topics"))
        if found is None:
            raise NotFoundError(name)
        return found

    def update_topic(self, changes: Any, paths: list[str]) -> Topic:
        """Set the fields `paths` of a topic."""
        topic = self.topic(changes.name)
        changed = settings.completed_topic(
            settings.merged(topic.settings, changes, paths, settings.TOPIC_FIELDS)
        )
        self._check_schema(changed)
        topic.settings = changed
        topic.retain()
        return topic

    def publish(self, request: Any) -> list[str]:
        """Publish a raw PublishRequest, checked against its topic's schema; the ids, in order."""
        topic = self.topic(request.topic)
        if not topic.settings.HasField("schema_settings"):
            return topic.publish(request)
        return topic.publish(
            request, stamp=partial(self.schemas.stamp, topic.settings.schema_settings)
        )

    def delete_schema(self, name: str) -> None:
        """Topics that hold to it say so, and take no more messages."""
        schema = self.schemas.find(name)
        self.schemas.delete(name)
        for topic in self.topics.values():
            if topic.settings.schema_settings.schema == schema.name:
                topic.settings.schema_settings.schema = DELETED_SCHEMA

    def delete_topic(self, name: str) -> None:
        """Its subscriptions and snapshots stay, with what they have, and never get more."""
        topic = self.topic(name)
        del self.topics[name]
        for subscription in topic.subscriptions.values():
            subscription.settings.topic = names.DELETED_TOPIC
        for snapshot in self.snapshots.of_topic(topic).values():
            snapshot.settings.topic = names.DELETED_TOPIC

    def topics_of(self, parent: str) -> Mapping[str, Topic]:
        """All topics of `projects/<id>`."""
        prefix = f"projects/{names.project(parent)}/"
        return {name: topic for name, topic in self.topics.items() if name.startswith(prefix)}

    # Subscriptions

    def create_subscription(self, wanted: Any) -> Subscription:
        """A new subscription from a Subscription message; gets what is published from now on."""
        completed = settings.completed_subscription(wanted)
        if wanted.name in self.subscriptions:
            raise AlreadyExistsError(wanted.name)
        topic = self.topic(wanted.topic)
        if topic.settings.HasField("message_retention_duration"):
            completed.topic_message_retention_duration.CopyFrom(
                topic.settings.message_retention_duration
            )
        subscription = Subscription(
            completed, clock=self.clock, alarm=self._alarm, find_topic=self.topics.get
        )
        self.subscriptions[subscription.name] = subscription
        topic.subscriptions[subscription.name] = subscription
        topic.retain()
        return subscription

    def subscription(self, name: str) -> Subscription:
        """The subscription of this name."""
        found = self.subscriptions.get(names.check(name, "subscriptions"))
        if found is None:
            raise NotFoundError(name)
        return found

    def update_subscription(self, changes: Any, paths: list[str]) -> Subscription:
        """Set the fields `paths` of a subscription."""
        subscription = self.subscription(changes.name)
        subscription.configure(
            settings.completed_subscription(
                settings.merged(subscription.settings, changes, paths, settings.SUBSCRIPTION_FIELDS)
            )
        )
        self._retain(subscription)
        return subscription

    def delete_subscription(self, name: str) -> None:
        """It is gone with all it held; its streams end with NOT_FOUND."""
        subscription = self.subscription(name)
        del self.subscriptions[name]
        self._leave_topic(subscription)
        subscription.delivery.end(NotFoundError(name))

    def detach_subscription(self, name: str) -> None:
        """Cut it off from its topic for good and drop its backlog; its streams end."""
        subscription = self.subscription(name)
        subscription.settings.detached = True
        self._leave_topic(subscription)
        subscription.delivery.seek(float("inf"), ())
        subscription.delivery.end(subscription.detached_error())

    def subscriptions_of(self, parent: str) -> Mapping[str, Subscription]:
        """All subscriptions of `projects/<id>`."""
        prefix = f"projects/{names.project(parent)}/"
        return {n: found for n, found in self.subscriptions.items() if n.startswith(prefix)}

    def seek(self, name: str, start: float) -> None:
        """Make what was published at or after `start` (POSIX seconds) unacknowledged, as far back
        as the topic's window and the backlog reach; acknowledge all before."""
        subscription = self.subscription(name)
        subscription.check_attached()
        topic = self._topic_of(subscription)
        if topic is not None:
            topic.window.trim(self.clock.now().timestamp())
        retained = topic.window.since(start) if topic else ()
        subscription.delivery.seek(start, subscription.fitting(retained))

    def create_snapshot(self, request: Any) -> Any:
        """The Snapshot message of what a subscription has not acknowledged now."""
        subscription = self.subscription(request.subscription)
        subscription.check_attached()
        topic = self._topic_of(subscription)
        if topic is None:
            raise SnapshotRefusedError(request.name, "the topic of its subscription is deleted")
        return self.snapshots.create(request, subscription, topic, self._sequencer.last)

    def seek_to_snapshot(self, name: str, snapshot_name: str) -> None:
        """Make unacknowledged what was so in the snapshot, and all published since."""
        subscription = self.subscription(name)
        subscription.check_attached()
        if not snapshot_name:
            raise InvalidArgumentError("A seek needs a time or a snapshot.")
        snapshot = self.snapshots.find(snapshot_name)
        if snapshot.topic.subscriptions.get(name) is not subscription:
            raise SnapshotRefusedError(snapshot_name, "it is of another topic")
        snapshot.restore(subscription)

    # Inside

    def _check_schema(self, topic: Any) -> None:
        if topic.HasField("schema_settings"):
            self.schemas.check_settings(topic.schema_settings)

    def _topic_of(self, subscription: Subscription) -> Topic | None:
        topic = self.topics.get(subscription.settings.topic)
        # A deleted topic's name may be in use again; its old subscriptions are not attached to it.
        return topic if topic and subscription.name in topic.subscriptions else None

    def _leave_topic(self, subscription: Subscription) -> None:
        topic = self._topic_of(subscription)
        if topic is not None:
            del topic.subscriptions[subscription.name]
            topic.retain()

    def _retain(self, subscription: Subscription) -> None:
        topic = self._topic_of(subscription)
        if topic is not None:
            topic.retain()
