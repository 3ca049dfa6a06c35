"""The book as a whole: what falls with the market, how scores are spread, who holds how much.

Dear to compute on a large book, so at most every few seconds.
"""

from typing import Any

import numpy as np

from consumers.stores.values import ScoresSnapshot
from core.bands import Floats
from core.book import STATUS_ORDER, Valuation
from core.columns import Columns
from core.policy import Policy, Status
from dashboard.live import figures

EVERY_S = 4.0
DROPS = tuple(i / 100 for i in range(41))  # 0 to 40 percent
BIN = 5  # points of score per bar
LAST = 200  # everything above is in the last bar
LARGEST = 8


class BookSection:
    """Keeps the last result until it is old or the book is another."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._of: Valuation | None = None
        self._held: dict[str, Any] = {}

    def build(self, scores: ScoresSnapshot | None, moment: float) -> dict[str, Any]:
        """The section; `moment` is monotonic seconds."""
        if scores is None:
            return {}
        if scores.valuation is not self._of and moment - self._at >= EVERY_S:
            valuation = scores.valuation
            self._held = {
                "curve": curve(valuation),
                "histogram": histogram(valuation, scores.policy),
                "assets": by_asset(valuation),
                "largest": largest(valuation),
            }
            self._at, self._of = moment, valuation
        return self._held


def curve(v: Valuation) -> dict[str, Any]:
    """Collateral, at present prices, of accounts in LIQUIDATION after a uniform fall."""
    values = [float(x) for x in v.drop_curve(DROPS)]
    top = _round_up(max(values))
    return {
        "top": top,
        "points": [[round(d * 100), round(x, 2)] for d, x in zip(DROPS, values, strict=True)],
        "ticks": [[top * i / 4, _tick(top * i / 4)] for i in range(5)],
        "now": figures.millions(values[0]),
        "twenty": figures.millions(values[20]),
    }


def histogram(v: Valuation, policy: Policy) -> dict[str, Any]:
    """Scored accounts by score; each bar lies in one band, which the bounds are multiples of."""
    edges = list(range(0, LAST + 1, BIN))
    counts = [int(n) for n in v.histogram(edges)]
    below = counts[0]  # under water: drawn in the first bar
    bars = [[edge, counts[i + 1], str(_band(edge, policy))] for i, edge in enumerate(edges)]
    bars[0][1] = counts[1] + below
    tops = [counts[1] + below, *counts[2:]]
    open_end = tops[-1]
    cut = open_end > 2 * max(1, *tops[:-1])  # wider than the others, it would dwarf them all
    return {
        "bars": bars,
        "bin": BIN,
        "last": LAST,
        "most": max(1, *(tops[:-1] if cut else tops)),
        "over": f"{open_end:,}" if cut else None,
        "scored": f"{sum(counts):,}",
        "below": below,
        "bounds": [float(t) for t in reversed(policy.thresholds())],
    }


def by_asset(v: Valuation) -> dict[str, Any]:
    """Counted collateral and debt in USD per asset, largest first; unpriced assets say so."""
    book = v.book
    prices = _prices(v)
    held = _amounts(book.collateral, len(book.assets)) * prices
    owed = _amounts(book.borrow, len(book.assets)) * prices
    total = float(np.nansum(held))
    order = np.argsort(-np.nan_to_num(held, nan=-1.0), kind="stable")
    return {
        "total": f"{figures.millions(total)} USD",
        "rows": [
            {
                "asset": book.assets[i],
                "accounts": f"{len(book.holders(book.assets[i])):,}",
                "collateral": _or_dash(held[i]),
                "share": 0.0
                if np.isnan(held[i]) or not total
                else round(float(held[i] / total * 100), 1),
                "borrowed": _or_dash(owed[i]),
            }
            for i in order
        ],
    }


def largest(v: Valuation) -> list[dict[str, Any]]:
    """Accounts with the most collateral."""
    worth = np.nan_to_num(v.collateral, nan=-1.0)
    total = float(worth[worth > 0].sum()) or 1.0
    found = np.argsort(-worth, kind="stable")[:LARGEST]
    return [
        {
            "user": v.book.users[int(i)],
            "status": str(STATUS_ORDER[int(v.status[i])]),
            "collateral": figures.millions(float(worth[i])),
            "share": f"{worth[i] / total * 100:.1f} %",
        }
        for i in found
        if worth[i] > 0
    ]


def _band(score: float, policy: Policy) -> Status:
    """The band in which a bar begins."""
    healthy, warning, call = policy.thresholds()
    for bound, status in ((healthy, Status.HEALTHY), (warning, Status.WARNING)):
        if score >= bound:
            return status
    return Status.MARGIN_CALL if score >= call else Status.LIQUIDATION


def _prices(v: Valuation) -> Floats:
    usable = (
        float(v.prices.points[a].price) if v.prices.fault(a) is None else np.nan
        for a in v.book.assets
    )
    return np.fromiter(usable, float, len(v.book.assets))


def _amounts(columns: Columns, assets: int) -> Floats:
    """Counted units per asset over all accounts."""
    total = np.zeros(assets + 1)
    total += np.bincount(columns.ids.ravel(), columns.amounts.ravel(), assets + 1)
    total += np.bincount(columns.more_ids, columns.more_amounts, assets + 1)
    return total[:assets]


def _or_dash(value: float) -> str:
    if np.isnan(value):
        return figures.DASH
    return "none" if not value else figures.millions(float(value))


def _tick(value: float) -> str:
    """A gridline's label, without decimals that say nothing: `12 m`, `2.4 m`."""
    number, _, unit = figures.millions(value).partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}".strip()


def _round_up(value: float) -> float:
    """A round number above `value` that four gridlines divide well."""
    if value <= 0:
        return 4.0
    size = 10.0 ** np.floor(np.log10(value))
    return float(
        next(size * s for s in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12) if size * s >= value)
    )
