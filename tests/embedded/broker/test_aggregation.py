"""Aligning and reducing, through the real client, with numbers that can be checked in the head."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.api_core import exceptions
from google.cloud.monitoring_v3 import Aggregation

from tests.embedded.broker.calls import pull
from tests.embedded.broker.hour import Hour, hour

BACKLOG = "subscription/num_undelivered_messages"
READER = f'{BACKLOG}" AND resource.labels.subscription_id = "reader'
NACKS = 'subscription/delivery_latency_health_score" AND metric.labels.criteria = "nack_requests'
NACKS_READER = f'{NACKS}" AND resource.labels.subscription_id = "reader'


@pytest.fixture(scope="module")
def made() -> Iterator[Hour]:
    """Six minutes. At their ends 10, 20, 30, 40, 50, 60 messages wait for `reader`, as a sample
    and, at the last, now; none for `writer`, which takes all. One nack after three and a half.
    """
    with hour() as made:
        writer = f"{made.subscription.removesuffix('reader')}writer"
        made.subscriber.create_subscription(name=writer, topic=made.topic)
        for minute in range(6):
            made.broker.advance(30)
            made.publish(10)
            taken = [each.ack_id for each in pull(made.subscriber, writer)]
            made.subscriber.acknowledge(subscription=writer, ack_ids=taken)
            if minute == 3:
                made.nack(made.take(1))
            made.broker.advance(30)
        yield made


def aggregation(
    aligner: str, reducer: str = "REDUCE_NONE", *groups: str, period: int = 180
) -> Aggregation:
    return Aggregation(
        alignment_period={"seconds": period},
        per_series_aligner=aligner,
        cross_series_reducer=reducer,
        group_by_fields=list(groups),
    )


def aligned(made: Hour, metric: str, aligner: str, period: int = 180) -> list[tuple[float, Any]]:
    """End, seconds ago, and value of each point over six minutes."""
    found = made.points(metric, 360, aggregation=aggregation(aligner, period=period))
    return [(end, value) for _, end, value in found]


@pytest.mark.parametrize(
    ("aligner", "newer", "older"),
    [
        ("ALIGN_MIN", 40, 10),
        ("ALIGN_MAX", 60, 30),
        ("ALIGN_MEAN", 50.0, 20.0),
        ("ALIGN_SUM", 150, 60),
        ("ALIGN_COUNT", 3, 3),
        ("ALIGN_STDDEV", pytest.approx(8.165, abs=1e-3), pytest.approx(8.165, abs=1e-3)),
        ("ALIGN_NEXT_OLDER", 60, 30),
        ("ALIGN_INTERPOLATE", 60, 30),
    ],
)
def test_a_gauge_is_aligned(made: Hour, aligner: str, newer: Any, older: Any) -> None:
    assert aligned(made, READER, aligner) == [(0, newer), (180, older)]


@pytest.mark.parametrize(
    ("aligner", "newer", "older"),
    [
        ("ALIGN_SUM", 30, 30),
        ("ALIGN_DELTA", 30, 30),
        ("ALIGN_RATE", pytest.approx(1 / 6), pytest.approx(1 / 6)),
        ("ALIGN_MAX", 10, 10),
        ("ALIGN_MEAN", 10.0, 10.0),
        ("ALIGN_COUNT", 3, 3),
    ],
)
def test_a_delta_is_aligned(made: Hour, aligner: str, newer: Any, older: Any) -> None:
    metric = "topic/send_message_operation_count"
    assert aligned(made, metric, aligner) == [(0, newer), (180, older)]


@pytest.mark.parametrize(
    ("aligner", "newer", "older"),
    [
        ("ALIGN_COUNT_TRUE", 0, 3),
        ("ALIGN_COUNT_FALSE", 3, 0),
        ("ALIGN_FRACTION_TRUE", 0.0, 1.0),
        ("ALIGN_COUNT", 3, 3),
        ("ALIGN_NEXT_OLDER", False, True),
    ],
)
def test_a_boolean_is_aligned(made: Hour, aligner: str, newer: Any, older: Any) -> None:
    assert aligned(made, NACKS_READER, aligner) == [(0, newer), (180, older)]


def test_a_distribution_is_aligned(made: Hour) -> None:
    metric = "topic/message_sizes"
    (_, whole), (_, older) = aligned(made, metric, "ALIGN_SUM")
    size = whole.mean  # each message is of this size
    assert (whole.count, older.count, whole.sum_of_squared_deviation) == (30, 30, 0)
    assert 32 <= size < 64
    assert list(whole.bucket_counts) == [0, 0, 0, 0, 0, 0, 30]
    # half of a bucket of 30, from 32 to 64 bytes
    assert aligned(made, metric, "ALIGN_PERCENTILE_50") == [(0, 48.0), (180, 48.0)]
    assert aligned(made, metric, "ALIGN_PERCENTILE_95") == [(0, 62.4), (180, 62.4)]
    assert aligned(made, metric, "ALIGN_PERCENTILE_99")[0][1] == pytest.approx(63.68)
    assert aligned(made, metric, "ALIGN_PERCENTILE_05")[0][1] == pytest.approx(33.6)


def test_what_an_aligner_makes_of_kind_type_and_unit_shows(made: Hour) -> None:
    kinds, types = MetricDescriptor.MetricKind, MetricDescriptor.ValueType
    for metric, aligner, kind, value_type, unit in (
        ("topic/byte_cost", "ALIGN_RATE", kinds.GAUGE, types.DOUBLE, "By/s"),
        ("topic/byte_cost", "ALIGN_SUM", kinds.DELTA, types.INT64, "By"),
        ("topic/message_sizes", "ALIGN_PERCENTILE_99", kinds.GAUGE, types.DOUBLE, "By"),
        ("topic/retained_bytes", "ALIGN_MEAN", kinds.GAUGE, types.DOUBLE, "By"),
        ("topic/retained_bytes", "ALIGN_COUNT", kinds.GAUGE, types.INT64, "1"),
    ):
        (series,) = made.series(metric, 360, aggregation=aggregation(aligner))
        assert (series.metric_kind, series.value_type, series.unit) == (kind, value_type, unit)
        for point in series.points:
            length = point.interval.end_time - point.interval.start_time
            assert length.total_seconds() == (180 if kind == kinds.DELTA else 0)


@pytest.mark.parametrize(
    ("reducer", "newest"),
    [
        ("REDUCE_SUM", 60),
        ("REDUCE_MEAN", 30.0),
        ("REDUCE_MIN", 0),
        ("REDUCE_MAX", 60),
        ("REDUCE_COUNT", 2),
        ("REDUCE_STDDEV", 30.0),
        ("REDUCE_PERCENTILE_50", 30.0),
        ("REDUCE_PERCENTILE_95", 57.0),
        ("REDUCE_PERCENTILE_99", 59.4),
        ("REDUCE_PERCENTILE_05", 3.0),
    ],
)
def test_series_are_reduced_to_one(made: Hour, reducer: str, newest: Any) -> None:
    wanted = aggregation("ALIGN_MAX", reducer)
    (series,) = made.series(BACKLOG, 360, aggregation=wanted)
    assert dict(series.resource.labels) == {"project_id": "fusion"}
    assert made.points(BACKLOG, 360, aggregation=wanted)[0] == (0, 0, pytest.approx(newest))


@pytest.mark.parametrize(
    ("reducer", "newest"),
    [("REDUCE_COUNT_TRUE", 1), ("REDUCE_COUNT_FALSE", 1), ("REDUCE_FRACTION_TRUE", 0.5)],
)
def test_booleans_are_reduced_to_one(made: Hour, reducer: str, newest: Any) -> None:
    wanted = aggregation("ALIGN_NEXT_OLDER", reducer, period=60)
    assert made.points(NACKS, 360, aggregation=wanted)[0] == (0, 0, newest)


def test_distributions_are_reduced_to_one(made: Hour) -> None:
    latencies = "subscription/ack_latencies"  # writer's alone: 60 acks at once
    for reducer, expected in (("REDUCE_PERCENTILE_50", 0.5), ("REDUCE_MEAN", 0.0)):
        wanted = aggregation("ALIGN_DELTA", reducer, period=360)
        assert made.points(latencies, 360, aggregation=wanted) == [(360, 0, expected)]
    (series,) = made.series(latencies, 360, aggregation=aggregation("ALIGN_SUM", "REDUCE_SUM"))
    assert [point.value.distribution_value.count for point in series.points] == [30, 30]


@pytest.mark.parametrize(
    "group", ["resource.label.subscription_id", 'resource.label."subscription_id"']
)
def test_a_group_keeps_what_it_goes_by(made: Hour, group: str) -> None:
    found = made.series(BACKLOG, 360, aggregation=aggregation("ALIGN_MAX", "REDUCE_SUM", group))
    newest = {
        each.resource.labels["subscription_id"]: each.points[0].value.int64_value for each in found
    }
    assert newest == {"reader": 60, "writer": 0}
    both = made.series(
        "subscription/ack_message_count",
        360,
        aggregation=aggregation("ALIGN_DELTA", "REDUCE_SUM", "metric.labels.delivery_type"),
    )
    assert [dict(each.metric.labels) for each in both] == [
        {"delivery_type": "pull"},
        {"delivery_type": "streaming_pull"},
    ]
    assert both[0].points[0].value.int64_value == 30


def test_a_second_aggregation_follows_the_first(made: Hour) -> None:
    found = made.points(
        BACKLOG,
        360,
        aggregation=aggregation("ALIGN_MAX", "REDUCE_SUM", period=60),
        secondary_aggregation=aggregation("ALIGN_MEAN", period=360),
    )
    assert found == [(0, 0, 35.0)]


@pytest.mark.parametrize(
    ("metric", "wrong", "field"),
    [
        (BACKLOG, aggregation("ALIGN_RATE"), "per_series_aligner"),
        (BACKLOG, aggregation("ALIGN_DELTA"), "per_series_aligner"),
        (BACKLOG, aggregation("ALIGN_PERCENTILE_99"), "per_series_aligner"),
        (BACKLOG, aggregation("ALIGN_COUNT_TRUE"), "per_series_aligner"),
        (BACKLOG, aggregation("ALIGN_PERCENT_CHANGE"), "per_series_aligner"),
        (NACKS, aggregation("ALIGN_MEAN"), "per_series_aligner"),
        (NACKS, aggregation("ALIGN_SUM"), "per_series_aligner"),
        ("topic/message_sizes", aggregation("ALIGN_MEAN"), "per_series_aligner"),
        ("topic/message_sizes", aggregation("ALIGN_RATE"), "per_series_aligner"),
        ("topic/byte_cost", aggregation("ALIGN_NEXT_OLDER"), "per_series_aligner"),
        (BACKLOG, aggregation("ALIGN_MEAN", period=59), "alignment_period"),
        (BACKLOG, aggregation("ALIGN_MEAN", "REDUCE_COUNT_TRUE"), "cross_series_reducer"),
        (NACKS, aggregation("ALIGN_NEXT_OLDER", "REDUCE_SUM"), "cross_series_reducer"),
        ("topic/message_sizes", aggregation("ALIGN_SUM", "REDUCE_MAX"), "cross_series_reducer"),
        (BACKLOG, aggregation("ALIGN_NONE", "REDUCE_SUM"), "per_series_aligner"),
        (BACKLOG, aggregation("ALIGN_MEAN", "REDUCE_SUM", "weather"), "group_by_fields"),
        ("snapshot/num_messages", aggregation("ALIGN_RATE"), "per_series_aligner"),  # has no series
    ],
)
def test_a_pair_that_is_not_valid_is_refused_with_its_field(
    made: Hour, metric: str, wrong: Aggregation, field: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=rf"Invalid aggregation\.{field}"):
        made.series(metric, 360, aggregation=wrong)
    first = aggregation("ALIGN_NEXT_OLDER")
    if metric == BACKLOG:
        with pytest.raises(exceptions.InvalidArgument, match=f"secondary_aggregation.{field}"):
            made.series(metric, 360, aggregation=first, secondary_aggregation=wrong)
