"""One account under every pair of shocks of two assets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from core.bands import CODE, Bands, Codes, Floats
from core.columns import freeze
from core.edits import Shock, fraction_of
from core.errors import FieldError
from core.exact import CONTEXT, ONE, ZERO, Number
from core.margin import Assessment, assess
from core.policy import Policy
from core.portfolio import Portfolio, PriceSnapshot, Side, symbol_of


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Row i is shock `shocks_a[i]` of `asset_a`, column j shock `shocks_b[j]` of `asset_b`.

    `score` in percent, NaN where there is none; `status` codes of `core.bands.STATUS_ORDER`.
    """

    asset_a: str
    asset_b: str
    shocks_a: tuple[Decimal, ...]
    shocks_b: tuple[Decimal, ...]
    score: Floats
    status: Codes


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Signed price moves (-0.2: 20 percent down), checked once, to be used for many grids."""

    moves: tuple[Decimal, ...]
    factors: Floats

    @classmethod
    def of(cls, shocks: Iterable[Number], field: str = "shocks") -> "Axis":
        """Raises FieldError for a shock of -1 or less, such as `shocks.3`."""
        moves = tuple(fraction_of(shock, f"{field}.{i}") for i, shock in enumerate(shocks))
        with localcontext(CONTEXT):
            factors = np.array([float(ONE + move) for move in moves])
        freeze(factors)
        return cls(moves, factors)


def grid(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    policy: Policy,
    asset_a: str,
    asset_b: str,
    shocks_a: Axis | Sequence[Number],
    shocks_b: Axis | Sequence[Number] | None = None,
) -> Grid:
    """Scores and statuses for signed price moves (-0.2: 20 percent down); `shocks_b` as `shocks_a`.

    Float64, with every cell near a threshold judged by the exact assessment of the shocked prices:
    the statuses are the exact ones. Raises FieldError for a shock of -1 or less and for one asset
    named twice.
    """
    a, b = symbol_of(asset_a, "asset_a"), symbol_of(asset_b, "asset_b")
    if a == b:
        raise FieldError("asset_b", "must be another asset than asset_a")
    axis_a = _axis(shocks_a, "shocks_a")
    axis_b = axis_a if shocks_b is None else _axis(shocks_b, "shocks_b")
    base = assess(portfolio, prices, policy)
    shape = len(axis_a.moves), len(axis_b.moves)
    if base.score is None:
        score, status = np.full(shape, np.nan), np.full(shape, CODE[base.status], np.int8)
    else:
        score, status = np.empty(shape), np.empty(shape, np.int8)
        bands = Bands.of(policy)
        _score(base, (a, b), (axis_a, axis_b), score)
        for cell in bands.place(score, status):
            i, j = divmod(int(cell), shape[1])
            case = Shock(b, axis_b.moves[j]).on(Shock(a, axis_a.moves[i]).on((portfolio, prices)))
            exact = assess(*case, policy)
            code = CODE[exact.status]
            status[i, j] = code
            score[i, j] = np.nan if exact.score is None else bands.settle(code, exact.score)
    freeze(score, status)
    return Grid(a, b, axis_a.moves, axis_b.moves, score, status)


def _axis(shocks: Axis | Sequence[Number], field: str) -> Axis:
    return shocks if isinstance(shocks, Axis) else Axis.of(shocks, field)


def _score(base: Assessment, assets: tuple[str, str], axes: tuple[Axis, Axis], out: Floats) -> None:
    """`100*(C-B)/B` in every cell. C and B are sums of a term by row and one by column, so all but
    the last sum is done by row and by column; where B stands still, so is the quotient."""
    held_a, held_b, held = _terms(base, Side.COLLATERAL, assets)
    owed_a, owed_b, owed = _terms(base, Side.BORROW, assets)
    rows, columns = axes[0].factors, axes[1].factors
    with np.errstate(over="ignore"):
        over_rows = 100.0 * ((held + held_a * rows) - (owed + owed_a * rows))
        over_columns = 100.0 * (held_b * columns - owed_b * columns)
        if not owed_a and not owed_b:
            np.add((over_rows / owed)[:, None], over_columns / owed, out=out)
            return
        debt = (owed + owed_a * rows)[:, None] + owed_b * columns
        np.add(over_rows[:, None], over_columns, out=out)
        np.divide(out, debt, out=out)


def _terms(base: Assessment, side: Side, assets: tuple[str, str]) -> tuple[float, float, float]:
    """Counted USD that moves with either asset, and the rest. No difference is taken."""
    moving = dict.fromkeys(assets, ZERO)
    rest = ZERO
    with localcontext(CONTEXT):
        for line in base.lines:
            if line.side is not side or line.counted_usd is None:
                continue
            if line.asset in moving:
                moving[line.asset] += line.counted_usd
            else:
                rest += line.counted_usd
    first, second = (float(moving[asset]) for asset in assets)
    return first, second, float(rest)
