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
    ResourceExhaustedError,
    SnapshotRefusedError,
)
from embedded.broker.memory import Limits, Memory
from embedded.broker.policy import Alarm
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
        self.memory = Memory(limits or Limits())
        self._sequencer = Sequencer(clock)
        self.snapshots = Snapshots(clock=clock, alarm=alarm, limits=self.memory.limits)

    # Topics

    def create_topic(self, wanted: Any) -> Topic:
        """A new topic from a Topic message."""
        completed = settings.completed_topic(wanted)
        if wanted.name in self.topics:
            raise AlreadyExistsError(wanted.name)
        self._check_schema(completed)
        topic = Topic(completed, clock=self.clock, sequencer=self._sequencer, memory=self.memory)
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
        topic.configure(changed)
        for subscription in topic.subscriptions.values():
            _follow(subscription, topic)
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
        topic.retire()
        for subscription in topic.subscriptions.values():
            subscription.settings.topic = names.DELETED_TOPIC
            _follow(subscription, None)
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
        for given_back in ("detached", "analytics_hub_subscription_info"):
            completed.ClearField(given_back)
        topic = self.topic(wanted.topic)
        self._check_dead_letters(completed)
        subscription = Subscription(
            completed,
            clock=self.clock,
            alarm=self._alarm,
            memory=self.memory,
            find_topic=self.topics.get,
        )
        self.subscriptions[subscription.name] = subscription
        topic.subscriptions[subscription.name] = subscription
        _follow(subscription, topic)
        return subscription

    def subscription(self, name: str) -> Subscription:
        """The subscription of this name."""
        found = self.subscriptions.get(names.check(name, "subscriptions"))
        if found is None:
            raise NotFoundError(name)
        return found

    def in_use(self, name: str) -> Subscription:
        """The same for one who pulls, acknowledges or changes: that keeps it from expiring."""
        found = self.subscription(name)
        found.touch()
        return found

    def update_subscription(self, changes: Any, paths: list[str]) -> Subscription:
        """Set the fields `paths` of a subscription."""
        subscription = self.in_use(changes.name)
        changed = settings.completed_subscription(
            settings.merged(subscription.settings, changes, paths, settings.SUBSCRIPTION_FIELDS)
        )
        if any(path.startswith("dead_letter_policy") for path in paths):
            self._check_dead_letters(changed)
        subscription.configure(changed)
        return subscription

    def delete_subscription(self, name: str) -> None:
        """It is gone with all it held; its streams end with NOT_FOUND."""
        subscription = self.subscription(name)
        del self.subscriptions[name]
        self._leave_topic(subscription)
        subscription.forget()
        subscription.delivery.takers.end(NotFoundError(name))

    def detach_subscription(self, name: str) -> None:
        """Cut it off from its topic for good and drop its backlog; its streams end."""
        subscription = self.subscription(name)
        subscription.settings.detached = True
        self._leave_topic(subscription)
        _follow(subscription, None)
        subscription.forget()
        subscription.delivery.takers.end(subscription.detached_error())

    def subscriptions_of(self, parent: str) -> Mapping[str, Subscription]:
        """All subscriptions of `projects/<id>`."""
        prefix = f"projects/{names.project(parent)}/"
        return {n: found for n, found in self.subscriptions.items() if n.startswith(prefix)}

    def seek(self, name: str, start: float) -> None:
        """Make what was published at or after `start` (POSIX seconds) unacknowledged, as far back
        as the topic and the subscription retain it; acknowledge all before."""
        subscription = self.in_use(name)
        subscription.check_attached()
        topic, now = self._topic_of(subscription), self.clock.now().timestamp()
        in_topic = topic.retained(start, now) if topic else ()
        subscription.seek(start, subscription.fitting(in_topic))

    def create_snapshot(self, request: Any) -> Any:
        """The Snapshot message of what a subscription has not acknowledged now."""
        subscription = self.in_use(request.subscription)
        subscription.check_attached()
        topic = self._topic_of(subscription)
        if topic is None:
            raise SnapshotRefusedError(request.name, "the topic of its subscription is deleted")
        return self.snapshots.create(request, subscription, topic, self._sequencer.last)

    def seek_to_snapshot(self, name: str, snapshot_name: str) -> None:
        """Make unacknowledged what was so in the snapshot, and all published since."""
        subscription = self.in_use(name)
        subscription.check_attached()
        if not snapshot_name:
            raise InvalidArgumentError("A seek needs a time or a snapshot.")
        snapshot = self.snapshots.find(snapshot_name)
        if snapshot.topic.subscriptions.get(name) is not subscription:
            raise SnapshotRefusedError(snapshot_name, "it is of another topic")
        snapshot.restore(subscription)

    # Memory and time

    def full(self) -> bool:
        """Whether messages take all the memory they may; first, what is retained gives way."""
        memory, limits = self.memory, self.memory.limits
        memory.forget_beyond_limit()
        # Counting what is in subscribers' hands takes a look at each: only where it may matter.
        if memory.held + limits.lease * memory.messages * len(self.subscriptions) <= (
            limits.memory_bytes
        ):
            return False
        return self.held() > limits.memory_bytes

    def held(self) -> int:
        """What messages take, those in subscribers' hands the more, bytes."""
        outstanding = sum(each.delivery.outstanding for each in self.subscriptions.values())
        return self.memory.held + self.memory.limits.lease * outstanding

    def exhausted(self) -> ResourceExhaustedError:
        """What a publisher is told then: who holds most of it."""
        backlogs = (
            (subscription.delivery.backlog_bytes, name)
            for name, subscription in self.subscriptions.items()
        )
        _, name = max(backlogs, default=(0, ""))
        backlog = self.subscriptions[name].delivery.backlog if name else 0
        return ResourceExhaustedError(self.held(), name, backlog)

    def sweep(self) -> None:
        """Let go of what time has run out for: retained and unacknowledged messages, and whole
        subscriptions. To be called every few seconds: topics may be idle."""
        now = self.clock.now().timestamp()
        for topic in self.topics.values():
            topic.window.trim(now)
        for subscription in list(self.subscriptions.values()):
            subscription.sweep()
            if subscription.expired():
                self.delete_subscription(subscription.name)
        self.memory.forget_beyond_limit()

    # Inside

    def _check_schema(self, topic: Any) -> None:
        if topic.HasField("schema_settings"):
            self.schemas.check_settings(topic.schema_settings)

    def _check_dead_letters(self, subscription: Any) -> None:
        if subscription.HasField("dead_letter_policy"):
            self.topic(subscription.dead_letter_policy.dead_letter_topic)

    def _topic_of(self, subscription: Subscription) -> Topic | None:
        topic = self.topics.get(subscription.settings.topic)
        # A deleted topic's name may be in use again; its old subscriptions are not attached to it.
        return topic if topic and subscription.name in topic.subscriptions else None

    def _leave_topic(self, subscription: Subscription) -> None:
        topic = self._topic_of(subscription)
        if topic is not None:
            del topic.subscriptions[subscription.name]


def _follow(subscription: Subscription, topic: Topic | None) -> None:
    """Let a subscription go by its topic's retention; by none without a topic."""
    settings = subscription.settings
    settings.ClearField("topic_message_retention_duration")
    if topic is not None and topic.settings.HasField("message_retention_duration"):
        settings.topic_message_retention_duration.CopyFrom(
            topic.settings.message_retention_duration
        )
    subscription.configure(settings)
