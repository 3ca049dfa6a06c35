"""Age is judged against a feed's own cadence."""

from datetime import timedelta

import pytest

from core.staleness import Freshness, judge, limits


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (-5, Freshness.FRESH),
        (45, Freshness.FRESH),
        (46, Freshness.LATE),
        (90, Freshness.LATE),
        (91, Freshness.STALE),
        (300, Freshness.STALE),
        (301, Freshness.DEAD),
    ],
)
def test_a_feed_of_thirty_seconds_is_late_after_45_stale_after_90_dead_after_300(
    seconds: int, verdict: Freshness
) -> None:
    assert judge(timedelta(seconds=seconds), limits(timedelta(seconds=30))) is verdict


def test_a_feed_faster_than_five_seconds_is_judged_as_one_of_five() -> None:
    assert limits(timedelta(seconds=2)) == limits(timedelta(seconds=5))


def test_what_was_never_seen_has_no_age() -> None:
    assert judge(None, limits(timedelta(seconds=30))) is Freshness.NEVER
