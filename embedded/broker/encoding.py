"""Messages as stored bytes, and deliveries built around them without parsing or copying.

Protobuf merges repeated occurrences of a field, the last scalar winning, so a published message is
serialised once, its id and publish time are appended, and each delivery to each subscription is
the same bytes behind a few new ones: https://protobuf.dev/programming-guides/encoding/#last-one-wins
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

from embedded.broker.messages import ReceivedMessage

if TYPE_CHECKING:
    from embedded.broker.memory import Memory

ACK_ID_LENGTH = 20


@lru_cache(4096)  # most are lengths of messages, of which a topic has few
def varint(value: int) -> bytes:
    """A non-negative integer in protobuf's base-128 form."""
    if value < 0x80:
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@dataclass(slots=True, eq=False)
class Message:
    """A published message; never changed, shared by all subscriptions of its topic.

    `sequence` rises by publish order over the whole broker; `published` is POSIX seconds UTC;
    `size` is that of the PubsubMessage, bytes. `head` and `body` are the beginning (up to the ack
    id) and the end of its `received_messages` entry, `key` its ordering key. `memory` is the
    account it counts in, and `keepers` how many remember it for seeking back.
    """

    sequence: int
    published: float
    size: int
    head: bytes
    body: bytes
    key: str = ""
    memory: "Memory | None" = None
    keepers: int = 0

    def __del__(self) -> None:
        """Nobody holds it any more."""
        if self.memory is not None:
            self.memory.messages -= 1
            self.memory.bytes -= self.size

    def parsed(self) -> Any:
        """The PubsubMessage, decoded."""
        return ReceivedMessage.FromString(self.body).message


@dataclass(slots=True, eq=False)
class Delivered:
    """What a subscriber is told of one delivery; `attempt` only goes out where it is counted."""

    ack_id: str
    message: Message
    attempt: int


def publish_time_field(published: float) -> bytes:
    """`publish_time` (field 4, a Timestamp) as it is appended to a message.

    Its nanoseconds are written even if 0, so that they win over what the publisher wrote there.
    """
    seconds, microseconds = divmod(round(published * 1_000_000), 1_000_000)
    stamp = b"\x08" + varint(seconds) + b"\x10" + varint(microseconds * 1_000)
    return b"\x22" + varint(len(stamp)) + stamp


def store(
    message: Any,
    sequence: int,
    published: float,
    time_field: bytes,
    serialised: bytes | None = None,
) -> Message:
    """A raw PubsubMessage as it is kept, with its id and publish time.

    `serialised`: the message as bytes, where it is known already.
    """
    serialised = message.SerializeToString() if serialised is None else serialised
    identity = b"%d" % sequence
    size = len(serialised) + 2 + len(identity) + len(time_field)
    body = b"".join(
        (b"\x12", varint(size), serialised, b"\x1a", varint(len(identity)), identity, time_field)
    )
    key: str = message.ordering_key
    return Message(sequence, published, size, _head(len(body)), body, intern(key) if key else "")


def received(deliveries: Iterable[Delivered], *, count_attempts: bool) -> bytes:
    """`received_messages` (field 1 of PullResponse and StreamingPullResponse alike)."""
    parts: list[bytes] = []
    for delivery in deliveries:
        message = delivery.message
        if count_attempts:
            attempt = b"\x18" + varint(delivery.attempt)
            head = _head(len(message.body) + len(attempt))
            parts += (head, delivery.ack_id.encode(), message.body, attempt)
        else:
            parts += (message.head, delivery.ack_id.encode(), message.body)
    return b"".join(parts)


@lru_cache(4096)  # most messages of a topic are of few lengths: they share one object
def _head(rest: int) -> bytes:
    """What precedes the ack id in an entry with `rest` bytes after it."""
    return b"\x0a" + varint(2 + ACK_ID_LENGTH + rest) + b"\x0a\x14"
