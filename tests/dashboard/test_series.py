"""Series with gaps: no line crosses a silence, no bin claims what is not known."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import series
from dashboard.series import Gap

SECOND = 1_000


def every(step: int, count: int, begin: int = 0) -> list[tuple[int, float]]:
    """`count` points, `step` seconds apart, value = their number."""
    return [((begin + i * step) * SECOND, float(i)) for i in range(count)]


def test_a_silence_longer_than_two_heartbeats_is_a_gap_and_two_are_not() -> None:
    points = [*every(30, 5), *every(30, 5, begin=4 * 30 + 60)]
    assert series.gaps(points, 30 * SECOND) == ()
    points = [*every(30, 5), *every(30, 5, begin=4 * 30 + 61)]
    assert series.gaps(points, 30 * SECOND) == (Gap(120_000, 181_000),)


def test_older_points_kept_coarser_are_no_gaps() -> None:
    points = [*every(60, 20), *every(2, 50, begin=19 * 60 + 2)]
    assert series.gaps(points, 2 * SECOND) == ()


def test_a_gap_within_the_coarser_part_is_still_seen() -> None:
    points = [*every(60, 10), *every(60, 10, begin=9 * 60 + 300)]
    assert series.gaps(points, 2 * SECOND) == (Gap(540_000, 840_000),)


def test_a_feed_that_stopped_has_a_gap_until_now() -> None:
    points = every(30, 3)
    assert series.gaps(points, 30 * SECOND, now=60_000 + 60_001) == (Gap(60_000, 120_001),)
    assert series.gaps(points, 30 * SECOND, now=60_000 + 60_000) == ()


def test_no_piece_of_a_line_crosses_a_gap() -> None:
    points = every(30, 6)
    pieces = series.runs(points, [Gap(60_000, 90_000)])
    assert [[value for _, value in piece] for piece in pieces] == [[0, 1, 2], [3, 4, 5]]


def test_three_dropped_ticks_of_twenty_fill_85_percent_of_the_bin() -> None:
    points = [p for i, p in enumerate(every(30, 21)) if i not in (5, 6, 12)]
    found = series.arrival(points, 0, 600 * SECOND, 30 * SECOND, count=1)
    assert found.bins == (pytest.approx(0.85),)
    assert (found.received, found.missed) == (17, 3)


def test_jitter_of_less_than_half_a_heartbeat_costs_nothing() -> None:
    points = [(at + (700 if i % 2 else 0), value) for i, (at, value) in enumerate(every(2, 30))]
    found = series.arrival(points, 0, 60 * SECOND, 2 * SECOND, count=4)
    assert found.missed == 0
    assert found.share == 1.0


def test_what_was_before_the_first_tick_is_not_known_and_not_missing() -> None:
    points = every(30, 10, begin=300)
    found = series.arrival(points, 0, 600 * SECOND, 30 * SECOND, count=4)
    assert found.bins[:2] == (None, None)
    assert found.bins[2:] == (1.0, 1.0)


def test_an_overdue_feed_misses_ticks_to_this_day() -> None:
    found = series.arrival(every(30, 2), 0, 300 * SECOND, 30 * SECOND, count=1)
    assert (found.received, found.missed) == (2, 8)


def test_no_points_mean_nothing_is_known() -> None:
    found = series.arrival((), 0, 60 * SECOND, SECOND, count=2)
    assert found.bins == (None, None)
    assert found.share is None


def test_the_value_at_a_moment_is_the_newest_not_after_it() -> None:
    points = every(30, 3)
    assert series.value_at(points, 59_999) == 1.0
    assert series.value_at(points, 60_000) == 2.0
    assert series.value_at(points, -1) is None


def test_thinning_keeps_the_newest_point() -> None:
    points = every(1, 1_001)
    thinned = series.thinned(points, 100)
    assert len(thinned) <= 101
    assert thinned[-1] == points[-1]


def test_a_flat_line_lies_in_the_middle() -> None:
    points = [(0, 1.0), (30_000, 1.0)]
    shown = series.unit(points, 0, 30_000, 30_000)
    assert shown.pieces == (((0.0, 0.5), (1.0, 0.5)),)
    assert shown.blocks == ()


def test_unknown_samples_make_a_gap_and_no_zero() -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    counts = (5, None, None, 7)
    history = [(at + timedelta(seconds=3 * i), count) for i, count in enumerate(counts)]
    points, holes = series.from_times(history)
    assert [value for _, value in points] == [5.0, 7.0]
    assert len(holes) == 1
    assert holes[0].length == timedelta(seconds=9)


def test_a_slope_needs_three_samples() -> None:
    assert series.slope(every(1, 2)) is None
    assert series.slope(every(2, 4)) == pytest.approx(0.5)
