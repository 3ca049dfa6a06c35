"""Topics and subscriptions: made, listed, sought in and deleted."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import structlog

from consumers.clock import Clock
from consumers.errors import BrokerUnreachableError, ExistsError, PubSubError
from consumers.subscription import SubscriptionSpec

log = structlog.get_logger(__name__)

CALL_S = 5.0


class Administration:
    """What `PubSub` does with its clients for topics and subscriptions, which it sets."""

    _project: str
    _clock: Clock
    _topics: Any
    _subscriptions: Any

    def __init__(self) -> None:
        self._unconfirmed: set[str] = set()  # subscriptions of which no answer says who made them

    @abstractmethod
    def _errors(self, kind: str, name: str) -> AbstractContextManager[None]:
        """Within it, Google's exceptions become ours."""

    def ensure_topic(self, name: str, retention: timedelta | None = None) -> bool:
        """Create the topic unless it exists, however it is set; whether it was created.

        `retention`: how far back a subscription may seek in it.
        """
        request: dict[str, object] = {"name": self._topic(name)}
        if retention is not None:
            request["message_retention_duration"] = retention
        try:
            with self._errors("topic", name):
                self._topics.create_topic(request=request, retry=None, timeout=CALL_S)
        except ExistsError:
            return False
        return True

    def ensure_subscription(self, spec: SubscriptionSpec) -> bool:
        """Create the subscription unless it exists, however it is set; whether it was created.

        NotFoundError: its topic, or the topic for its dead letters, does not exist. If the answer
        to a creation was lost, and it exists when it is tried again, it counts as created.
        """
        try:
            with self._errors("topic", spec.topic):
                self._subscriptions.create_subscription(
                    request=spec.request(self._project), retry=None, timeout=CALL_S
                )
        except BrokerUnreachableError:
            self._unconfirmed.add(spec.name)
            raise
        except ExistsError:
            if spec.name not in self._unconfirmed:
                return False
        self._unconfirmed.discard(spec.name)
        if spec.warm_up is not None:
            self.seek_back(spec.name, spec.warm_up)
        return True

    def seek_back(self, name: str, by: timedelta) -> bool:
        """Begin in the past; a subscription that may not still receives what comes from now on.

        Whether it could be done; why not is in the log.
        """
        start = self._clock.now() - by
        request = {"subscription": self._subscription(name), "time": start}
        try:
            with self._errors("subscription", name):
                self._subscriptions.seek(request=request, retry=None, timeout=CALL_S)
        except PubSubError as error:
            log.warning("warm_up_failed", subscription=name, error=str(error))
            return False
        return True

    def delete_subscription(self, name: str) -> None:
        """Delete it with all that waits in it."""
        with self._errors("subscription", name):
            self._subscriptions.delete_subscription(
                subscription=self._subscription(name), retry=None, timeout=CALL_S
            )

    def topics(self) -> tuple[str, ...]:
        """Every topic of the project, sorted."""
        request = {"project": f"projects/{self._project}"}
        found = self._listed(self._topics.list_topics, request, "project", self._project)
        return tuple(sorted(_short(topic.name) for topic in found))

    def subscriptions(self) -> tuple[str, ...]:
        """Every subscription of the project, sorted."""
        request = {"project": f"projects/{self._project}"}
        listing = self._subscriptions.list_subscriptions
        found = self._listed(listing, request, "project", self._project)
        return tuple(sorted(_short(subscription.name) for subscription in found))

    def topic_subscriptions(self, topic: str) -> tuple[str, ...]:
        """Who would receive what is published to the topic, sorted."""
        request = {"topic": self._topic(topic)}
        listing = self._topics.list_topic_subscriptions
        return tuple(sorted(map(_short, self._listed(listing, request, "topic", topic))))

    def _listed(
        self, listing: Callable[..., Iterable[Any]], request: object, kind: str, name: str
    ) -> list[Any]:
        with self._errors(kind, name):
            return list(listing(request=request, retry=None, timeout=CALL_S))

    def _topic(self, name: str) -> str:
        return f"projects/{self._project}/topics/{name}"

    def _subscription(self, name: str) -> str:
        return f"projects/{self._project}/subscriptions/{name}"


def _short(path: str) -> str:
    return path.rpartition("/")[2]
