"""`google.pubsub.v1.Subscriber`: everything but the streaming pull, which is in `streaming`."""

import asyncio
from typing import Any

from embedded.broker import encoding, names
from embedded.broker.consumer import Consumer
from embedded.broker.counts import RequestCounts
from embedded.broker.errors import AckIdsError, InvalidArgumentError
from embedded.broker.messages import Subscription, raw
from embedded.broker.refusals import Refusals, of_call
from embedded.broker.registry import Registry
from embedded.broker.requests import Answer, RequestCounter, counted, counted_waiting
from embedded.broker.rpc import EMPTY, Methods, streaming, unary, waiting
from embedded.broker.settings import check_extension
from embedded.broker.streaming import StreamingPull

NAME = "google.pubsub.v1.Subscriber"
_LONGEST_PULL_S = 10.0
_MOST_ACK_BYTES = 524_288  # https://docs.cloud.google.com/pubsub/quotas#resource_limits
_ListSubscriptionsResponse = raw("ListSubscriptionsResponse")
_ListSnapshotsResponse = raw("ListSnapshotsResponse")
_SeekResponse = raw("SeekResponse")


class Subscriber:
    """Subscriptions, and receiving from them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._streaming_pull = StreamingPull(registry)
        self._counts = RequestCounter(registry)

    def methods(self) -> Methods:
        """The service's methods by name."""
        return {
            "CreateSubscription": unary(
                counted(
                    "create",
                    self._create,
                    lambda request: self._counts.of_subscription(request.name),
                ),
                Subscription,
            ),
            "GetSubscription": unary(self._get, raw("GetSubscriptionRequest")),
            "UpdateSubscription": unary(
                counted(
                    "update",
                    self._update,
                    lambda request: self._counts.of_subscription(request.subscription.name),
                ),
                raw("UpdateSubscriptionRequest"),
            ),
            "ListSubscriptions": unary(self._list, raw("ListSubscriptionsRequest")),
            "DeleteSubscription": unary(self._delete, raw("DeleteSubscriptionRequest")),
            "ModifyAckDeadline": unary(
                self._counted("modify", self._modify), raw("ModifyAckDeadlineRequest")
            ),
            "Acknowledge": unary(
                self._counted("ack", self._acknowledge), raw("AcknowledgeRequest")
            ),
            "Pull": waiting(counted_waiting("pull", self._pull, self._about), raw("PullRequest")),
            "StreamingPull": streaming(self._streaming_pull.serve, raw("StreamingPullRequest")),
            "ModifyPushConfig": unary(
                self._counted("modify_push_config", self._modify_push),
                raw("ModifyPushConfigRequest"),
            ),
            "CreateSnapshot": unary(self._registry.create_snapshot, raw("CreateSnapshotRequest")),
            "GetSnapshot": unary(self._get_snapshot, raw("GetSnapshotRequest")),
            "UpdateSnapshot": unary(self._update_snapshot, raw("UpdateSnapshotRequest")),
            "DeleteSnapshot": unary(self._delete_snapshot, raw("DeleteSnapshotRequest")),
            "ListSnapshots": unary(self._list_snapshots, raw("ListSnapshotsRequest")),
            "Seek": unary(self._counted("seek", self._seek), raw("SeekRequest")),
        }

    def _about(self, request: Any) -> RequestCounts | None:
        return self._counts.of_subscription(request.subscription)

    def _counted(self, operation: str, answer: Answer) -> Answer:
        return counted(operation, answer, self._about)

    def _create(self, subscription: Any) -> Any:
        return self._registry.create_subscription(subscription).settings

    def _get(self, request: Any) -> Any:
        return self._registry.subscription(request.subscription).settings

    def _update(self, request: Any) -> Any:
        return self._registry.update_subscription(
            request.subscription, request.update_mask.paths
        ).settings

    def _list(self, request: Any) -> Any:
        subscriptions, token = names.page(
            self._registry.subscriptions_of(request.project),
            request.page_size,
            request.page_token,
        )
        return _ListSubscriptionsResponse(
            subscriptions=[subscription.settings for subscription in subscriptions],
            next_page_token=token,
        )

    def _delete(self, request: Any) -> Any:
        self._registry.delete_subscription(request.subscription)
        return EMPTY

    def _modify(self, request: Any) -> Any:
        subscription = self._registry.in_use(request.subscription)
        check_extension(request.ack_deadline_seconds)
        _check_ack_ids(request)
        delivery, nack = subscription.delivery, request.ack_deadline_seconds == 0
        # A nack cannot be said twice, so with a refused one in the call none is taken.
        refused = delivery.refused(request.ack_ids) if nack else {}
        _check_taken(request, refused)
        _check_taken(request, delivery.modify(request.ack_ids, request.ack_deadline_seconds))
        return EMPTY

    def _acknowledge(self, request: Any) -> Any:
        subscription = self._registry.in_use(request.subscription)
        _check_ack_ids(request)
        _check_taken(request, subscription.delivery.acknowledge(request.ack_ids))
        return EMPTY

    def _modify_push(self, request: Any) -> Any:
        changes = Subscription(name=request.subscription, push_config=request.push_config)
        self._registry.update_subscription(changes, ["push_config"])
        return EMPTY

    def _get_snapshot(self, request: Any) -> Any:
        return self._registry.snapshots.find(request.snapshot).settings

    def _update_snapshot(self, request: Any) -> Any:
        return self._registry.snapshots.update(request.snapshot, request.update_mask.paths)

    def _delete_snapshot(self, request: Any) -> Any:
        self._registry.snapshots.delete(request.snapshot)
        return EMPTY

    def _list_snapshots(self, request: Any) -> Any:
        snapshots, token = names.page(
            self._registry.snapshots.of_project(request.project),
            request.page_size,
            request.page_token,
        )
        return _ListSnapshotsResponse(
            snapshots=[snapshot.settings for snapshot in snapshots], next_page_token=token
        )

    def _seek(self, request: Any) -> Any:
        if request.HasField("time"):
            start = request.time.seconds + request.time.nanos / 1e9
            self._registry.seek(request.subscription, start)
        else:
            self._registry.seek_to_snapshot(request.subscription, request.snapshot)
        return _SeekResponse()

    async def _pull(self, request: Any, context: Any) -> bytes:
        """Waits for the first message, but answers (with none) before the caller gives up."""
        subscription = self._registry.in_use(request.subscription)
        subscription.check_attached()
        if request.max_messages <= 0:
            raise InvalidArgumentError("max_messages must be positive.")
        delivery, arrived = subscription.delivery, asyncio.Event()
        consumer = Consumer(
            wake=arrived.set,
            deadline_s=delivery.policy.ack_deadline_s,
            max_messages=request.max_messages,
            streaming=False,
        )
        delivery.attach(consumer)
        loop = asyncio.get_running_loop()
        until = loop.time() + _patience(context)
        try:
            leases = delivery.take(consumer)
            while not leases and not request.return_immediately and loop.time() < until:
                # It may be woken for what another was quicker to take, or what it may not have.
                await _at_most(until - loop.time(), arrived)
                arrived.clear()
                if consumer.error:
                    raise consumer.error
                leases = delivery.take(consumer)
        finally:
            delivery.detach(consumer)
        return encoding.received(leases, count_attempts=delivery.policy.attempts_counted)


def _check_ack_ids(request: Any) -> None:
    if not request.ack_ids:
        raise InvalidArgumentError("No ack ids specified.")
    size = request.ByteSize()
    if size > _MOST_ACK_BYTES:
        raise InvalidArgumentError("request size in bytes", size, f"be at most {_MOST_ACK_BYTES}")


def _check_taken(request: Any, refused: Refusals) -> None:
    if refused:
        raise AckIdsError(of_call(request.ack_ids, refused))


def _patience(context: Any) -> float:
    remaining = context.time_remaining()
    return _LONGEST_PULL_S if remaining is None else min(_LONGEST_PULL_S, remaining * 0.8)


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
