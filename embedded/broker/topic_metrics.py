"""The metrics of topics and of snapshots."""

from collections.abc import Callable, Iterator

from embedded.broker.counts import SUCCESS
from embedded.broker.metrics import (
    OPERATION,
    RESPONSE,
    RESPONSE_CODE,
    Count,
    Gauge,
    Metric,
    ValueType,
    by_region,
    response,
)
from embedded.broker.snapshots import Snapshot
from embedded.broker.topic import Topic


def _requests(topic: Topic) -> Iterator[Count]:
    for code, tally in topic.counts.requests.of("publish"):
        yield Count(tally, response(code))


def _changes(topic: Topic) -> Iterator[Count]:
    for operation in ("create", "update"):
        for code, tally in topic.counts.requests.of(operation):
            yield Count(tally, {"operation_type": operation, "response_code": code})


def _oldest_unacked_age(topic: Topic, now: float) -> int:
    oldest = [s.delivery.oldest() for s in topic.subscriptions.values()]
    return max(0, int(now - min((each for each in oldest if each is not None), default=now)))


def _gauge(
    name: str, title: str, unit: str, about: str, read: Callable[[Topic, float], int]
) -> Metric[Topic]:
    return Metric(f"topic/{name}", title, unit, 120, about, gauges=(Gauge(read),))


TOPIC_METRICS: tuple[Metric[Topic], ...] = (
    Metric(
        "topic/send_request_count",
        "Publish requests",
        "1",
        181,
        "Publish requests.",
        labels=RESPONSE,
        counts=_requests,
    ),
    Metric(
        "topic/send_message_operation_count",
        "Publish message operations",
        "1",
        240,
        "Messages published. Deprecated: count topic/message_sizes instead.",
        labels=RESPONSE_CODE,
        counts=lambda topic: [Count(topic.counts.messages, {"response_code": SUCCESS})],
        deprecated=True,
    ),
    Metric(
        "topic/message_sizes",
        "Publish message size",
        "By",
        181,
        "Sizes of the published messages.",
        ValueType.DISTRIBUTION,
        counts=lambda topic: [Count(topic.counts.sizes)],
    ),
    Metric(
        "topic/byte_cost",
        "Topic byte cost",
        "By",
        240,
        "Bytes published, at least 1,000 a request.",
        labels={**OPERATION, **RESPONSE_CODE},
        counts=lambda topic: [
            Count(topic.counts.bytes, {"operation_type": "publish", "response_code": SUCCESS})
        ],
    ),
    Metric(
        "topic/config_updates_count",
        "Topic configuration operations",
        "1",
        240,
        "Changes of the topic.",
        labels={**OPERATION, **RESPONSE_CODE},
        counts=_changes,
    ),
    _gauge(
        "num_retained_messages",
        "Retained messages",
        "1",
        "Messages the topic still has for seeking back.",
        lambda topic, _now: topic.num_retained_messages(),
    ),
    _gauge(
        "oldest_retained_message_age",
        "Oldest retained message age",
        "s",
        "Age of the oldest of those, seconds; 0 when there is none.",
        lambda topic, now: int(topic.oldest_retained_message_age(now)),
    ),
    _gauge(
        "retained_bytes",
        "Retained bytes",
        "By",
        "Size of those.",
        lambda topic, _now: topic.retained_bytes(),
    ),
    by_region(
        _gauge(
            "oldest_unacked_message_age",
            "Oldest unacked message age",
            "s",
            "Age of the oldest message that a subscription has not acknowledged, seconds; or 0.",
            _oldest_unacked_age,
        )
    ),
)


def _oldest_age(snapshot: Snapshot, now: float) -> int:
    oldest = min((message.published for message in snapshot.messages()), default=now)
    return max(0, int(now - oldest))


def _of_snapshot(
    name: str, title: str, unit: str, about: str, read: Callable[[Snapshot, float], int]
) -> Metric[Snapshot]:
    return Metric(f"snapshot/{name}", title, unit, 120, about, gauges=(Gauge(read),))


_PLAIN = (
    _of_snapshot(
        "num_messages",
        "Snapshot messages",
        "1",
        "Messages that a seek to the snapshot brings back.",
        lambda snapshot, _now: sum(1 for _ in snapshot.messages()),
    ),
    _of_snapshot(
        "oldest_message_age",
        "Oldest snapshot message age",
        "s",
        "Age of the oldest of those, seconds; 0 when there is none.",
        _oldest_age,
    ),
    _of_snapshot(
        "backlog_bytes",
        "Snapshot backlog bytes",
        "By",
        "Size of those.",
        lambda snapshot, _now: sum(message.size for message in snapshot.messages()),
    ),
)
SNAPSHOT_METRICS: tuple[Metric[Snapshot], ...] = (
    *_PLAIN,
    *(by_region(metric) for metric in _PLAIN),
)
