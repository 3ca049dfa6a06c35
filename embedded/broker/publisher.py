"""`google.pubsub.v1.Publisher`."""

from typing import Any

from embedded.broker import names
from embedded.broker.gate import Gate
from embedded.broker.messages import Topic, raw
from embedded.broker.registry import Registry
from embedded.broker.requests import RequestCounter, counted, counted_waiting
from embedded.broker.rpc import EMPTY, Methods, unary, waiting

NAME = "google.pubsub.v1.Publisher"
_PublishResponse = raw("PublishResponse")
_ListTopicsResponse = raw("ListTopicsResponse")
_ListTopicSubscriptionsResponse = raw("ListTopicSubscriptionsResponse")
_ListTopicSnapshotsResponse = raw("ListTopicSnapshotsResponse")
_DetachSubscriptionResponse = raw("DetachSubscriptionResponse")
_LONGEST_HOLD_S = 5.0  # then the caller hears why, and tries again


class Publisher:
    """Topics, and publishing to them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gate = Gate(registry)
        self._find = RequestCounter(registry).of_topic

    def methods(self) -> Methods:
        """The service's methods by name."""
        return {
            "CreateTopic": unary(
                counted("create", self._create, lambda topic: self._find(topic.name)), Topic
            ),
            "UpdateTopic": unary(
                counted("update", self._update, lambda request: self._find(request.topic.name)),
                raw("UpdateTopicRequest"),
            ),
            "Publish": waiting(
                counted_waiting(
                    "publish", self._publish, lambda request: self._find(request.topic)
                ),
                raw("PublishRequest"),
            ),
            "GetTopic": unary(self._get, raw("GetTopicRequest")),
            "ListTopics": unary(self._list, raw("ListTopicsRequest")),
            "ListTopicSubscriptions": unary(
                self._subscriptions, raw("ListTopicSubscriptionsRequest")
            ),
            "ListTopicSnapshots": unary(self._snapshots, raw("ListTopicSnapshotsRequest")),
            "DeleteTopic": unary(self._delete, raw("DeleteTopicRequest")),
            "DetachSubscription": unary(self._detach, raw("DetachSubscriptionRequest")),
        }

    def _create(self, topic: Any) -> Any:
        return self._registry.create_topic(topic).settings

    def _update(self, request: Any) -> Any:
        return self._registry.update_topic(request.topic, request.update_mask.paths).settings

    async def _publish(self, request: Any, context: Any) -> Any:
        """Held while the broker's memory is full; refused before the caller gives up."""
        if not self._gate.open:
            self._registry.topic(request.topic).check(request)  # what is wrong need not wait
            size, count = request.ByteSize(), len(request.messages)
            await self._gate.enter(size, count, _patience_s(context))
        return _PublishResponse(message_ids=self._registry.publish(request))

    def _get(self, request: Any) -> Any:
        return self._registry.topic(request.topic).settings

    def _list(self, request: Any) -> Any:
        topics, token = names.page(
            self._registry.topics_of(request.project), request.page_size, request.page_token
        )
        return _ListTopicsResponse(
            topics=[topic.settings for topic in topics], next_page_token=token
        )

    def _subscriptions(self, request: Any) -> Any:
        subscriptions, token = names.page(
            self._registry.topic(request.topic).subscriptions,
            request.page_size,
            request.page_token,
        )
        return _ListTopicSubscriptionsResponse(
            subscriptions=[subscription.name for subscription in subscriptions],
            next_page_token=token,
        )

    def _snapshots(self, request: Any) -> Any:
        snapshots, token = names.page(
            self._registry.snapshots.of_topic(self._registry.topic(request.topic)),
            request.page_size,
            request.page_token,
        )
        return _ListTopicSnapshotsResponse(
            snapshots=[snapshot.name for snapshot in snapshots], next_page_token=token
        )

    def _delete(self, request: Any) -> Any:
        self._registry.delete_topic(request.topic)
        return EMPTY

    def _detach(self, request: Any) -> Any:
        self._registry.detach_subscription(request.subscription)
        return _DetachSubscriptionResponse()


def _patience_s(context: Any) -> float:
    remaining = context.time_remaining()
    return _LONGEST_HOLD_S if remaining is None else min(_LONGEST_HOLD_S, float(remaining) * 0.8)
