"""Figures about topics and subscriptions, read by the real Monitoring client."""

import time
from typing import Any

import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.api_core import exceptions
from google.cloud.monitoring_v3 import Aggregation, MetricServiceClient, TimeInterval, TimeSeries
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from tests.embedded.broker.calls import publish, pull
from tests.support import eventually

PUBSUB = "pubsub.googleapis.com"


def _interval(since: float, until: float | None = None) -> TimeInterval:
    def stamp(at: float) -> dict[str, int]:
        return {"seconds": int(at), "nanos": int(at % 1 * 1e9)}

    return TimeInterval(start_time=stamp(since), end_time=stamp(until or time.time()))


def _series(
    metrics: MetricServiceClient, project: str, wanted: str, since: float = 60, **more: Any
) -> list[TimeSeries]:
    request = {
        "name": f"projects/{project}",
        "filter": wanted,
        "interval": _interval(time.time() - since),
        **more,
    }
    return list(metrics.list_time_series(request=request))


def _value(metrics: MetricServiceClient, project: str, metric: str, **more: Any) -> int:
    """The newest of a metric with one resource, over all its labels."""
    found = _series(metrics, project, f'metric.type = "{PUBSUB}/{metric}"', **more)
    assert found
    return sum(int(series.points[0].value.int64_value) for series in found)


def _publish(publisher: PublisherClient, topic: str, count: int) -> None:
    publish(publisher, topic, [{"data": b"0123456789"}] * count)


def test_the_four_figures_of_a_subscription_follow_its_messages(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    metrics: MetricServiceClient,
    project: str,
    topic: str,
    subscription: str,
) -> None:
    def figures() -> dict[str, int]:
        names = ("num_undelivered_messages", "sent_message_count", "ack_message_count")
        return {name: _value(metrics, project, f"subscription/{name}") for name in names}

    assert set(figures().values()) == {0}
    _publish(publisher, topic, 10)
    assert figures()["num_undelivered_messages"] == 10
    received = pull(subscriber, subscription, 6)
    subscriber.acknowledge(
        subscription=subscription, ack_ids=[each.ack_id for each in received[:4]]
    )
    assert figures() == {
        "num_undelivered_messages": 6,
        "sent_message_count": 6,
        "ack_message_count": 4,
    }
    assert 0 <= _value(metrics, project, "subscription/oldest_unacked_message_age") <= 5
    assert _value(metrics, project, "topic/send_message_operation_count") == 10
    assert _value(metrics, project, "topic/send_request_count") == 1


def test_a_count_is_of_the_asked_interval(
    publisher: PublisherClient, metrics: MetricServiceClient, project: str, topic: str
) -> None:
    wanted = f'metric.type = "{PUBSUB}/topic/send_message_operation_count"'
    began = time.time()
    _publish(publisher, topic, 3)
    middle = time.time()
    _publish(publisher, topic, 4)
    ended = time.time()

    def count(since: float, until: float) -> int:
        (series,) = _series(metrics, project, wanted, interval=_interval(since, until))
        (point,) = series.points
        assert abs(point.interval.start_time.timestamp() - since) < 1e-3
        assert abs(point.interval.end_time.timestamp() - until) < 1e-3
        return int(point.value.int64_value)

    assert count(began, ended) == 7
    assert count(began, middle) + count(middle, ended) == 7


def test_a_gauge_has_a_point_only_when_now_is_asked_for(
    metrics: MetricServiceClient, project: str, subscription: str
) -> None:
    wanted = f'metric.type = "{PUBSUB}/subscription/num_undelivered_messages"'
    now = time.time()
    assert _series(metrics, project, wanted, interval=_interval(now - 600, now - 300)) == []
    (series,) = _series(metrics, project, wanted, interval=_interval(now - 600, now))
    point = series.points[0]  # a full minute may have brought a sample
    assert point.interval.start_time == point.interval.end_time
    assert point.interval.end_time.timestamp() == pytest.approx(now, abs=1e-3)
    assert series.metric_kind == MetricDescriptor.MetricKind.GAUGE
    assert series.resource.type == "pubsub_subscription"
    assert dict(series.resource.labels) == {"project_id": project, "subscription_id": "reader"}


def test_one_call_reads_all_subscriptions(
    subscriber: SubscriberClient, metrics: MetricServiceClient, project: str, topic: str
) -> None:
    for number in range(3):
        name = f"projects/{project}/subscriptions/sub{number}"
        subscriber.create_subscription(name=name, topic=topic)
    found = _series(
        metrics, project, f'metric.type = starts_with("{PUBSUB}/subscription/")', page_size=4
    )
    assert {each.resource.labels["subscription_id"] for each in found} == {"sub0", "sub1", "sub2"}
    types_found = {each.metric.type.rsplit("/", 1)[1] for each in found}
    assert {"num_undelivered_messages", "ack_message_count", "nack_requests"} <= types_found
    narrowed = _series(
        metrics,
        project,
        f'metric.type = "{PUBSUB}/subscription/backlog_bytes" AND '
        'resource.labels.subscription_id = one_of("sub0", "sub2")',
    )
    assert {each.resource.labels["subscription_id"] for each in narrowed} == {"sub0", "sub2"}


def test_failures_show(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    metrics: MetricServiceClient,
    project: str,
    topic: str,
    subscription: str,
) -> None:
    _publish(publisher, topic, 3)
    received = pull(subscriber, subscription, 3)
    subscriber.modify_ack_deadline(
        subscription=subscription,
        ack_ids=[each.ack_id for each in received[:2]],
        ack_deadline_seconds=0,
    )
    assert _value(metrics, project, "subscription/nack_requests") == 2
    assert _value(metrics, project, "subscription/expired_ack_deadlines_count") == 0
    assert _value(metrics, project, "subscription/dead_letter_message_count") == 0


def test_open_streams_show(
    subscriber: SubscriberClient, metrics: MetricServiceClient, project: str, subscription: str
) -> None:
    wanted = f'metric.type = "{PUBSUB}/subscription/open_streaming_pulls"'

    def open_streams() -> int:
        found = _series(metrics, project, wanted)
        return sum(int(each.points[0].value.int64_value) for each in found)

    assert open_streams() == 0
    future = subscriber.subscribe(subscription, lambda message: message.ack())
    eventually(lambda: open_streams() == 1)
    future.cancel()
    future.result(5)
    eventually(lambda: open_streams() == 0)


@pytest.mark.parametrize(
    ("aligner", "expected"), [("ALIGN_SUM", 6), ("ALIGN_DELTA", 6), ("ALIGN_RATE", 0.1)]
)
def test_counts_are_aligned_over_periods(
    publisher: PublisherClient,
    metrics: MetricServiceClient,
    project: str,
    topic: str,
    aligner: str,
    expected: float,
) -> None:
    _publish(publisher, topic, 6)
    (series,) = _series(
        metrics,
        project,
        f'metric.type = "{PUBSUB}/topic/send_message_operation_count"',
        since=180,
        aggregation=Aggregation(alignment_period={"seconds": 60}, per_series_aligner=aligner),
    )
    values = [point.value.int64_value or point.value.double_value for point in series.points]
    assert values == [expected]  # there is nothing to tell of the time before the topic


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"filter": ""}, id="no filter"),
        pytest.param({"filter": 'resource.labels.topic_id = "x"'}, id="no metric"),
        pytest.param({"filter": "metric.type = "}, id="unreadable"),
        pytest.param({"name": "folders/5"}, id="not a project"),
        pytest.param({"interval": TimeInterval()}, id="no end"),
        pytest.param({"interval": _interval(2000, 1000)}, id="reversed"),
        pytest.param({"page_token": "x"}, id="token"),
        pytest.param(
            {"aggregation": Aggregation(per_series_aligner="ALIGN_SUM")}, id="no alignment period"
        ),
        pytest.param(
            {
                "aggregation": Aggregation(
                    alignment_period={"seconds": 60}, per_series_aligner="ALIGN_PERCENTILE_99"
                )
            },
            id="aligner",
        ),
        pytest.param({"aggregation": Aggregation(cross_series_reducer="REDUCE_SUM")}, id="reducer"),
    ],
)
def test_what_it_cannot_answer_is_refused(
    metrics: MetricServiceClient, project: str, subscription: str, request_: dict[str, Any]
) -> None:
    request = {
        "name": f"projects/{project}",
        "filter": f'metric.type = "{PUBSUB}/subscription/ack_message_count"',
        "interval": _interval(time.time() - 60),
        **request_,
    }
    with pytest.raises(exceptions.InvalidArgument):
        list(metrics.list_time_series(request=request))


def test_descriptors_tell_kinds_and_units(metrics: MetricServiceClient, project: str) -> None:
    every = list(metrics.list_metric_descriptors(name=f"projects/{project}"))
    assert len({each.type for each in every}) == len(every) >= 10
    name = f"projects/{project}/metricDescriptors/{PUBSUB}/subscription/oldest_unacked_message_age"
    age = metrics.get_metric_descriptor(name=name)
    assert (age.metric_kind, age.value_type, age.unit) == (
        MetricDescriptor.MetricKind.GAUGE,
        MetricDescriptor.ValueType.INT64,
        "s",
    )
    request = {
        "name": f"projects/{project}",
        "filter": f'metric.type = starts_with("{PUBSUB}/topic/")',
    }
    topics = list(metrics.list_metric_descriptors(request=request))
    assert {each.monitored_resource_types[0] for each in topics} == {"pubsub_topic"}
    with pytest.raises(exceptions.NotFound):
        metrics.get_metric_descriptor(name=f"projects/{project}/metricDescriptors/{PUBSUB}/x")
