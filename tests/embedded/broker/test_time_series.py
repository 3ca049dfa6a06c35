"""ListTimeSeries: filters, order, pages, views, and what it refuses."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.monitoring_v3 import ListTimeSeriesRequest, TimeInterval

from tests.embedded.broker.hour import PROJECT, PUBSUB, Hour, hour

NAMES = ("alerts", "prices", "reader", "settlement")
BACKLOG = "subscription/num_undelivered_messages"
HEADERS = ListTimeSeriesRequest.TimeSeriesView.HEADERS


@pytest.fixture(scope="module")
def made() -> Iterator[Hour]:
    """Four subscriptions; two full minutes have passed, so that a gauge has three points."""
    with hour() as made:
        for name in NAMES:
            if name != "reader":
                path = made.subscription.replace("reader", name)
                made.subscriber.create_subscription(name=path, topic=made.topic)
        made.broker.advance(125)
        yield made


def asked(made: Hour, wanted: str, **more: Any) -> list[Any]:
    request = {**made.request(BACKLOG, 600, **more), "filter": wanted}
    return list(made.broker.metrics.list_time_series(request=request))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", NAMES),
        ('AND resource.type = "pubsub_subscription"', NAMES),
        ('AND resource.type = "pubsub_topic"', ()),
        (f'AND project = "{PROJECT.removeprefix("projects/")}"', NAMES),
        ('AND resource.labels.subscription_id = "prices"', ("prices",)),
        ('resource.label.subscription_id = "prices"', ("prices",)),
        ('AND resource.labels.subscription_id = one_of("prices", "alerts")', NAMES[:2]),
        ('AND resource.labels.subscription_id = starts_with("pr")', ("prices",)),
        ('AND resource.labels.subscription_id = ends_with("s")', NAMES[:2]),
        ('AND NOT resource.labels.subscription_id = "reader"', ("alerts", "prices", "settlement")),
        (
            'AND (resource.labels.subscription_id = "reader" OR '
            'resource.labels.subscription_id = "alerts")',
            ("alerts", "reader"),
        ),
    ],
)
def test_a_filter_chooses_series(made: Hour, more: str, expected: tuple[str, ...]) -> None:
    found = asked(made, f'metric.type = "{PUBSUB}/{BACKLOG}" {more}')
    assert tuple(each.resource.labels["subscription_id"] for each in found) == expected


@pytest.mark.parametrize(
    "types",
    [
        f'starts_with("{PUBSUB}/subscription/oldest_un")',
        f'one_of("{PUBSUB}/subscription/oldest_unacked_message_age", '
        f'"{PUBSUB}/subscription/oldest_unacked_message_age_by_region")',
    ],
)
def test_series_come_by_metric_then_by_resource(made: Hour, types: str) -> None:
    found = asked(made, f"metric.type = {types}")
    ages = ["oldest_unacked_message_age", "oldest_unacked_message_age_by_region"]
    assert [
        (each.metric.type.rpartition("/")[2], each.resource.labels["subscription_id"])
        for each in found
    ] == [(age, name) for age in ages for name in NAMES]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ('NOT metric.type = "{0}/num_undelivered_messages"', {"backlog_bytes", "unacked_bytes"}),
        (
            '(metric.type = "{0}/backlog_bytes" OR metric.type = starts_with("{0}/unacked_b"))',
            {"backlog_bytes", "unacked_bytes"},
        ),
        (
            '(metric.type = "{0}/moods" OR metric.type = "{0}/backlog_bytes")',
            {"backlog_bytes"},
        ),
        ('NOT (metric.type = "{0}/moods" OR metric.type : "unacked")', {"backlog_bytes"}),
        (
            'metric.type = "{0}/backlog_bytes" AND NOT metric.type = "{0}/moods"',
            {"backlog_bytes"},
        ),
        ('metric.type = "{0}/backlog_bytes" AND metric.type = "{0}/unacked_bytes_by_region"', ()),
    ],
)
def test_no_series_is_lost_by_a_not_or_an_or(
    made: Hour, types: str, expected: Collection[str]
) -> None:
    found = asked(
        made,
        types.format(f"{PUBSUB}/subscription")
        + ' AND resource.labels.subscription_id = "prices" AND metric.type:"bytes"',
    )
    seen = {each.metric.type.rpartition("/")[2].removesuffix("_by_region") for each in found}
    assert seen - {"retained_acked_bytes"} == set(expected)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_pages_are_of_points_and_leave_nothing_out(made: Hour, size: int) -> None:
    request = {**made.request(BACKLOG, 600), "page_size": size}
    pages = list(made.broker.metrics.list_time_series(request=request).pages)
    counts = [sum(len(series.points) for series in page.time_series) for page in pages]
    assert sum(counts) == 12
    assert all(count == size for count in counts[:-1])
    seen = [
        (series.resource.labels["subscription_id"], point.interval.end_time)
        for page in pages
        for series in page.time_series
        for point in series.points
    ]
    whole = [
        (series.resource.labels["subscription_id"], point.interval.end_time)
        for series in made.series(BACKLOG, 600)
        for point in series.points
    ]
    assert seen == whole
    newest_first = [at for name, at in whole if name == "prices"]
    assert newest_first == sorted(newest_first, reverse=True)


def test_headers_have_no_points_and_are_paged_by_series(made: Hour) -> None:
    request = {**made.request(BACKLOG, 600, view=HEADERS), "page_size": 3}
    pages = list(made.broker.metrics.list_time_series(request=request).pages)
    assert [len(page.time_series) for page in pages] == [3, 1]
    assert not any(series.points for page in pages for series in page.time_series)


def test_another_project_has_series_of_its_own(made: Hour) -> None:
    request = {**made.request(BACKLOG), "name": "projects/other"}
    assert list(made.broker.metrics.list_time_series(request=request)) == []


@pytest.mark.parametrize(
    "wanted", [f'metric.type = "{PUBSUB}/subscription/moods"', 'metric.type = one_of("a/b", "c/d")']
)
def test_a_metric_that_is_none_is_not_found(made: Hour, wanted: str) -> None:
    with pytest.raises(exceptions.NotFound, match=r"Cannot find metric\(s\) that match type = "):
        asked(made, wanted)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"filter": ""}, "filter"),
        ({"filter": 'metric.type = monitoring.regex.full_match(".*")'}, "filter"),
        ({"filter": 'metric.type > "x"'}, "filter"),
        ({"filter": 'metadata.user_labels.a = "x" AND metric.type = "y"'}, "filter"),
        ({"filter": 'resource.labels.topic_id = "x"'}, "filter"),
        ({"order_by": "metric.type"}, "order_by"),
        ({"page_size": -1}, "page_size"),
        ({"page_token": "-1"}, "page_token"),
        ({"page_token": "¹"}, "page_token"),
        ({"interval": TimeInterval()}, "interval.end_time"),
        ({"name": "organizations/5"}, r"\[projects\] name"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(
    made: Hour, wrong: dict[str, Any], names: str
) -> None:
    request = {**made.request(BACKLOG), **wrong}
    with pytest.raises(exceptions.InvalidArgument, match=f"[Ii]nvalid {names}|The {names}"):
        list(made.broker.metrics.list_time_series(request=request))


def test_an_interval_must_not_end_before_it_starts(made: Hour) -> None:
    now = made.broker.clock.now()
    interval = TimeInterval(start_time=now, end_time=now - timedelta(seconds=1))
    with pytest.raises(exceptions.InvalidArgument, match=r"interval\.start_time: 1 s after"):
        made.series(BACKLOG, interval=interval)


def test_an_interval_of_the_future_has_no_points(made: Hour) -> None:
    now = made.broker.clock.now()
    interval = TimeInterval(
        start_time=now + timedelta(seconds=60), end_time=now + timedelta(seconds=90)
    )
    assert made.series(BACKLOG, interval=interval) == []
    assert made.series("subscription/sent_message_count", interval=interval) == []
    interval = TimeInterval(start_time=now, end_time=now + timedelta(hours=1))
    assert made.series("topic/send_message_operation_count", interval=interval) == []
