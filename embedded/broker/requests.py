"""Counts the requests that a subscription or a topic gets, by operation and answer."""

from collections.abc import Awaitable, Callable
from typing import Any

from embedded.broker.counts import RequestCounts
from embedded.broker.errors import BrokerError
from embedded.broker.registry import Registry

Find = Callable[[Any], RequestCounts | None]
Answer = Callable[[Any], Any]


class RequestCounter:
    """Finds whom a request is about. Requests about what does not exist are not counted."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def of_subscription(self, name: str) -> RequestCounts | None:
        """The counts of the subscription of this name."""
        found = self._registry.subscriptions.get(name)
        return None if found is None else found.delivery.counts.requests

    def of_topic(self, name: str) -> RequestCounts | None:
        """The counts of the topic of this name."""
        found = self._registry.topics.get(name)
        return None if found is None else found.counts.requests


def counted(operation: str, answer: Answer, find: Find) -> Answer:
    """`answer`, counting; `find` gives the counts of whom the request is about, once answered."""

    def handle(request: Any) -> Any:
        try:
            result = answer(request)
        except BrokerError as error:
            _count(find(request), operation, error)
            raise
        _count(find(request), operation, None)
        return result

    return handle


def counted_waiting(
    operation: str, answer: Callable[[Any, Any], Awaitable[Any]], find: Find
) -> Callable[[Any, Any], Awaitable[Any]]:
    """The same for a method that waits."""

    async def handle(request: Any, context: Any) -> Any:
        try:
            result = await answer(request, context)
        except BrokerError as error:
            _count(find(request), operation, error)
            raise
        _count(find(request), operation, None)
        return result

    return handle


def _count(counts: RequestCounts | None, operation: str, error: BrokerError | None) -> None:
    if counts is not None:
        counts.add(operation, "success" if error is None else error.status.lower())
