"""A subscription: its settings, its delivery, and where its dead letters go."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from consumers.clock import Clock
from embedded.broker import filter, names
from embedded.broker.delivery import Delivery
from embedded.broker.encoding import Message
from embedded.broker.errors import FailedPreconditionError
from embedded.broker.memory import Memory
from embedded.broker.messages import PubsubMessage
from embedded.broker.policy import Alarm
from embedded.broker.retention import RetainedAcked
from embedded.broker.settings import delivery_policy, seconds
from embedded.broker.topic import Topic

_SOURCE = "CloudPubSubDeadLetterSource"


class Subscription:
    """One subscription. `settings` is its Subscription message, completed.

    Push is stored and returned; nothing is pushed. `fits` tells from a message's
    attributes whether the filter lets it through, None without one; what does not fit never comes
    here. InvalidArgumentError if the filter is none.
    """

    def __init__(
        self,
        settings: Any,
        *,
        clock: Clock,
        alarm: Alarm,
        memory: Memory,
        find_topic: Callable[[str], Topic | None],
    ) -> None:
        self.settings = settings
        self.retained = RetainedAcked(memory, 0.0)
        self._clock = clock
        self._used = clock.monotonic()
        self.fits = filter.compiled(settings.filter) if settings.filter else None
        self._find_topic = find_topic
        self.delivery = Delivery(
            clock=clock, alarm=alarm, policy=delivery_policy(settings), forward=self._forward
        )
        self.configure(settings)

    @property
    def name(self) -> str:
        """`projects/<project>/subscriptions/<id>`."""
        return str(self.settings.name)

    def configure(self, settings: Any) -> None:
        """Go by these (completed) settings from now on."""
        self.settings = settings
        self.delivery.policy = delivery_policy(settings)
        self.retained.seconds = seconds(settings.message_retention_duration)
        if settings.retain_acked_messages:
            self.delivery.keep = self.retained.add
        else:
            self.delivery.keep = None
            self.retained.clear()

    def seek(self, start: float, in_topic: Iterable[Message]) -> None:
        """Make what was published at or after `start` (POSIX seconds) unacknowledged, as far as it
        is still there, and the rest acknowledged. `in_topic` is what the topic still has of it."""
        delivery, now = self.delivery, self._clock.now().timestamp()
        delivery.drop_outlived(now)
        self.retained.trim(now)
        passed = [m for m in delivery.unacknowledged() if m.published < start]
        delivery.seek(start, (*in_topic, *self.retained.take_since(start)))
        self._retain(passed)

    def restore(self, wanted: Iterable[Message]) -> None:
        """Make exactly these messages unacknowledged; of them, those that the filter lets by."""
        chosen = {*self.fitting(wanted)}
        passed = [m for m in self.delivery.unacknowledged() if m not in chosen]
        self.retained.discard(chosen)
        self.delivery.seek(float("inf"), ())
        self.delivery.seek(0.0, chosen)
        self._retain(passed)

    def forget(self) -> None:
        """Let go of all messages, retained ones too."""
        self.delivery.seek(float("inf"), ())
        self.retained.clear()

    def sweep(self) -> None:
        """Let go of what has outlived its retention, also while nobody publishes or pulls."""
        now = self._clock.now().timestamp()
        self.delivery.drop_outlived(now)
        self.retained.trim(now)

    # Use and expiry

    def touch(self) -> None:
        """Somebody uses it: its time to live begins anew."""
        self._used = self._clock.monotonic()

    def expired(self) -> bool:
        """Whether nobody has used it for its time to live. An open stream is use."""
        policy = self.settings.expiration_policy
        if self.delivery.takers.streams:
            self.touch()
        ttl = seconds(policy.ttl) if policy.HasField("ttl") else float("inf")
        return self._clock.monotonic() - self._used >= ttl

    # What it retains of acknowledged messages

    def num_retained_acked_messages(self) -> int:
        """How many acknowledged messages it keeps for seeking back (`retain_acked_messages`)."""
        return len(self.retained)

    def retained_acked_bytes(self) -> int:
        """The size of those, bytes."""
        return self.retained.bytes

    def oldest_retained_acked_message_age(self, now: float) -> float:
        """Seconds from the publishing of the oldest of them to `now` (POSIX seconds); 0 if none."""
        oldest = self.retained.oldest()
        return 0.0 if oldest is None else max(0.0, now - oldest)

    def fitting(self, messages: Iterable[Message]) -> Iterable[Message]:
        """Those of stored `messages` that the filter lets through."""
        fits = self.fits
        if fits is None:
            return messages
        return (message for message in messages if fits(message.parsed().attributes))

    def check_attached(self) -> None:
        """Refuse to deliver from a detached subscription."""
        if self.settings.detached:
            raise self.detached_error()

    def detached_error(self) -> FailedPreconditionError:
        """What a subscriber of a detached subscription is told."""
        return FailedPreconditionError(self.name)

    def _retain(self, passed: Iterable[Message]) -> None:
        """A seek acknowledged these."""
        if self.settings.retain_acked_messages:
            self.retained.extend(passed, self._clock.now().timestamp())

    def _forward(self, message: Message, attempts: int) -> bool:
        """Publish to the dead letter topic, saying where it comes from; False if there is none.

        Attributes: https://docs.cloud.google.com/pubsub/docs/dead-letter-topics
        """
        topic = self._find_topic(self.settings.dead_letter_policy.dead_letter_topic)
        if topic is None:
            return False
        letter = PubsubMessage()
        letter.CopyFrom(message.parsed())
        published = datetime.fromtimestamp(message.published, UTC).isoformat()
        letter.attributes[f"{_SOURCE}DeliveryCount"] = str(attempts)
        letter.attributes[f"{_SOURCE}Subscription"] = names.id_of(self.name)
        letter.attributes[f"{_SOURCE}SubscriptionProject"] = names.project_of(self.name)
        letter.attributes[f"{_SOURCE}TopicPublishTime"] = published.replace("+00:00", "Z")
        topic.forward([letter])
        return True
