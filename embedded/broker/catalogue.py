"""What Monitoring can be asked about: three types of resource and their metrics."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from embedded.broker import names
from embedded.broker.metrics import Labels, Metric
from embedded.broker.registry import Registry
from embedded.broker.subscription_counts import COUNTS
from embedded.broker.subscription_gauges import GAUGES
from embedded.broker.topic_metrics import SNAPSHOT_METRICS, TOPIC_METRICS


@dataclass(frozen=True, slots=True)
class Resource:
    """One type of monitored resource; `every` finds all there are."""

    type: str
    label: str
    title: str
    about: str
    metrics: tuple[Metric[Any], ...]
    every: Callable[[Registry], Iterable[Any]]

    def labels(self, subject: Any) -> Labels:
        """The labels of one of them."""
        return {"project_id": names.project_of(subject.name), self.label: names.id_of(subject.name)}


RESOURCES = (
    Resource(
        "pubsub_snapshot",
        "snapshot_id",
        "Cloud Pub/Sub Snapshot",
        "A snapshot in this broker.",
        SNAPSHOT_METRICS,
        lambda registry: registry.snapshots.every(),
    ),
    Resource(
        "pubsub_subscription",
        "subscription_id",
        "Cloud Pub/Sub Subscription",
        "A subscription in this broker.",
        GAUGES + COUNTS,
        lambda registry: registry.subscriptions.values(),
    ),
    Resource(
        "pubsub_topic",
        "topic_id",
        "Cloud Pub/Sub Topic",
        "A topic in this broker.",
        TOPIC_METRICS,
        lambda registry: registry.topics.values(),
    ),
)
METRICS = {metric.type: metric for resource in RESOURCES for metric in resource.metrics}
