"""What a metric is here: its descriptor, and where its figures come from.

The names, kinds, labels and delays are those Google gives them:
https://docs.cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from embedded.broker.distribution import Distribution
from embedded.broker.snapshots import Snapshot
from embedded.broker.subscription import Subscription
from embedded.broker.tally import Spread, Tally
from embedded.broker.topic import Topic

PREFIX = "pubsub.googleapis.com/"
SAMPLING_S = 60.0  # the cloud's sampling period, over which a counting gauge counts
NO_FIGURE = -1  # what a gauge reads where there is nothing to tell; no true figure is negative
REGION = "local"  # where this broker keeps its messages

Value = int | float | bool | Distribution
Labels = Mapping[str, str]
Subject = TypeVar("Subject", Subscription, Topic, Snapshot)


class Kind(StrEnum):
    """GAUGE: the value at a time. DELTA: how many in an interval."""

    GAUGE = "GAUGE"
    DELTA = "DELTA"


class ValueType(StrEnum):
    """What the points of a series hold."""

    INT64 = "INT64"
    BOOL = "BOOL"
    DOUBLE = "DOUBLE"
    DISTRIBUTION = "DISTRIBUTION"


@dataclass(frozen=True, slots=True, eq=False)
class Gauge(Generic[Subject]):
    """One series of a gauge: `read(subject, now)`, a whole number or NO_FIGURE."""

    read: Callable[[Subject, float], int]
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Count:
    """One series of a delta."""

    counted: Tally | Spread
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric(Generic[Subject]):
    """One metric. A gauge has `gauges`, a delta `counts(subject)`.

    `hidden_s`: for how long after its sampling the cloud does not show a point. `labels`: the keys
    and what they tell.
    """

    name: str
    title: str
    unit: str
    hidden_s: int
    about: str
    value_type: ValueType = ValueType.INT64
    labels: Labels = field(default_factory=dict)
    gauges: tuple[Gauge[Subject], ...] = ()
    counts: Callable[[Subject], Iterable[Count]] | None = None
    deprecated: bool = False

    @property
    def type(self) -> str:
        """The full metric type."""
        return PREFIX + self.name

    @property
    def kind(self) -> Kind:
        """Gauge or delta."""
        return Kind.DELTA if self.counts is not None else Kind.GAUGE


RESPONSE_CODE = {"response_code": "How it was answered: success, invalid_argument, ..."}
RESPONSE = {"response_class": "success, invalid or internal", **RESPONSE_CODE}
DELIVERY_TYPE = {"delivery_type": "pull or streaming_pull"}
OPERATION = {"operation_type": "What was done."}
BY_REGION = {"region": "Where the messages are kept: local"}


def by_region(plain: Metric[Subject]) -> Metric[Subject]:
    """The same metric broken down by the one region there is."""
    return Metric(
        f"{plain.name}_by_region",
        f"{plain.title} by region",
        plain.unit,
        plain.hidden_s,
        plain.about,
        labels=BY_REGION,
        gauges=tuple(Gauge(gauge.read, {"region": REGION}) for gauge in plain.gauges),
    )


def response(code: str) -> Labels:
    """The labels of a response code and its class."""
    internal = ("unavailable", "internal", "aborted", "deadline_exceeded")
    kind = "success" if code == "success" else "internal" if code in internal else "invalid"
    return {"response_class": kind, "response_code": code}
