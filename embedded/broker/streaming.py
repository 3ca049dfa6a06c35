"""`StreamingPull`: one stream of deliveries out, acknowledgements and extensions in."""

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc.aio

from embedded.broker import encoding
from embedded.broker.consumer import Consumer
from embedded.broker.delivery import Delivery
from embedded.broker.errors import BrokerError, InvalidArgumentError
from embedded.broker.messages import StreamingPullResponse
from embedded.broker.refusals import Refusal, Refusals
from embedded.broker.registry import Registry
from embedded.broker.settings import check_extension, check_stream_deadline
from embedded.broker.subscription import Subscription


class _Stream:
    """One open stream: its credit, and what its two halves tell each other."""

    def __init__(self, subscription: Subscription, opening: Any) -> None:
        self.attention = asyncio.Event()
        self.delivery: Delivery = subscription.delivery
        self.subscription = subscription
        self.confirmations: list[bytes] = []
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
        settings = self.subscription.settings
        return _serialised(
            subscription_properties=StreamingPullResponse.SubscriptionProperties(
                message_ordering_enabled=settings.enable_message_ordering,
                exactly_once_delivery_enabled=settings.enable_exactly_once_delivery,
            )
        )

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
            refused = self.delivery.acknowledge(request.ack_ids)
            if self.delivery.policy.exactly_once:
                self.confirm(acknowledge_confirmation=_acknowledged(request.ack_ids, refused))
            self.delivery.counts.requests.add("streaming_ack")
        if request.modify_deadline_ack_ids:
            self.delivery.counts.requests.add("streaming_modify")
        by_seconds: dict[int, list[str]] = {}
        for ack_id, seconds in zip(
            request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
        ):
            by_seconds.setdefault(seconds, []).append(ack_id)
        for seconds, ack_ids in by_seconds.items():
            check_extension(seconds)
            refused = self.delivery.modify(ack_ids, seconds)
            if self.delivery.policy.exactly_once:
                self.confirm(modify_ack_deadline_confirmation=_modified(ack_ids, refused))

    def confirm(self, **confirmation: Any) -> None:
        """Let the client know what was taken and what was not."""
        self.confirmations.append(_serialised(**confirmation))
        self.attention.set()


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


def _acknowledged(ack_ids: Iterable[str], refused: Refusals) -> dict[str, list[str]]:
    return {
        "ack_ids": [ack_id for ack_id in ack_ids if ack_id not in refused],
        "invalid_ack_ids": [a for a, why in refused.items() if why is Refusal.INVALID],
        "unordered_ack_ids": [a for a, why in refused.items() if why is Refusal.UNORDERED],
    }


def _modified(ack_ids: Iterable[str], refused: Refusals) -> dict[str, list[str]]:
    taken = [ack_id for ack_id in ack_ids if ack_id not in refused]
    return {"ack_ids": taken, "invalid_ack_ids": list(refused)}


def _serialised(**fields: Any) -> bytes:
    serialised: bytes = StreamingPullResponse(**fields).SerializeToString()
    return serialised


async def _deliver(stream: _Stream, context: Any) -> None:
    delivery, consumer = stream.delivery, stream.consumer
    settings, trailer = stream.subscription.settings, stream.trailer()
    while True:
        stream.attention.clear()
        if consumer.error is not None:
            raise consumer.error
        if settings is not stream.subscription.settings:
            settings, trailer = stream.subscription.settings, stream.trailer()
        if stream.confirmations:
            said, stream.confirmations = stream.confirmations, []
            await context.write(b"".join(said) + trailer)
            stream.attention.set()
        if stream.pongs_wanted:
            stream.pongs_wanted -= 1
            await context.write(trailer)
            stream.attention.set()
        if stream.half_closed:
            return
        leases = delivery.take(consumer)
        if leases:
            await context.write(
                encoding.received(leases, count_attempts=delivery.policy.attempts_counted) + trailer
            )
            delivery.counts.requests.add("streaming_response")
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
