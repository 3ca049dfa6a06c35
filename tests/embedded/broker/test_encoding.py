"""Deliveries built by hand are what protobuf itself would build."""

import pytest
from google.pubsub_v1 import types

from embedded.broker import encoding
from embedded.broker.encoding import Delivered

RawMessage = types.PubsubMessage.pb()
RawResponse = types.StreamingPullResponse.pb()


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16_383, 16_384, 2_000_000, 2**40])
def test_varints_are_protobufs(value: int) -> None:
    request = types.SeekRequest.pb()()
    request.time.seconds = value
    inner = b"\x08" + encoding.varint(value) if value else b""
    assert request.SerializeToString() == b"\x12" + encoding.varint(len(inner)) + inner


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 20_000, 3_000_000])
@pytest.mark.parametrize("counted", [False, True])
def test_a_delivery_reads_back_whole(size: int, *, counted: bool) -> None:
    published = 1_700_000_000.25
    message = RawMessage(data=b"d" * size, attributes={"k": "v"}, ordering_key="o")
    time_field = encoding.publish_time_field(published)
    stored = encoding.store(message, 42, published, time_field)
    ack_id = "a" * encoding.ACK_ID_LENGTH
    response = RawResponse.FromString(
        encoding.received(
            [Delivered(ack_id, stored, 300), Delivered(ack_id, stored, 7)], count_attempts=counted
        )
    )
    first, second = response.received_messages
    assert first.ack_id == ack_id
    assert (first.message.message_id, first.message.data) == ("42", b"d" * size)
    assert (dict(first.message.attributes), first.message.ordering_key) == ({"k": "v"}, "o")
    assert (first.message.publish_time.seconds, first.message.publish_time.nanos) == (
        1_700_000_000,
        250_000_000,
    )
    assert first.delivery_attempt == (300 if counted else 0)
    assert second.delivery_attempt == (7 if counted else 0)


def test_what_a_publisher_wrote_into_the_servers_fields_is_dropped() -> None:
    message = RawMessage(data=b"d", message_id="mine")
    message.publish_time.nanos = 5
    stored = encoding.store(message, 42, 1.0, encoding.publish_time_field(1.0))
    assert stored.parsed().message_id == "42"
    assert (stored.parsed().publish_time.seconds, stored.parsed().publish_time.nanos) == (1, 0)
