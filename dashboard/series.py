"""Series over time with their gaps: a line never crosses a time in which nothing came.

Points are (epoch ms, value), oldest first, in market time; `cadence` is the expected gap between
two, in ms. Older points may be kept coarser than they came, so a gap is judged against its
neighbours too.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

Points = Sequence[tuple[int, float]]
HEARTBEATS = 2  # a longer silence is drawn as a gap
AROUND = 4  # steps on either side that tell how coarse the series is kept there


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without points, both ends in epoch ms."""

    begin: int
    end: int

    @property
    def length(self) -> timedelta:
        """How long nothing came."""
        return timedelta(milliseconds=self.end - self.begin)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How many points came in each bin of a window, and how many are missing; None: not known."""

    bins: tuple[float | None, ...]
    received: int
    missed: int

    @property
    def share(self) -> float | None:
        """Received of expected, 0..1; None where nothing was expected yet."""
        expected = self.received + self.missed
        return self.received / expected if expected else None


def gaps(points: Points, cadence: float, now: int | None = None) -> tuple[Gap, ...]:
    """The silences longer than two heartbeats, the one that lasts until `now` among them."""
    steps = [after[0] - before[0] for before, after in pairwise(points)]
    found = [
        Gap(points[i][0], points[i + 1][0])
        for i, step in enumerate(steps)
        if step > HEARTBEATS * max(cadence, _usual(steps, i))
    ]
    if points and now is not None and now - points[-1][0] > HEARTBEATS * max(cadence, 5_000):
        found.append(Gap(points[-1][0], now))
    return tuple(found)


def runs(points: Points, holes: Sequence[Gap]) -> list[list[tuple[int, float]]]:
    """The points in unbroken pieces."""
    begins = {hole.begin for hole in holes}
    pieces: list[list[tuple[int, float]]] = [[]]
    for point in points:
        pieces[-1].append(point)
        if point[0] in begins:
            pieces.append([])
    return [piece for piece in pieces if piece]


def since(points: Points, begin: int) -> Points:
    """The points from `begin` on."""
    return points[bisect_right(points, (begin, float("-inf"))) :]


def value_at(points: Points, at: int) -> float | None:
    """The newest value not after `at`; None before the first point."""
    index = bisect_right(points, (at, float("inf")))
    return points[index - 1][1] if index else None


def thinned(points: Points, most: int) -> Points:
    """At most about `most` points, evenly, the newest always kept."""
    step = max(1, -(-len(points) // most))
    return tuple(reversed(points[::-1][::step]))


def unit(points: Points, begin: int, end: int, cadence: float) -> "Sparkline":
    """Points fitted into 0..1 both ways, with their gaps."""
    shown = since(points, begin)
    if not shown or end <= begin:
        return Sparkline((), ())
    low, high = min(p[1] for p in shown), max(p[1] for p in shown)
    size = (high - low) or 1.0
    flat = 0.5 if high == low else 0.0
    width = end - begin
    holes = gaps(shown, cadence, end)
    pieces = tuple(
        tuple(((at - begin) / width, (value - low) / size + flat) for at, value in piece)
        for piece in runs(shown, holes)
    )
    blocks = tuple(((hole.begin - begin) / width, (hole.end - begin) / width) for hole in holes)
    return Sparkline(pieces, blocks)


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Unbroken pieces of (x, y) and the blocks between them, all 0..1."""

    pieces: tuple[tuple[tuple[float, float], ...], ...]
    blocks: tuple[tuple[float, float], ...]


def arrival(points: Points, begin: int, end: int, cadence: float, count: int = 24) -> Arrival:
    """How full each of `count` bins from `begin` to `end` is.

    A tick is missing where two that came lie further apart than the cadence, and after the last
    one when it is overdue; jitter of less than half a heartbeat costs nothing. Bins before the
    first point ever seen are not known.
    """
    received, missed = [0] * count, [0] * count
    width = (end - begin) / count

    def note(into: list[int], at: float) -> None:
        if begin <= at < end:
            into[min(count - 1, int((at - begin) / width))] += 1

    for at, _ in points:
        note(received, at)
    for (before, _), (after, _) in pairwise(points):
        absent = round((after - before) / cadence) - 1
        for number in range(1, max(0, min(absent, 100_000)) + 1):
            note(missed, before + number * cadence)
    if points:
        overdue = int((end - points[-1][0]) / cadence - 0.5)
        for number in range(1, max(0, min(overdue, 100_000)) + 1):
            note(missed, points[-1][0] + number * cadence)
    shares = tuple(
        got / (got + lost) if got + lost else None
        for got, lost in zip(received, missed, strict=True)
    )
    return Arrival(shares, sum(received), sum(missed))


def from_times(history: Sequence[tuple[datetime, int | None]]) -> tuple[Points, tuple[Gap, ...]]:
    """A history with unknowns as points and the gaps where nothing was known."""
    points: list[tuple[int, float]] = []
    holes: list[Gap] = []
    unknown: int | None = None
    for at, value in history:
        ms = int(at.timestamp() * 1000)
        if value is None:
            unknown = points[-1][0] if unknown is None and points else unknown or ms
            continue
        if unknown is not None:
            holes.append(Gap(unknown, ms))
            unknown = None
        points.append((ms, float(value)))
    if unknown is not None and history:
        holes.append(Gap(unknown, int(history[-1][0].timestamp() * 1000)))
    return tuple(points), tuple(holes)


def _usual(steps: Sequence[int], index: int) -> float:
    """The typical step around one, that one left out."""
    around = [*steps[max(0, index - AROUND) : index], *steps[index + 1 : index + 1 + AROUND]]
    return median(around) if around else 0.0


def slope(points: Points, most: int = 10) -> float | None:
    """By how much the newest `most` values grow a second; None from fewer than three."""
    newest = points[-most:]
    if len(newest) < 3 or newest[-1][0] <= newest[0][0]:
        return None
    return (newest[-1][1] - newest[0][1]) / ((newest[-1][0] - newest[0][0]) / 1000)
