"""The price strip: newest price, its age, its change, and a sparkline that shows its gaps."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from consumers.stores.values import AssetPrice
from core.staleness import judge
from dashboard.live import figures

if TYPE_CHECKING:
    from consumers.picture import Picture

History = Callable[[str, timedelta], tuple[tuple[int, float], ...]]
WINDOWS = (
    (timedelta(hours=1), "1 h"),
    (timedelta(hours=24), "24 h"),
    (timedelta(days=7), "7 d"),
)
BINS = 48
REFRESH_S = 1.0


class Strip:
    """Builds the strip; keeps each asset's history for a second and the order of assets for good.

    Used by one thread, the board's encoder.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._held: dict[str, tuple[float, tuple[tuple[int, float], ...]]] = {}
        self._order: list[str] = []

    def build(self, p: "Picture", moment: float) -> dict[str, Any]:
        """The section; `moment` is monotonic seconds."""
        assets = p.prices.assets
        new = [a for a in assets if a not in self._order]
        self._order += sorted(new, key=lambda a: (-assets[a].price, a))
        return {"assets": [self._one(assets[a], p, moment) for a in self._order if a in assets]}

    def _one(self, held: AssetPrice, p: "Picture", moment: float) -> dict[str, Any]:
        market = p.prices.market
        window, label = window_of(held.cadence)
        points = self._points(held.asset, window, moment)
        fresh = judge(market.now(p.at) - held.as_of, held.limits)
        change, span = change_of(points, float(held.price), window, label)
        return {
            "asset": held.asset,
            "state": str(fresh),
            "at": figures.epoch_ms(held.as_of),
            "price": figures.price(held.price),
            "change": change,
            "span": span,
            "spark": spark(points, int(held.cadence.total_seconds() * 1000)),
            "tick": held.tick_id,
        }

    def _points(
        self, asset: str, window: timedelta, moment: float
    ) -> tuple[tuple[int, float], ...]:
        at, points = self._held.get(asset, (float("-inf"), ()))
        if moment - at >= REFRESH_S:
            points = self._history(asset, window)
            self._held[asset] = (moment, points)
        return points


def window_of(cadence: timedelta) -> tuple[timedelta, str]:
    """The shortest window that holds at least a dozen prices."""
    return next((w for w in WINDOWS if w[0] >= 12 * cadence), WINDOWS[-1])


def change_of(
    points: tuple[tuple[int, float], ...], now: float, window: timedelta, label: str
) -> tuple[str, str]:
    """`−1.61 %` and over how long; a shorter history names its own length."""
    if len(points) < 2 or not points[0][1]:
        return figures.DASH, label
    span_s = (points[-1][0] - points[0][0]) / 1000
    percent = (now / points[0][1] - 1) * 100
    if span_s < 0.9 * window.total_seconds():
        label = short(span_s)
    return f"{figures.signed(percent, 2, plus=True)} %", label


def short(seconds: float) -> str:
    """`40 s`, `12 min`, `5 h`, `3 d`: a length as a caption."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def spark(points: tuple[tuple[int, float], ...], cadence_ms: int) -> list[list[int]]:
    """Runs of x, y, x, y… in 0..1000 by 0..100 (y downwards); no run crosses a gap.

    A gap is two bins in a row without a price, each bin at least one cadence wide.
    """
    if len(points) < 2:
        return []
    start, end = points[0][0], points[-1][0]
    width = max((end - start) / BINS, cadence_ms * 1.05, 1.0)
    bins: dict[int, float] = {}
    for at, price in points:
        bins[int((at - start) / width)] = price
    low, high = min(bins.values()), max(bins.values())
    span = (high - low) or 1.0
    last = max(bins) or 1
    runs: list[list[int]] = []
    before = None
    for index, price in sorted(bins.items()):
        if before is None or index - before > 2:
            runs.append([])
        y = 50 if high == low else round(100 - (price - low) / span * 100)
        runs[-1] += (round(index / last * 1000), y)
        before = index
    return [run for run in runs if len(run) > 2]


def oldest(assets: Iterable[AssetPrice]) -> AssetPrice | None:
    """The asset whose price is the oldest in market time."""
    return min(assets, key=lambda a: a.as_of, default=None)
