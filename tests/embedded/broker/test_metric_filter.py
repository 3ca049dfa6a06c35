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


def test_it_says_which_keys_it_mentions() -> None:
    found = parse('metric.type = "x" AND resource.label.topic_id = "y"')
    assert found.keys == {"metric.type", "resource.labels.topic_id"}
