"""Sums, means and percentiles of a few values, numbers or distributions; at least one."""

from collections.abc import Sequence
from math import floor
from statistics import fmean, pstdev

from embedded.broker.distribution import Distribution, merged

Number = int | float


def total(values: Sequence[Number | Distribution]) -> Number | Distribution:
    """Their sum; of distributions, all their values together."""
    parts = [value for value in values if isinstance(value, Distribution)]
    if parts:
        return merged(parts)
    return sum(value for value in values if not isinstance(value, Distribution))


def mean(values: Sequence[Number | Distribution]) -> float:
    """Their mean; of distributions, the mean of all their values."""
    whole = total(values)
    return whole.mean if isinstance(whole, Distribution) else fmean(_numbers(values))


def deviation(values: Sequence[Number | Distribution]) -> float:
    """Their standard deviation, of the whole population."""
    whole = total(values)
    return whole.deviation if isinstance(whole, Distribution) else pstdev(_numbers(values))


def percentile(values: Sequence[Number | Distribution], percent: float) -> float | None:
    """Where `percent` of the values lie below, between two of them in proportion.

    None for distributions without a value.
    """
    whole = total(values)
    if isinstance(whole, Distribution):
        return whole.percentile(percent)
    ordered = sorted(_numbers(values))
    place = (len(ordered) - 1) * percent / 100
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def _numbers(values: Sequence[Number | Distribution]) -> list[Number]:
    return [value for value in values if not isinstance(value, Distribution)]
