"""A subscription as it should be, whatever the broker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

BACKOFF = (timedelta(seconds=10), timedelta(seconds=600))


@dataclass(frozen=True, slots=True)
class SubscriptionSpec:
    """A subscription as it should be. `expiration` None: it never expires.

    With `dead_letter`, what fails `attempts` times goes to the topic `<name>.dead`. `backoff` None:
    what was not acknowledged comes again at once. `warm_up`: a subscription just created begins
    this far back, as far as its topic remembers.
    """

    name: str
    topic: str
    ack_deadline_s: int = 30
    dead_letter: bool = True
    attempts: int = 5
    expiration: timedelta | None = None
    retention: timedelta = timedelta(days=7)
    backoff: tuple[timedelta, timedelta] | None = BACKOFF
    warm_up: timedelta | None = None
    filter: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def dead(self) -> str:
        """The topic of its dead letters, and the subscription that keeps them."""
        return f"{self.name}.dead"

    def request(self, project: str) -> dict[str, object]:
        """`google.pubsub.v1.Subscription` as plain values. An empty policy means: never expires."""
        request: dict[str, object] = {
            "name": f"projects/{project}/subscriptions/{self.name}",
            "topic": f"projects/{project}/topics/{self.topic}",
            "ack_deadline_seconds": self.ack_deadline_s,
            "message_retention_duration": self.retention,
            "expiration_policy": {"ttl": self.expiration} if self.expiration else {},
            "filter": self.filter,
            "labels": dict(self.labels),
        }
        if self.backoff is not None:
            shortest, longest = self.backoff
            request["retry_policy"] = {"minimum_backoff": shortest, "maximum_backoff": longest}
        if self.dead_letter:
            request["dead_letter_policy"] = {
                "dead_letter_topic": f"projects/{project}/topics/{self.dead}",
                "max_delivery_attempts": self.attempts,
            }
        return request
