"""Counts over time, kept for an hour, so that a question about an interval has an honest answer."""

from array import array
from bisect import bisect_right

from consumers.clock import Clock

KEPT_S = 3600.0
_WIDTH_S = 0.25


class Tally:
    """Events counted in bins of a quarter second, each stamped with its last event.

    Reading closes the open bin: whoever asks for adjacent intervals up to "now" counts every event
    exactly once, and sees those of this instant too.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stamps = array("d")
        self._counts = array("q")
        self._opened = 0.0  # when the open bin began; 0 = none is open
        self.total = 0

    def add(self, count: int = 1) -> None:
        """Count `count` events that happened now."""
        if not count:
            return
        now = self._clock.now().timestamp()
        self.total += count
        if self._opened and now - self._opened < _WIDTH_S:
            self._stamps[-1] = max(now, self._stamps[-1])
            self._counts[-1] += count
            return
        if self._stamps:
            now = max(now, self._stamps[-1])  # a wall clock set back must not unsort the bins
        self._opened = now
        self._stamps.append(now)
        self._counts.append(count)
        if len(self._stamps) % 256 == 0:
            self._forget(now - KEPT_S)

    def between(self, start: float, end: float) -> int:
        """Events after `start` and up to `end`, POSIX seconds; those over an hour ago are gone."""
        self._opened = 0.0
        first, last = bisect_right(self._stamps, start), bisect_right(self._stamps, end)
        return sum(self._counts[first:last])

    def _forget(self, before: float) -> None:
        old = bisect_right(self._stamps, before)
        del self._stamps[:old], self._counts[:old]
