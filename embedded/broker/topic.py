"""A topic: stores what is published, once, and offers it to its subscriptions."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from consumers.clock import Clock
from embedded.broker import encoding
from embedded.broker.counts import TopicCounts
from embedded.broker.encoding import Message
from embedded.broker.errors import InvalidArgumentError
from embedded.broker.memory import Memory
from embedded.broker.retention import RetentionWindow
from embedded.broker.settings import seconds

if TYPE_CHECKING:
    from embedded.broker.subscription import Subscription

_MOST_MESSAGES = 1000
_MOST_BYTES = 10_000_000
CLIENTS_OWN = "googclient_"  # what client libraries add, such as the trace a message belongs to
_BROKERS_OWN = "googclient_schema"  # but these say which schema a message was checked against


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
    """One topic. `settings` is its Topic message, `window` what it keeps for seeking back."""

    def __init__(
        self, settings: Any, *, clock: Clock, sequencer: Sequencer, memory: Memory
    ) -> None:
        self.settings = settings
        self.subscriptions: dict[str, Subscription] = {}
        self.window = RetentionWindow(memory)
        self.counts = TopicCounts(clock)
        self._clock = clock
        self._sequencer = sequencer
        self._memory = memory
        self.configure(settings)

    @property
    def name(self) -> str:
        """`projects/<project>/topics/<id>`."""
        return str(self.settings.name)

    def configure(self, settings: Any) -> None:
        """Go by these (completed) settings from now on."""
        self.settings = settings
        self.window.seconds = seconds(settings.message_retention_duration)
        self.window.trim(self._clock.now().timestamp())

    def retire(self) -> None:
        """It is deleted: only what snapshots need stays."""
        self.window.seconds = 0.0
        self.window.trim(self._clock.now().timestamp())

    def retained(self, start: float, now: float) -> Iterator[Message]:
        """What any subscription may have again at `now`, published at or after `start` (both POSIX
        seconds), newest first: nothing unless the topic retains messages."""
        self.window.trim(now)
        reach = self.window.seconds
        return self.window.since(max(start, now - reach)) if reach else iter(())

    def num_retained_messages(self) -> int:
        """How many messages the topic keeps for seeking back, for snapshots too."""
        return len(self.window)

    def retained_bytes(self) -> int:
        """The size of those, bytes."""
        return self.window.bytes

    def oldest_retained_message_age(self, now: float) -> float:
        """Seconds from the publishing of the oldest of them to `now` (POSIX seconds); 0 if none."""
        oldest = self.window.oldest()
        return 0.0 if oldest is None else max(0.0, now - oldest)

    def check(self, request: Any) -> None:
        """Refuse a raw PublishRequest that can never be right, whatever the broker's state."""
        _check(request)

    def publish(self, request: Any, *, stamp: Callable[[Any], None] | None = None) -> list[str]:
        """Store the messages of a raw PublishRequest and offer them; their ids, in order.

        `stamp` gets the messages first; it may refuse them or add attributes of the broker's own.
        """
        encoded = _check(request)
        if stamp is not None:
            stamp(request.messages)
            encoded = []
        return self._store(request.messages, encoded)

    def forward(self, messages: Any) -> list[str]:
        """The same for messages of the broker's own: unchecked, never refused."""
        return self._store(messages, ())

    def _store(self, messages: Any, encoded: Sequence[bytes]) -> list[str]:
        numbers, published = self._sequencer.take(len(messages))
        time_field = encoding.publish_time_field(published)
        stored = [
            encoding.store(message, number, published, time_field, serialised)
            for message, number, serialised in zip(
                messages, numbers, encoded or repeat(None, len(messages)), strict=True
            )
        ]
        self._memory.charge(stored)
        self.window.extend(stored)
        for subscription in self.subscriptions.values():
            wanted, fits = stored, subscription.fits
            if fits is not None:
                wanted = [
                    kept
                    for message, kept in zip(messages, stored, strict=True)
                    if fits(message.attributes)
                ]
                if len(wanted) < len(stored):
                    passed = set(wanted)
                    held_back = [message for message in stored if message not in passed]
                    subscription.delivery.counts.hold_back(held_back)
            if wanted:
                subscription.delivery.offer(wanted)
        self.counts.publish(stored)
        return [str(number) for number in numbers]


def _check(request: Any) -> list[bytes]:
    """The messages serialised; InvalidArgumentError if Pub/Sub would not take them."""
    count, size = len(request.messages), request.ByteSize()
    if not count:
        raise InvalidArgumentError("The publish request contains no messages.")
    if count > _MOST_MESSAGES:
        raise InvalidArgumentError("number of messages", count, f"be at most {_MOST_MESSAGES}")
    if size > _MOST_BYTES:
        raise InvalidArgumentError("request size in bytes", size, f"be at most {_MOST_BYTES}")
    encoded = []
    for message in request.messages:
        serialised = message.SerializeToString()
        encoded.append(serialised)
        data = message.data
        # Around its data too small for anything to be too long, and without what may begin a
        # reserved key or be an empty one: most messages are, and it need not be looked for.
        plain = data and len(serialised) - len(data) < 256
        if not plain or b"goog" in serialised or b"\x0a\x00" in serialised:
            _check_message(message)
    return encoded


def _check_message(message: Any) -> None:
    if not message.data and not message.attributes:
        raise InvalidArgumentError(
            "Some messages in the publish request are empty. Each message must contain either "
            "non-empty data, or at least one attribute."
        )
    size = len(message.ordering_key.encode())
    if size > 1024:
        raise InvalidArgumentError("size of an ordering key", size, "be at most 1024 bytes")
    attributes = message.attributes
    if len(attributes) > 100:
        raise InvalidArgumentError("number of attributes", len(attributes), "be at most 100")
    for key, value in attributes.items():
        of_client = key.startswith(CLIENTS_OWN) and not key.startswith(_BROKERS_OWN)
        reserved = key.startswith("goog") and not of_client
        if not 0 < len(key.encode()) <= 256 or reserved:
            raise InvalidArgumentError(
                "attribute key", repr(key[:64]), "have 1 to 256 bytes and not start with 'goog'"
            )
        size = len(value.encode())
        if size > 1024:
            raise InvalidArgumentError("size of an attribute", size, "be at most 1024 bytes")
