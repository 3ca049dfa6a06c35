"""Points over time: samples at full minutes, exact deltas, and both as late as in the cloud."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from consumers.monitoring import BacklogSource
from tests.embedded.broker.hour import Hour, hour, value

BACKLOG = "subscription/num_undelivered_messages"
SENT = "subscription/sent_message_count"
ONLY_PULLED = '" AND metric.labels.delivery_type = "pull'


@pytest.fixture
def now() -> Iterator[Hour]:
    with hour() as made:
        yield made


@pytest.fixture
def late() -> Iterator[Hour]:
    with hour(cloud_delays=True) as made:
        yield made


def test_a_gauge_has_a_sample_of_each_full_minute_and_one_of_now(now: Hour) -> None:
    for _ in range(3):
        now.publish(10)
        now.broker.advance(60)
    now.publish(5)
    now.broker.advance(15)
    assert now.points(BACKLOG) == [(0, 0, 35), (15, 15, 30), (75, 75, 20), (135, 135, 10)]
    assert now.points(BACKLOG, 100) == [(0, 0, 35), (15, 15, 30), (75, 75, 20)]


def test_samples_are_kept_for_an_hour(now: Hour) -> None:
    now.broker.advance(3 * 3600)
    assert len(now.points(BACKLOG, 3 * 3600)) == 60


def test_a_minute_that_passed_unseen_is_a_gap(now: Hour) -> None:
    now.broker.advance(60)
    now.broker.clock.advance(100)  # asleep: alarms ring late
    now.broker.advance(60)
    ages = [end for _, end, _ in now.points(BACKLOG)]
    assert ages == [0, 40, 160]


def test_a_delta_comes_in_pieces_of_a_minute_that_leave_nothing_out(now: Hour) -> None:
    now.publish(9)
    for _ in range(3):
        now.take(3)
        now.broker.advance(50)
    points = now.points(SENT + ONLY_PULLED)
    assert [(start, end) for start, end, _ in points] == [(60, 0), (120, 60), (150, 120)]
    assert sum(count for _, _, count in points) == 9
    assert now.points(SENT + ONLY_PULLED, 45) == [(45, 0, 0)]


@pytest.mark.parametrize(
    ("ahead", "ages"),  # how long ago the points end: at full minutes before the interval's end
    [
        (timedelta(0), [0, 60]),
        (timedelta(minutes=2), [0, 60]),
        (timedelta(minutes=2, seconds=15), [0, 45]),
        (timedelta(days=365 * 200), [0, 60]),
    ],
)
def test_an_interval_may_end_in_the_future(now: Hour, ahead: timedelta, ages: list[float]) -> None:
    now.broker.advance(30)
    now.publish(9)
    now.take(9)
    now.broker.advance(40)
    request = now.request(SENT + ONLY_PULLED)
    request["interval"].end_time += ahead
    (series,) = now.broker.metrics.list_time_series(request=request, timeout=5)
    today = now.broker.clock.now()
    assert [(today - p.interval.end_time).total_seconds() for p in series.points] == ages
    assert sum(value(point.value) for point in series.points) == 9


def test_what_is_deleted_has_no_series(now: Hour) -> None:
    now.broker.advance(60)
    now.subscriber.delete_subscription(subscription=now.subscription)
    assert now.series(BACKLOG) == []


def test_with_the_clouds_delays_a_sample_shows_two_minutes_after_it_was_taken(late: Hour) -> None:
    late.publish(10)
    late.broker.advance(179)
    assert late.series(BACKLOG) == []
    late.publish(1)
    late.broker.advance(1)
    assert late.points(BACKLOG) == [(120, 120, 10)]
    late.broker.advance(59)
    assert late.points(BACKLOG) == [(179, 179, 10)]
    late.broker.advance(61)
    assert late.points(BACKLOG) == [(120, 120, 11), (180, 180, 10), (240, 240, 10)]


def test_with_the_clouds_delays_a_delta_is_of_a_full_minute_and_as_late_as_its_metric(
    late: Hour,
) -> None:
    late.publish(6)
    late.take(4)
    late.broker.advance(70)
    late.take(2)
    late.broker.advance(170)
    assert late.series(SENT) == []
    late.broker.advance(1)
    assert late.points(SENT + ONLY_PULLED) == [(241, 181, 4)]
    late.broker.advance(60)
    assert late.points(SENT + ONLY_PULLED) == [(241, 181, 2), (301, 241, 4)]


@pytest.mark.parametrize(
    ("metric", "hidden_s"),
    [
        (BACKLOG, 120),
        ("subscription/open_streaming_pulls", 120),
        ("subscription/ack_message_count", 181),
        ("subscription/dead_letter_message_count", 240),
        ("subscription/delivery_latency_health_score", 360),
        ("subscription/nack_requests", 360),
        ("topic/message_sizes", 181),
    ],
)
def test_descriptors_tell_how_late_points_are(late: Hour, metric: str, hidden_s: int) -> None:
    late.publish(1)
    name = f"projects/fusion/metricDescriptors/pubsub.googleapis.com/{metric}"
    found = late.broker.metrics.get_metric_descriptor(name=name)
    assert found.metadata.ingest_delay.ToTimedelta() == timedelta(seconds=hidden_s)
    assert found.metadata.sample_period.ToTimedelta() == timedelta(seconds=60)
    late.broker.advance(60 + hidden_s - 1)
    assert late.series(metric) == []
    late.broker.advance(1)
    assert late.series(metric) != []


def test_the_control_room_tells_the_age_of_what_the_cloud_shows_late(late: Hour) -> None:
    source = BacklogSource("fusion", late.broker.address, late.broker.clock)
    late.publish(120)
    late.ack(late.take(60))
    assert source.poll(timedelta(seconds=3)) == {}  # no figure is not zero
    late.broker.advance(185)
    sample = source.poll(timedelta(seconds=3))["reader"]
    assert (sample.backlog, sample.acked_per_s) == (60, None)
    assert late.broker.clock.now() - sample.at == timedelta(seconds=125)
    late.broker.advance(60)
    sample = source.poll(timedelta(seconds=3))["reader"]
    assert (sample.acked_per_s, sample.sent_per_s, sample.streams) == (1.0, 1.0, 0)
    assert late.broker.clock.now() - sample.at == timedelta(seconds=125)
    source.close()


def test_the_control_room_has_figures_of_now_without_them(now: Hour) -> None:
    source = BacklogSource("fusion", now.broker.address, now.broker.clock)
    now.publish(120)
    now.broker.advance(300)
    now.ack(now.take(60))
    sample = source.poll(timedelta(seconds=3))["reader"]
    assert (sample.backlog, sample.at, sample.acked_per_s) == (60, now.broker.clock.now(), 2.0)
    source.close()
