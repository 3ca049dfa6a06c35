"""A price series that stays bounded: full rate for the newest part, a point a minute before it."""

from collections import deque
from datetime import timedelta

FINE = 4_000
COARSE = 3_000
BUCKET_MS = 60_000


class PriceHistory:
    """(epoch ms in market time, USD), oldest first. Not thread-safe: its store's lock guards it."""

    def __init__(self) -> None:
        self._fine: deque[tuple[int, float]] = deque(maxlen=FINE)
        self._coarse: deque[tuple[int, float]] = deque(maxlen=COARSE)

    def add(self, at_ms: int, price: float) -> None:
        """Append a point; one older than the newest is left out, since a line cannot go back."""
        if self._fine and at_ms < self._fine[-1][0]:
            return
        self._fine.append((at_ms, price))
        bucket = at_ms - at_ms % BUCKET_MS
        if self._coarse and self._coarse[-1][0] == bucket:
            self._coarse[-1] = (bucket, price)
        else:
            self._coarse.append((bucket, price))

    def window(self, length: timedelta, most: int = 2_000) -> tuple[tuple[int, float], ...]:
        """The points of the last `length`, thinned evenly to `most`, the newest always kept."""
        if not self._fine:
            return ()
        start = self._fine[-1][0] - int(length.total_seconds() * 1000)
        source = self._fine if self._fine[0][0] <= start or not self._coarse else None
        if source is None:
            # a bucket is stamped with its minute's start: one that reaches into the fine part
            # would be a point that never was
            older = [p for p in self._coarse if p[0] + BUCKET_MS <= self._fine[0][0]]
            points = [p for p in (*older, *self._fine) if p[0] >= start]
        else:
            points = [p for p in source if p[0] >= start]
        step = max(1, -(-len(points) // most))
        return tuple(reversed(points[::-1][::step]))
