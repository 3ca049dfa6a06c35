"""Snapshots: what a subscription had not acknowledged at a moment, to come back to.

A snapshot holds the messages of then, and lets its topic's window keep what is published from then
on (within the window's limits), until it expires or is deleted.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from consumers.clock import Clock
from embedded.broker import names, settings
from embedded.broker.encoding import Message
from embedded.broker.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    SnapshotRefusedError,
    SnapshotSpaceError,
)
from embedded.broker.memory import Limits
from embedded.broker.messages import Snapshot as SnapshotMessage
from embedded.broker.policy import Alarm, Cancellable
from embedded.broker.subscription import Subscription
from embedded.broker.topic import Topic

LONGEST_S = 7.0 * settings.DAY
_SHORTEST_S = 60.0 * settings.MINUTE


class Snapshot:
    """One snapshot. `settings` is its Snapshot message; `after` the number of the last message
    published before it; `latest` when it must end at the latest, POSIX seconds."""

    def __init__(
        self, settings: Any, topic: Topic, held: tuple[Message, ...], after: int, latest: float
    ) -> None:
        self.settings = settings
        self.topic = topic
        self.held = held
        self.after = after
        self.latest = latest

    @property
    def name(self) -> str:
        """`projects/<project>/snapshots/<id>`."""
        return str(self.settings.name)

    @property
    def expires(self) -> float:
        """POSIX seconds."""
        return settings.seconds(self.settings.expire_time)

    def messages(self) -> Iterator[Message]:
        """What it keeps: all that was unacknowledged then, and what was published since."""
        yield from self.held
        yield from self.topic.window.after(self.after)

    def restore(self, subscription: Subscription) -> None:
        """Make unacknowledged what was so then and all that was published since, nothing else."""
        delivery = subscription.delivery
        since = {m for m in delivery.unacknowledged() if m.sequence > self.after}
        since.update(self.topic.window.after(self.after))
        subscription.restore((*self.held, *since))


class Snapshots:
    """All snapshots of the broker: made, found, listed, changed, deleted, expired."""

    def __init__(self, *, clock: Clock, alarm: Alarm, limits: Limits) -> None:
        self._snapshots: dict[str, Snapshot] = {}
        self._clock = clock
        self._alarm = alarm
        self._limits = limits
        self._handle: Cancellable | None = None

    def create(self, request: Any, subscription: Subscription, topic: Topic, after: int) -> Any:
        """The Snapshot message of a new one from a raw CreateSnapshotRequest.

        `topic` is that of the subscription, `after` the number of the last published message.
        """
        self._drop_expired()
        project = names.project_of(subscription.name)
        name = request.name or f"projects/{project}/snapshots/snapshot-{secrets.token_hex(8)}"
        if names.check(name, "snapshots") in self._snapshots:
            raise AlreadyExistsError(name)
        now = self._clock.now().timestamp()
        oldest = subscription.delivery.oldest()
        latest = LONGEST_S + (now if oldest is None else oldest)
        if latest - now < _SHORTEST_S:
            raise SnapshotRefusedError(
                name, "the oldest unacknowledged message is too old: it would expire within an hour"
            )
        settings.check_labels(request.labels)
        held = tuple(subscription.delivery.unacknowledged())
        self._check_room(name, held)
        message = SnapshotMessage(name=name, topic=topic.name, labels=request.labels)
        message.expire_time.FromMicroseconds(round(latest * 1_000_000))
        self._snapshots[name] = Snapshot(message, topic, held, after, latest)
        self._changed(topic)
        return message

    def find(self, name: str) -> Snapshot:
        """The snapshot of this name."""
        self._drop_expired()
        found = self._snapshots.get(names.check(name, "snapshots"))
        if found is None:
            raise NotFoundError(name)
        return found

    def update(self, changes: Any, paths: list[str]) -> Any:
        """Set the fields `paths` of a snapshot; its message."""
        snapshot = self.find(changes.name)
        changed = settings.merged(snapshot.settings, changes, paths, settings.SNAPSHOT_FIELDS)
        settings.check_labels(changed.labels)
        if changed.expire_time != snapshot.settings.expire_time:
            now, expires = self._clock.now().timestamp(), settings.seconds(changed.expire_time)
            if not now < expires <= snapshot.latest:
                raise InvalidArgumentError(
                    "expire_time",
                    f"{expires - now:g} s from now",
                    f"be in the next {snapshot.latest - now:g} s",
                )
        snapshot.settings = changed
        self._changed(snapshot.topic)
        return changed

    def delete(self, name: str) -> None:
        """It is gone, and with it what only it kept."""
        snapshot = self.find(name)
        del self._snapshots[name]
        self._changed(snapshot.topic)

    def every(self) -> list[Snapshot]:
        """All there are."""
        self._drop_expired()
        return list(self._snapshots.values())

    def of_project(self, parent: str) -> Mapping[str, Snapshot]:
        """All snapshots of `projects/<id>`."""
        self._drop_expired()
        prefix = f"projects/{names.project(parent)}/"
        return {n: found for n, found in self._snapshots.items() if n.startswith(prefix)}

    def of_topic(self, topic: Topic) -> Mapping[str, Snapshot]:
        """All snapshots of a topic, deleted or not."""
        self._drop_expired()
        return {n: found for n, found in self._snapshots.items() if found.topic is topic}

    # Inside

    def _check_room(self, name: str, held: Iterable[Message]) -> None:
        """Snapshots keep messages that everybody has acknowledged: not more than their share."""
        together = {message for snapshot in self._snapshots.values() for message in snapshot.held}
        together.update(held)
        size = sum(message.size + self._limits.overhead for message in together)
        if size > self._limits.snapshot_bytes:
            raise SnapshotSpaceError(name, size)

    def _changed(self, topic: Topic) -> None:
        """Let the topic keep what its snapshots need now, and watch for the next to expire."""
        numbers = (found.after for found in self._snapshots.values() if found.topic is topic)
        topic.window.keep_after = min(numbers, default=float("inf"))
        topic.window.trim(self._clock.now().timestamp())
        self._watch()

    def _watch(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._snapshots:
            first = min(snapshot.expires for snapshot in self._snapshots.values())
            wait = max(0.0, first - self._clock.now().timestamp())
            self._handle = self._alarm(self._clock.monotonic() + wait, self._ring)

    def _ring(self) -> None:
        self._handle = None
        self._drop_expired()
        self._watch()  # the wall clock may have been set back: then it is not yet time

    def _drop_expired(self) -> None:
        now = self._clock.now().timestamp()
        expired = [found for found in self._snapshots.values() if found.expires <= now]
        for snapshot in expired:
            del self._snapshots[snapshot.name]
        for topic in {snapshot.topic for snapshot in expired}:
            self._changed(topic)
