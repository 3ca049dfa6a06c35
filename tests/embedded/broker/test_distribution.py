"""Distributions: buckets, percentiles within them, mean and deviation."""

import pytest

from embedded.broker.distribution import LATENCIES_MS, SIZES, Buckets, Distribution, merged


def filled(*values: float) -> Distribution:
    made = Distribution(SIZES)
    for value in values:
        made.put(value)
    return made


def test_a_bucket_begins_at_its_lower_bound() -> None:
    assert [SIZES.index(value) for value in (0, 0.9, 1, 1.9, 2, 3, 4, 2**24 - 1, 2**24)] == [
        *(0, 0, 1, 1, 2, 2, 3, 24, 25)
    ]
    assert LATENCIES_MS.index(600_000) < LATENCIES_MS.finite + 1
    assert Buckets(10, 3, 2).bounds == (10, 30, 90)


def test_mean_and_deviation_are_those_of_the_values() -> None:
    made = filled(2, 4, 4, 4, 5, 5, 7, 9)
    assert (made.count, made.mean, made.deviation, made.squared_deviation) == (8, 5, 2, 32)
    assert (Distribution(SIZES).mean, Distribution(SIZES).deviation) == (0, 0)


@pytest.mark.parametrize(
    ("percent", "expected"),
    # 4 values from 4 to 8 and 6 from 8 to 16, each evenly spread
    [(0, 4.0), (10, 5.0), (40, 8.0), (70, 12.0), (100, 16.0)],
)
def test_a_percentile_lies_within_its_bucket_in_proportion(percent: float, expected: float) -> None:
    made = filled(*[5] * 4, *[9] * 6)
    assert made.percentile(percent) == pytest.approx(expected)


def test_the_ends_are_as_far_as_is_known() -> None:
    assert filled(0, 0).percentile(50) == 0.5  # from 0 to the first bound, 1
    assert filled(2.0**30).percentile(50) == 2**24
    assert Distribution(SIZES).percentile(50) is None


def test_together_is_as_if_counted_together() -> None:
    one, other = filled(1, 2, 300), filled(7, 300, 0)
    assert merged([one, other]) == filled(1, 2, 300, 7, 300, 0)
    assert one == filled(1, 2, 300)


def test_the_counts_are_given_up_to_the_last() -> None:
    assert filled(1, 5, 5).dense() == [0, 1, 0, 2]
    assert Distribution(SIZES).dense() == []
