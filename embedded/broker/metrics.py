"""The metrics of Pub/Sub that this broker can tell, under the names and kinds Google gives them.

https://docs.cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub . Unlike the cloud's, their
values are of this instant: not sampled once a minute, not hidden for minutes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from embedded.broker.subscription import Subscription
from embedded.broker.topic import Topic

PREFIX = "pubsub.googleapis.com/"
SAMPLING_S = 60.0  # the cloud's sampling period, over which a counting gauge counts

Subject = TypeVar("Subject", Subscription, Topic)


class Kind(StrEnum):
    """GAUGE: the value at a time. DELTA: how many in an interval."""

    GAUGE = "GAUGE"
    DELTA = "DELTA"


@dataclass(frozen=True, slots=True)
class Metric(Generic[Subject]):
    """One metric; all values are whole numbers.

    `read(subject, start, end)` counts what happened after `start` and up to `end` (POSIX seconds);
    a gauge is only ever asked with `end` = now.
    """

    name: str
    kind: Kind
    unit: str
    about: str
    read: Callable[[Subject, float, float], int]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The full metric type."""
        return PREFIX + self.name


def _oldest_age(subscription: Subscription, now: float) -> int:
    oldest = subscription.delivery.oldest()
    return 0 if oldest is None else max(0, int(now - oldest))


def _streams(subscription: Subscription, *, suspended: bool) -> int:
    streams = subscription.delivery.streams
    return sum(stream.has_room is not suspended for stream in streams)


_PULLED = {"delivery_type": "pull"}
_SUCCESS = {"response_code": "success"}

SUBSCRIPTION_METRICS: tuple[Metric[Subscription], ...] = (
    Metric(
        "subscription/num_undelivered_messages",
        Kind.GAUGE,
        "1",
        "Number of unacknowledged messages in the subscription.",
        lambda s, _start, _end: s.delivery.backlog,
    ),
    Metric(
        "subscription/oldest_unacked_message_age",
        Kind.GAUGE,
        "s",
        "Age in seconds of the oldest unacknowledged message; 0 when there is none.",
        lambda s, _start, end: _oldest_age(s, end),
    ),
    Metric(
        "subscription/backlog_bytes",
        Kind.GAUGE,
        "By",
        "Size of the unacknowledged messages.",
        lambda s, _start, _end: s.delivery.backlog_bytes,
    ),
    Metric(
        "subscription/sent_message_count",
        Kind.DELTA,
        "1",
        "Messages sent to subscribers, redeliveries included.",
        lambda s, start, end: s.delivery.counts.sent.between(start, end),
        _PULLED,
    ),
    Metric(
        "subscription/ack_message_count",
        Kind.DELTA,
        "1",
        "Messages acknowledged.",
        lambda s, start, end: s.delivery.counts.acknowledged.between(start, end),
        _PULLED,
    ),
    Metric(
        "subscription/expired_ack_deadlines_count",
        Kind.DELTA,
        "1",
        "Messages not acknowledged before their deadline.",
        lambda s, start, end: s.delivery.counts.expired.between(start, end),
    ),
    Metric(
        "subscription/nack_requests",
        Kind.GAUGE,
        "1",
        "Messages negatively acknowledged in the last 60 s.",
        lambda s, _start, end: s.delivery.counts.nacked.between(end - SAMPLING_S, end),
    ),
    Metric(
        "subscription/dead_letter_message_count",
        Kind.DELTA,
        "1",
        "Messages forwarded to the dead letter topic.",
        lambda s, start, end: s.delivery.counts.dead_lettered.between(start, end),
        _SUCCESS,
    ),
    Metric(
        "subscription/open_streaming_pulls",
        Kind.GAUGE,
        "1",
        "Open streaming pulls that can take messages.",
        lambda s, _start, _end: _streams(s, suspended=False),
        {"status": "active"},
    ),
    Metric(
        "subscription/open_streaming_pulls",
        Kind.GAUGE,
        "1",
        "Open streaming pulls that hold all their client's flow control allows.",
        lambda s, _start, _end: _streams(s, suspended=True),
        {"status": "suspended_client_flow_controlled"},
    ),
)

TOPIC_METRICS: tuple[Metric[Topic], ...] = (
    Metric(
        "topic/send_message_operation_count",
        Kind.DELTA,
        "1",
        "Messages published.",
        lambda t, start, end: t.messages.between(start, end),
    ),
    Metric(
        "topic/send_request_count",
        Kind.DELTA,
        "1",
        "Publish requests.",
        lambda t, start, end: t.requests.between(start, end),
        _SUCCESS,
    ),
    Metric(
        "topic/num_retained_messages",
        Kind.GAUGE,
        "1",
        "Messages the topic still has for seeking back.",
        lambda t, _start, _end: len(t.window),
    ),
)
