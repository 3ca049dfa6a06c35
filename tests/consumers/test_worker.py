"""A worker that no message can reach says so."""

from datetime import UTC, datetime, timedelta

import pytest

from consumers.feed_status import FeedState, FeedStatus
from consumers.worker import trouble

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def feed(state: FeedState, seconds: float, error: str | None = None) -> FeedStatus:
    since = NOW - timedelta(seconds=seconds)
    return FeedStatus("n", "alerts-read", "alerts", state, since, 0, 0, None, error, 0)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (feed(FeedState.LIVE, 900, "once"), None),
        (feed(FeedState.SILENT, 900), None),
        (feed(FeedState.CONNECTING, 29), None),
        (feed(FeedState.CONNECTING, 45, "refused"), "alerts-read: connecting for 45 s: refused"),
        (feed(FeedState.CONNECTING, 3_600), "alerts-read: connecting for 3600 s: no answer"),
        (feed(FeedState.DENIED, 1, "no permission"), "alerts-read: no permission"),
        (feed(FeedState.MISSING, 1), "alerts-read: missing"),
    ],
)
def test_the_feed_that_keeps_messages_away_is_named(held: FeedStatus, told: str | None) -> None:
    assert trouble((feed(FeedState.LIVE, 1), held), NOW) == told
