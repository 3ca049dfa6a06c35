"""Counts over time, kept for an hour, so that a question about an interval has an honest answer.

Counted in bins, each stamped with its last event: a quarter second wide for what is new, put
together to ten seconds for what is older than five minutes. Reading closes the open bin: whoever
asks for adjacent intervals up to "now" counts every event exactly once, and sees those of this
instant too. A `Tally` that never rests has under 2,000 bins, which is 32 kB; a `Spread` (bins of a
second, old after a minute) under 700, which is 0.3 MB with ten buckets in each.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, MutableSequence
from typing import Generic, TypeVar

from consumers.clock import Clock
from embedded.broker.distribution import Buckets, Distribution

KEPT_S = 3600.0
_OLD_WIDTH_S = 10.0
_TIDY_EVERY = 256  # bins

Cell = TypeVar("Cell")


class _Bins(Generic[Cell]):
    """Stamped cells in the order of time."""

    def __init__(
        self,
        clock: Clock,
        cells: MutableSequence[Cell],
        join: Callable[[list[Cell]], Cell],
        *,
        since: float | None,
        width_s: float,
        fine_s: float,
    ) -> None:
        self._clock = clock
        self._stamps = array("d")
        self._cells = cells
        self._join = join
        self._width_s = width_s
        self._fine_s = fine_s
        self._opened = 0.0  # when the open bin began; 0 = none is open
        self._made = 0
        self.since = clock.now().timestamp() if since is None else since

    def between(self, start: float, end: float) -> Cell:
        """What came after `start` and up to `end`, POSIX seconds; what is over an hour old is
        gone."""
        self._opened = 0.0
        first, last = bisect_right(self._stamps, start), bisect_right(self._stamps, end)
        return self._join(list(self._cells[first:last]))

    def __len__(self) -> int:
        """How many bins there are."""
        return len(self._stamps)

    def _open(self, now: float, empty: Cell) -> None:
        """Make sure that the last bin is the one for an event at `now`."""
        if self._opened and now - self._opened < self._width_s:
            self._stamps[-1] = max(now, self._stamps[-1])
            return
        if self._stamps:
            now = max(now, self._stamps[-1])  # a wall clock set back must not unsort the bins
        self._opened = now
        self._stamps.append(now)
        self._cells.append(empty)
        self._made += 1
        if self._made % _TIDY_EVERY == 0:
            self._tidy(now)

    def _tidy(self, now: float) -> None:
        """Forget what is too old and put together what is old."""
        gone = bisect_right(self._stamps, now - KEPT_S)
        del self._stamps[:gone], self._cells[:gone]
        old = bisect_right(self._stamps, now - self._fine_s)
        groups: dict[int, list[int]] = {}
        for index in range(old):
            groups.setdefault(int(self._stamps[index] // _OLD_WIDTH_S), []).append(index)
        stamps = array("d", (self._stamps[each[-1]] for each in groups.values()))
        joined = [self._join([self._cells[i] for i in each]) for each in groups.values()]
        self._stamps[:old] = stamps
        for index, cell in enumerate(joined):
            self._cells[index] = cell
        del self._cells[len(joined) : old]


class Tally(_Bins[int]):
    """Events counted; `total` since it was made, which is at `since` (POSIX seconds)."""

    def __init__(self, clock: Clock, since: float | None = None) -> None:
        super().__init__(clock, array("q"), sum, since=since, width_s=0.25, fine_s=300.0)
        self.total = 0

    def add(self, count: int = 1) -> None:
        """Count `count` events that happened now."""
        if not count:
            return
        self.total += count
        self._open(self._clock.now().timestamp(), 0)
        self._cells[-1] += count


class Spread(_Bins[Distribution]):
    """Values counted, as distributions over `buckets`; `since` as with a Tally."""

    def __init__(self, clock: Clock, buckets: Buckets, since: float | None = None) -> None:
        def join(cells: list[Distribution]) -> Distribution:
            whole = Distribution(buckets)
            for cell in cells:
                whole.add(cell)
            return whole

        super().__init__(clock, [], join, since=since, width_s=1.0, fine_s=60.0)
        self._buckets = buckets

    def add(self, value: float, times: int = 1) -> None:
        """Count `value`, seen now."""
        self._open(self._clock.now().timestamp(), Distribution(self._buckets))
        self._cells[-1].put(value, times)

    def add_all(self, seen: Distribution) -> None:
        """Count all of `seen`, now."""
        self._open(self._clock.now().timestamp(), Distribution(self._buckets))
        self._cells[-1].add(seen)
