"""A subscription: its settings, its delivery, and where its dead letters go."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from consumers.clock import Clock
from embedded.broker import filter, names
from embedded.broker.delivery import Delivery
from embedded.broker.encoding import Message
from embedded.broker.errors import FailedPreconditionError
from embedded.broker.messages import PubsubMessage
from embedded.broker.policy import Alarm
from embedded.broker.settings import delivery_policy
from embedded.broker.topic import Topic

_SOURCE = "CloudPubSubDeadLetterSource"


class Subscription:
    """One subscription. `settings` is its Subscription message, completed.

    Ordering keys, exactly-once delivery, expiration and push are stored and returned; delivery
    does not yet go by them. `fits` tells from a message's attributes whether the filter lets it
    through, None without one; what does not fit never comes here. InvalidArgumentError if the
    filter is none.
    """

    def __init__(
        self,
        settings: Any,
        *,
        clock: Clock,
        alarm: Alarm,
        find_topic: Callable[[str], Topic | None],
    ) -> None:
        self.settings = settings
        self.fits = filter.compiled(settings.filter) if settings.filter else None
        self._find_topic = find_topic
        self.delivery = Delivery(
            clock=clock, alarm=alarm, policy=delivery_policy(settings), forward=self._forward
        )

    @property
    def name(self) -> str:
        """`projects/<project>/subscriptions/<id>`."""
        return str(self.settings.name)

    def configure(self, settings: Any) -> None:
        """Go by these (completed) settings from now on."""
        self.settings = settings
        self.delivery.policy = delivery_policy(settings)

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
