"""Distributions counted where things happen, cheaply, and read by whoever exports them."""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values were at most each bound, and beyond the last one, as counted so far.

    `counts` has one number more than `bounds`; they are not cumulative.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    total: float


class Tally:
    """Counts values into buckets: a third of a microsecond each. Its owner's lock guards it."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count a value so many times; a bound belongs to the bucket that it ends."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._total += value * times

    def add_all(self, values: Collection[float]) -> None:
        """Count each of them."""
        bounds, counts = self._bounds, self._counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self._total += sum(values)

    def read(self) -> Distribution:
        """The counts now."""
        counts = tuple(self._counts)
        return Distribution(self._bounds, counts, sum(counts), self._total)
