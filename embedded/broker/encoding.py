"""Messages as stored bytes, and deliveries built around them without parsing or copying.

Protobuf merges repeated occurrences of a field, the last scalar winning, so a published message is
serialised once, its id and publish time are appended, and each delivery to each subscription is
the same bytes behind a few new ones: https://protobuf.dev/programming-guides/encoding/#last-one-wins
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from embedded.broker.messages import PubsubMessage

ACK_ID_LENGTH = 20


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
    `body` is the serialised PubsubMessage and `frame` what precedes it in a ReceivedMessage.
    """

    sequence: int
    published: float
    body: bytes
    frame: bytes
    ordering_key: str

    @property
    def size(self) -> int:
        """Bytes of the serialised message."""
        return len(self.body)

    def parsed(self) -> Any:
        """The PubsubMessage, decoded."""
        return PubsubMessage.FromString(self.body)


@dataclass(slots=True, eq=False)
class Delivered:
    """What a subscriber is told of one delivery; `attempt` only goes out where it is counted."""

    ack_id: str
    message: Message
    attempt: int


def publish_time_field(published: float) -> bytes:
    """`publish_time` (field 4, a Timestamp) as it is appended to a message."""
    microseconds = round(published * 1_000_000)
    seconds, rest = divmod(microseconds, 1_000_000)
    stamp = b"\x08" + varint(seconds)
    if rest:
        stamp += b"\x10" + varint(rest * 1_000)
    return b"\x22" + varint(len(stamp)) + stamp


def store(message: Any, sequence: int, published: float, time_field: bytes) -> Message:
    """A raw PubsubMessage as it is kept; what the publisher wrote into server fields is dropped."""
    if message.message_id or message.HasField("publish_time"):
        message.ClearField("message_id")
        message.ClearField("publish_time")
    identity = str(sequence).encode()
    body = message.SerializeToString() + b"\x1a" + varint(len(identity)) + identity + time_field
    return Message(sequence, published, body, b"\x12" + varint(len(body)), message.ordering_key)


def received(deliveries: Iterable[Delivered], count_attempts: bool) -> bytes:
    """`received_messages` (field 1 of PullResponse and StreamingPullResponse alike)."""
    parts: list[bytes] = []
    for delivery in deliveries:
        message = delivery.message
        attempt = b"\x18" + varint(delivery.attempt) if count_attempts else b""
        length = 2 + ACK_ID_LENGTH + len(message.frame) + len(message.body) + len(attempt)
        parts.append(b"\x0a" + varint(length) + b"\x0a\x14" + delivery.ack_id.encode())
        parts.append(message.frame)
        parts.append(message.body)
        if attempt:
            parts.append(attempt)
    return b"".join(parts)
