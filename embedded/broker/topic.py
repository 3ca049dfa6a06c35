"""A topic: stores what is published, once, and offers it to its subscriptions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from consumers.clock import Clock
from embedded.broker import encoding
from embedded.broker.errors import InvalidArgumentError, ResourceExhaustedError
from embedded.broker.retention import Limits, RetentionWindow
from embedded.broker.settings import seconds
from embedded.broker.tally import Tally

if TYPE_CHECKING:
    from embedded.broker.subscription import Subscription

# A topic that asks for no retention still keeps this much, so that a dashboard that has just made
# its subscription can seek back and warm up. (Google keeps nothing then: ask for it there.)
DEFAULT_RETENTION_S = 600.0
_MOST_MESSAGES = 1000
_MOST_BYTES = 10_000_000
CLIENTS_OWN = "googclient_"  # what client libraries add, such as the trace a message belongs to


class Sequencer:
    """Numbers messages over the whole broker; starts at the wall clock's microseconds, so that
    message ids do not come again after a restart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = int(clock.now().timestamp() * 1_000_000)
        self._published = 0.0

    @property
    def last(self) -> int:
        """The last number that was given out."""
        return self._last

    def take(self, count: int) -> tuple[range, float]:
        """`count` new numbers and their publish time (POSIX seconds), which never goes back."""
        first = self._last + 1
        self._last += count
        self._published = max(self._published, self._clock.now().timestamp())
        return range(first, first + count), self._published


class Topic:
    """One topic. `settings` is its Topic message."""

    def __init__(
        self, settings: Any, *, clock: Clock, sequencer: Sequencer, limits: Limits
    ) -> None:
        self.settings = settings
        self.subscriptions: dict[str, Subscription] = {}
        self.window = RetentionWindow(limits, DEFAULT_RETENTION_S)
        self.messages = Tally(clock)
        self.requests = Tally(clock)
        self._sequencer = sequencer
        self._limits = limits
        self.retain()

    @property
    def name(self) -> str:
        """`projects/<project>/topics/<id>`."""
        return str(self.settings.name)

    def retain(self) -> None:
        """Set how far back the window reaches: the longest that anyone asked for."""
        wanted = [DEFAULT_RETENTION_S, seconds(self.settings.message_retention_duration)]
        for subscription in self.subscriptions.values():
            if subscription.settings.retain_acked_messages:
                wanted.append(seconds(subscription.settings.message_retention_duration))
        self.window.seconds = max(wanted)

    def publish(self, request: Any, *, stamp: Callable[[Any], None] | None = None) -> list[str]:
        """Store the messages of a raw PublishRequest and offer them; their ids, in order.

        `stamp` gets the messages first; it may refuse them or add attributes of the broker's own.
        """
        _check(request)
        self._check_room()
        if stamp is not None:
            stamp(request.messages)
        return self.forward(request.messages)

    def forward(self, messages: Any) -> list[str]:
        """The same for messages of the broker's own: unchecked, never refused."""
        numbers, published = self._sequencer.take(len(messages))
        time_field = encoding.publish_time_field(published)
        stored = [
            encoding.store(message, number, published, time_field)
            for message, number in zip(messages, numbers, strict=True)
        ]
        self.window.extend(stored)
        for subscription in self.subscriptions.values():
            wanted, fits = stored, subscription.fits
            if fits is not None:
                wanted = [
                    kept
                    for message, kept in zip(messages, stored, strict=True)
                    if fits(message.attributes)
                ]
            if wanted:
                subscription.delivery.offer(wanted)
        self.messages.add(len(stored))
        self.requests.add()
        return [str(number) for number in numbers]

    def _check_room(self) -> None:
        for subscription in self.subscriptions.values():
            delivery = subscription.delivery
            held = delivery.backlog_bytes + delivery.backlog * self._limits.overhead
            if held > self._limits.backlog_bytes:
                raise ResourceExhaustedError(subscription.name, delivery.backlog, held)


def _check(request: Any) -> None:
    count, size = len(request.messages), request.ByteSize()
    if not count:
        raise InvalidArgumentError("The publish request contains no messages.")
    if count > _MOST_MESSAGES:
        raise InvalidArgumentError("number of messages", count, f"be at most {_MOST_MESSAGES}")
    if size > _MOST_BYTES:
        raise InvalidArgumentError("request size in bytes", size, f"be at most {_MOST_BYTES}")
    for message in request.messages:
        attributes = message.attributes
        if attributes:
            _check_attributes(attributes)
        elif not message.data:
            raise InvalidArgumentError(
                "Some messages in the publish request are empty. Each message must contain either "
                "non-empty data, or at least one attribute."
            )


def _check_attributes(attributes: Any) -> None:
    if len(attributes) > 100:
        raise InvalidArgumentError("number of attributes", len(attributes), "be at most 100")
    for key, value in attributes.items():
        reserved = key.startswith("goog") and not key.startswith(CLIENTS_OWN)
        if not 0 < len(key) <= 256 or reserved:
            raise InvalidArgumentError(
                "attribute key", repr(key[:64]), "have 1 to 256 bytes and not start with 'goog'"
            )
        if len(value) > 1024:
            raise InvalidArgumentError("size of an attribute", len(value), "be at most 1024 bytes")
