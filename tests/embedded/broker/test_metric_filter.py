"""Filters of Cloud Monitoring."""

import pytest

from embedded.broker.errors import InvalidArgumentError
from embedded.broker.metric_filter import parse

SERIES = {
    "metric.type": "pubsub.googleapis.com/subscription/backlog_bytes",
    "resource.type": "pubsub_subscription",
    "project": "fusion",
    "resource.labels.subscription_id": "risk",
    "metric.labels.delivery_type": "pull",
}


@pytest.mark.parametrize(
    "text",
    [
        'metric.type = "pubsub.googleapis.com/subscription/backlog_bytes"',
        "metric.type='pubsub.googleapis.com/subscription/backlog_bytes'",
        'metric.type = starts_with("pubsub.googleapis.com/subscription/")',
        'metric.type = ends_with("backlog_bytes")',
        'metric.type = has_substring("backlog")',
        'metric.type:"backlog"',
        'resource.labels.subscription_id = one_of("alerts", "risk")',
        'resource.label.subscription_id = "risk"',
        'resource.label."subscription_id"="risk"',
        'resource.type = "pubsub_subscription" AND metric.label.delivery_type != "push"',
        'resource.type = "pubsub_subscription" resource.labels.subscription_id = "risk"',
        'NOT resource.labels.subscription_id = "alerts"',
        'project = "x" OR project = "fusion" AND resource.labels.subscription_id = "risk"',
        '(project = "x" OR project = fusion) AND (resource.labels.subscription_id = "risk")',
        'resource.labels.topic_id != "prices"',
    ],
)
def test_it_finds_the_series(text: str) -> None:
    assert parse(text).matches(SERIES)


@pytest.mark.parametrize(
    "text",
    [
        'metric.type = "pubsub.googleapis.com/subscription"',
        'metric.type != ends_with("backlog_bytes")',
        'resource.labels.subscription_id = one_of("alerts")',
        'resource.type = "pubsub_subscription" AND project = "x"',
        'project = "x" OR project = "fusion" AND resource.labels.subscription_id = "alerts"',
        'resource.labels.topic_id = "prices"',
    ],
)
def test_it_leaves_out_other_series(text: str) -> None:
    assert not parse(text).matches(SERIES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "metric.type",
        "metric.type =",
        'metric.type = "unclosed',
        'metric.type == "x"',
        'metric.type = "x" AND',
        'metric.type = "x" OR',
        'metric.type = sounds_like("x")',
        'metric.type = one_of("x"',
        "metric.type = one_of()",
        'metric.type = starts_with("x" "y")',
        '(metric.type = "x"',
        'metric.type = "x")',
        'weather = "fine"',
        'metric.type = "x" ; drop',
        'metric.type = "' + "x" * 3000 + '"',
        "NOT",
    ],
)
def test_it_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"filter|The filter"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ('metric.type = "x"', {"x"}),
        ('metric.type = one_of("x", "y") AND project = "p"', {"x", "y"}),
        ('metric.type = "x" OR metric.type = "y"', {"x", "y"}),
        ('metric.type = one_of("x", "y") (metric.type = "y" OR metric.type = "z")', {"y"}),
        ('metric.type = "x" AND metric.type = "y"', set()),
        ('metric.type = "x" AND NOT metric.type = "y"', {"x"}),
        ('metric.type = "x" OR project = "p"', None),
        ('metric.type = "x" OR metric.type = starts_with("y")', None),
        ('NOT metric.type = "x"', None),
        ('NOT (metric.type = "x" OR metric.type = "y")', None),
        ('NOT NOT metric.type = "x"', None),
        ('metric.type != "x"', None),
        ('metric.type != one_of("x", "y")', None),
        ('metric.type : "x"', None),
        ('project = "x"', None),
    ],
)
def test_it_narrows_the_types_only_by_what_every_match_must_have(
    text: str, types: set[str] | None
) -> None:
    assert parse(text).types == types


@pytest.mark.parametrize(("left", "right"), [("(", ")"), ("NOT ", ""), ("NOT NOT (", ")")])
def test_it_may_be_nested_fifty_deep(left: str, right: str) -> None:
    parts = 50 // len(left.split())
    plain = 'project = "fusion"'
    assert parse(left * parts + plain + right * parts).matches(SERIES)
    for more in (parts + 1, 200):
        with pytest.raises(InvalidArgumentError, match="at most 50 deep"):
            parse(left * more + plain + right * more)


def test_it_says_which_keys_it_mentions() -> None:
    found = parse('metric.type = "x" AND resource.label.topic_id = "y"')
    assert found.keys == {"metric.type", "resource.labels.topic_id"}
