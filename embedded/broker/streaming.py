"""`StreamingPull`: one stream of deliveries out, acknowledgements and extensions in."""

import asyncio
from typing import Any

import grpc.aio

from embedded.broker import encoding
from embedded.broker.consumer import Consumer
from embedded.broker.delivery import Delivery
from embedded.broker.errors import BrokerError, InvalidArgumentError
from embedded.broker.messages import StreamingPullResponse
from embedded.broker.registry import Registry
from embedded.broker.settings import check_extension, check_stream_deadline
from embedded.broker.subscription import Subscription


class _Stream:
    """One open stream: its credit, and what its two halves tell each other."""

    def __init__(self, subscription: Subscription, opening: Any) -> None:
        self.attention = asyncio.Event()
        self.delivery: Delivery = subscription.delivery
        self.subscription = subscription
        self.pongs_wanted = 0
        self.half_closed = False
        self.answers_pings = opening.protocol_version >= 1
        deadline = opening.stream_ack_deadline_seconds
        check_stream_deadline(deadline)
        self.consumer = Consumer(
            wake=self.attention.set,
            deadline_s=float(deadline),
            client_id=opening.client_id,
            max_messages=opening.max_outstanding_messages,
            max_bytes=opening.max_outstanding_bytes,
        )

    def trailer(self) -> bytes:
        """`subscription_properties`, which clients look for in every response."""
        ordered = self.subscription.settings.enable_message_ordering
        properties = StreamingPullResponse.SubscriptionProperties(message_ordering_enabled=ordered)
        serialised: bytes = StreamingPullResponse(
            subscription_properties=properties
        ).SerializeToString()
        return serialised

    def hear(self, request: Any) -> None:
        """Do what one further request on the stream says."""
        if request.subscription:
            raise InvalidArgumentError("subscription may only be set in the first request.")
        if (
            request.max_outstanding_messages
            or request.max_outstanding_bytes
            or request.protocol_version
        ):
            raise InvalidArgumentError(
                "max_outstanding_messages, max_outstanding_bytes and protocol_version may only be "
                "set in the first request."
            )
        self.settle(request)
        empty = not request.ack_ids and not request.modify_deadline_ack_ids
        if empty and self.answers_pings:
            self.pongs_wanted += 1
            self.attention.set()
        if request.stream_ack_deadline_seconds:
            check_stream_deadline(request.stream_ack_deadline_seconds)
            self.consumer.deadline_s = float(request.stream_ack_deadline_seconds)

    def settle(self, request: Any) -> None:
        """The acknowledgements and deadlines in a request."""
        if len(request.modify_deadline_seconds) != len(request.modify_deadline_ack_ids):
            raise InvalidArgumentError(
                "modify_deadline_seconds and modify_deadline_ack_ids differ in length."
            )
        if request.ack_ids:
            self.delivery.acknowledge(request.ack_ids)
        by_seconds: dict[int, list[str]] = {}
        for ack_id, seconds in zip(
            request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
        ):
            by_seconds.setdefault(seconds, []).append(ack_id)
        for seconds, ack_ids in by_seconds.items():
            check_extension(seconds)
            self.delivery.modify(ack_ids, seconds)


class StreamingPull:
    """Serves streams until their client, their subscription or the broker goes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def serve(self, context: Any) -> None:
        """One stream, from its first request to its end."""
        opening = await context.read()
        if opening is grpc.aio.EOF:
            raise InvalidArgumentError("The first request must name the subscription.")
        subscription = self._registry.in_use(opening.subscription)
        subscription.check_attached()
        stream = _Stream(subscription, opening)
        stream.settle(opening)
        stream.delivery.attach(stream.consumer)
        listener = asyncio.create_task(_listen(stream, context), name="streaming-pull-listener")
        try:
            await context.send_initial_metadata(())
            await _deliver(stream, context)
        finally:
            listener.cancel()
            stream.delivery.detach(stream.consumer)


async def _deliver(stream: _Stream, context: Any) -> None:
    delivery, consumer, trailer = stream.delivery, stream.consumer, stream.trailer()
    while True:
        stream.attention.clear()
        if consumer.error is not None:
            raise consumer.error
        if stream.pongs_wanted:
            stream.pongs_wanted -= 1
            await context.write(trailer)
            stream.attention.set()
        if stream.half_closed:
            return
        leases = delivery.take(consumer)
        if leases:
            await context.write(
                encoding.received(leases, count_attempts=delivery.attempts_counted) + trailer
            )
        else:
            await stream.attention.wait()


async def _listen(stream: _Stream, context: Any) -> None:
    try:
        while (request := await context.read()) is not grpc.aio.EOF:
            stream.hear(request)
    except BrokerError as error:
        stream.consumer.end(error)
    finally:
        stream.half_closed = True
        stream.attention.set()
