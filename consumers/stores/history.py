"""A price series that stays bounded: full rate for the newest part, a point a minute before it.

The same points give the same series, whatever the order they come in.
"""

from bisect import bisect_left, insort
from datetime import timedelta

FINE = 4_000
COARSE = 3_000
BUCKET_MS = 60_000

Point = tuple[int, float]


class PriceHistory:
    """(epoch ms in market time, USD), oldest first. Not thread-safe: its store's lock guards it."""

    def __init__(self) -> None:
        self._fine: list[Point] = []  # the newest FINE points
        self._coarse: list[Point] = []  # the last point of each of the newest COARSE minutes
        self._run = 0

    @property
    def newest(self) -> Point:
        """The last point; there is one once `add` was called."""
        return self._fine[-1]

    @property
    def unchanged(self) -> int:
        """How many points before the newest have its very price, in a row; at most FINE."""
        return self._run

    def add(self, at_ms: int, price: float) -> None:
        """Take in a point; one that comes late goes to its place."""
        point = (at_ms, price)
        fine = self._fine
        if not fine or point >= fine[-1]:
            self._run = self._run + 1 if fine and fine[-1][1] == price else 0
            fine.append(point)
        else:
            insort(fine, point)
            self._run = self._trailing()
        if len(fine) > FINE:
            del fine[0]
            self._run = min(self._run, FINE - 1)
        self._add_coarse(point)

    def _add_coarse(self, point: Point) -> None:
        coarse = self._coarse
        bucket = point[0] - point[0] % BUCKET_MS
        if not coarse or coarse[-1][0] < bucket:
            coarse.append(point)
        else:
            place = bisect_left(coarse, (bucket,))
            if coarse[place][0] >= bucket + BUCKET_MS:
                coarse.insert(place, point)
            elif point > coarse[place]:
                coarse[place] = point
        if len(coarse) > COARSE:
            del coarse[0]

    def _trailing(self) -> int:
        newest = self._fine[-1][1]
        for count, (_, price) in enumerate(reversed(self._fine)):
            if price != newest:
                return count - 1
        return len(self._fine) - 1

    def window(self, length: timedelta, most: int = 2_000) -> tuple[Point, ...]:
        """The points of the last `length`, thinned evenly to `most`, the newest always kept."""
        if not self._fine:
            return ()
        start = self._fine[-1][0] - int(length.total_seconds() * 1000)
        points = self._fine[bisect_left(self._fine, (start,)) :]
        if self._fine[0][0] > start:
            before = bisect_left(self._coarse, (start,)), bisect_left(self._coarse, self._fine[0])
            points = self._coarse[slice(*before)] + points
        step = max(1, -(-len(points) // most))
        return tuple(reversed(points[::-1][::step]))
