"""The metrics of a subscription that tell a state."""

from collections.abc import Callable

from embedded.broker.consumer import Consumer
from embedded.broker.counts import TakerCounts
from embedded.broker.health import CRITERIA
from embedded.broker.metrics import (
    BY_REGION,
    DELIVERY_TYPE,
    NO_FIGURE,
    REGION,
    SAMPLING_S,
    Gauge,
    Metric,
    ValueType,
    by_region,
)
from embedded.broker.subscription import Subscription

PULL, STREAMING = "pull", "streaming_pull"
TAKERS = (PULL, STREAMING)
_FULL = "suspended_max_outstanding_messages_exceeded"
_HEAVY = "suspended_max_outstanding_bytes_exceeded"

Read = Callable[[Subscription, float], int]


def taker(subscription: Subscription, delivery_type: str) -> TakerCounts:
    """What was counted of one type of delivery."""
    counts = subscription.delivery.counts
    return counts.streaming if delivery_type == STREAMING else counts.pull


def _oldest_age(subscription: Subscription, now: float) -> int:
    oldest = subscription.delivery.oldest()
    return 0 if oldest is None else max(0, int(now - oldest))


def _outstanding_push(subscription: Subscription, _now: float) -> int:
    """Nothing is pushed; who pulls has no such figure."""
    return 0 if subscription.settings.push_config.push_endpoint else NO_FIGURE


def _nacked(delivery_type: str) -> Read:
    def read(subscription: Subscription, now: float) -> int:
        return taker(subscription, delivery_type).nacked.between(now - SAMPLING_S, now)

    return read


def _status(stream: Consumer) -> str:
    if stream.has_room:
        return "ok"
    return _FULL if stream.room(1) <= 0 else _HEAVY


def _streams(status: str) -> Read:
    def read(subscription: Subscription, _now: float) -> int:
        streams = subscription.delivery.takers.streams
        return sum(_status(stream) == status for stream in streams)

    return read


def _gauge(
    name: str, title: str, unit: str, about: str, read: Read, hidden_s: int = 120
) -> Metric[Subscription]:
    return Metric(f"subscription/{name}", title, unit, hidden_s, about, gauges=(Gauge(read),))


def _backlog(subscription: Subscription, _now: float) -> int:
    return subscription.delivery.backlog


def _backlog_bytes(subscription: Subscription, _now: float) -> int:
    return subscription.delivery.backlog_bytes


_REGIONAL = (
    _gauge(
        "oldest_unacked_message_age",
        "Oldest unacked message age",
        "s",
        "Age of the oldest unacknowledged message, seconds; 0 when there is none.",
        _oldest_age,
    ),
    _gauge(
        "num_retained_acked_messages",
        "Retained acked messages",
        "1",
        "Acknowledged messages that are retained.",
        lambda s, _now: s.num_retained_acked_messages(),
    ),
    _gauge(
        "oldest_retained_acked_message_age",
        "Oldest retained acked message age",
        "s",
        "Age of the oldest acknowledged message that is retained, seconds; 0 when there is none.",
        lambda s, now: int(s.oldest_retained_acked_message_age(now)),
    ),
    _gauge(
        "retained_acked_bytes",
        "Retained acked bytes",
        "By",
        "Size of the acknowledged messages that are retained.",
        lambda s, _now: s.retained_acked_bytes(),
    ),
)

GAUGES: tuple[Metric[Subscription], ...] = (
    _gauge(
        "num_undelivered_messages",
        "Unacked messages",
        "1",
        "Unacknowledged messages, those in subscribers' hands included.",
        _backlog,
    ),
    _gauge("backlog_bytes", "Backlog size", "By", "Size of those.", _backlog_bytes),
    *_REGIONAL,
    *(by_region(metric) for metric in _REGIONAL),
    Metric(
        "subscription/num_unacked_messages_by_region",
        "Unacked messages by region",
        "1",
        120,
        "Unacknowledged messages, those in subscribers' hands included.",
        labels=BY_REGION,
        gauges=(Gauge(_backlog, {"region": REGION}),),
    ),
    Metric(
        "subscription/unacked_bytes_by_region",
        "Unacked bytes by region",
        "By",
        120,
        "Size of those.",
        labels=BY_REGION,
        gauges=(Gauge(_backlog_bytes, {"region": REGION}),),
    ),
    _gauge(
        "num_outstanding_messages",
        "Outstanding push messages",
        "1",
        "Messages at the push endpoint, not yet acknowledged. Only for subscriptions that push.",
        _outstanding_push,
        240,
    ),
    Metric(
        "subscription/nack_requests",
        "Nack requests",
        "1",
        360,
        "Messages given back in the last 60 s.",
        labels=DELIVERY_TYPE,
        gauges=tuple(Gauge(_nacked(each), {"delivery_type": each}) for each in TAKERS),
    ),
    Metric(
        "subscription/open_streaming_pulls",
        "Number of open streaming pulls",
        "1",
        120,
        "Open streams by what they can take.",
        labels={"status": f"ok, {_FULL} or {_HEAVY}"},
        gauges=tuple(Gauge(_streams(each), {"status": each}) for each in ("ok", _FULL, _HEAVY)),
    ),
    Metric(
        "subscription/delivery_latency_health_score",
        "Delivery latency health score",
        "1",
        360,
        "Whether a criterion of delivery health was met over the last 10 minutes.",
        ValueType.BOOL,
        labels={"criteria": ", ".join(CRITERIA)},
        gauges=tuple(Gauge(read, {"criteria": name}) for name, read in CRITERIA.items()),
    ),
)
