"""Distributions in the form Cloud Monitoring gives them: counts per bucket, mean and deviation."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt


@dataclass(frozen=True)
class Buckets:
    """Exponential buckets: from `scale` up, each `growth` times as wide as the one before.

    Bucket 0 is what lies under `scale`, the last what lies over all `finite` ones.
    https://docs.cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#exponential
    """

    scale: float
    growth: float
    finite: int

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """Where buckets meet."""
        return tuple(self.scale * self.growth**power for power in range(self.finite + 1))

    def index(self, value: float) -> int:
        """The bucket of `value`; its lower bound belongs to it, its upper does not."""
        return bisect_right(self.bounds, value)


LATENCIES_MS = Buckets(scale=1.0, growth=1.4, finite=40)  # up to 700 s: no lease lasts longer
SIZES = Buckets(scale=1.0, growth=2.0, finite=24)  # up to 16 MiB: no message is larger


@dataclass(slots=True)
class Distribution:
    """Values that were counted: never negative, `total` their sum, `squares` that of squares."""

    buckets: Buckets
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    counts: dict[int, int] = field(default_factory=dict)

    def put(self, value: float, times: int = 1) -> None:
        """Count `value`."""
        index = self.buckets.index(value)
        self.counts[index] = self.counts.get(index, 0) + times
        self.count += times
        self.total += value * times
        self.squares += value * value * times

    def add(self, other: "Distribution") -> None:
        """Count all that `other` did; it must have the same buckets."""
        for index, times in other.counts.items():
            self.counts[index] = self.counts.get(index, 0) + times
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    @property
    def mean(self) -> float:
        """0 when there is no value."""
        return self.total / self.count if self.count else 0.0

    @property
    def squared_deviation(self) -> float:
        """The sum of the squares of the distances from the mean."""
        return max(0.0, self.squares - self.total * self.mean)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return sqrt(self.squared_deviation / self.count) if self.count else 0.0

    def percentile(self, percent: float) -> float | None:
        """Where `percent` of the values lie below, taking those of a bucket as evenly spread.

        None when there is no value. What lies over all finite buckets counts as their end.
        """
        if not self.count:
            return None
        wanted, seen = self.count * percent / 100, 0
        for index in sorted(self.counts):
            times = self.counts[index]
            if seen + times >= wanted:
                low, high = self._span(index)
                return low + (high - low) * (wanted - seen) / times
            seen += times
        return self._span(max(self.counts))[1]

    def dense(self) -> list[int]:
        """The counts of all buckets, up to the last that has any."""
        return [self.counts.get(index, 0) for index in range(max(self.counts, default=-1) + 1)]

    def _span(self, index: int) -> tuple[float, float]:
        bounds = self.buckets.bounds
        low = bounds[index - 1] if index else 0.0
        return low, bounds[min(index, len(bounds) - 1)]


def merged(parts: "list[Distribution]") -> Distribution:
    """All of `parts`, at least one, as one."""
    whole = Distribution(parts[0].buckets)
    for part in parts:
        whole.add(part)
    return whole


def of_sizes(sizes: Mapping[int, int]) -> Distribution:
    """Of message sizes in bytes and how often each came."""
    made = Distribution(SIZES)
    for size, times in sizes.items():
        made.put(size, times)
    return made
