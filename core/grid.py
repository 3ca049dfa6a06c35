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


def grid(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    policy: Policy,
    asset_a: str,
    asset_b: str,
    shocks_a: Sequence[Number],
    shocks_b: Sequence[Number] | None = None,
) -> Grid:
    """Scores and statuses for signed price moves (-0.2: 20 percent down); `shocks_b` as `shocks_a`.

    Float64, with every cell near a threshold judged by the exact assessment of the shocked prices:
    the statuses are the exact ones. Raises FieldError for a shock of -1 or less and for one asset
    named twice.
    """
    a, b = symbol_of(asset_a, "asset_a"), symbol_of(asset_b, "asset_b")
    if a == b:
        raise FieldError("asset_b", "must be another asset than asset_a")
    moves_a = _fractions(shocks_a, "shocks_a")
    moves_b = moves_a if shocks_b is None else _fractions(shocks_b, "shocks_b")
    base = assess(portfolio, prices, policy)
    shape = len(moves_a), len(moves_b)
    score, status = np.full(shape, np.nan), np.full(shape, CODE[base.status], np.int8)
    if base.score is not None:
        factors = _factors(moves_a)[:, None], _factors(moves_b)[None, :]
        collateral = _values(base, Side.COLLATERAL, (a, b), factors)
        borrow = _values(base, Side.BORROW, (a, b), factors)
        bands = Bands.of(policy)
        for cell in bands.decide(collateral, borrow, score, status):
            i, j = divmod(int(cell), len(moves_b))
            case = Shock(b, moves_b[j]).on(Shock(a, moves_a[i]).on((portfolio, prices)))
            exact = assess(*case, policy)
            code = CODE[exact.status]
            status[i, j] = code
            score[i, j] = np.nan if exact.score is None else bands.settle(code, exact.score)
    freeze(score, status)
    return Grid(a, b, moves_a, moves_b, score, status)


def _fractions(shocks: Iterable[Number], field: str) -> tuple[Decimal, ...]:
    return tuple(fraction_of(shock, f"{field}.{i}") for i, shock in enumerate(shocks))


def _factors(moves: Iterable[Decimal]) -> Floats:
    with localcontext(CONTEXT):
        return np.array([float(ONE + move) for move in moves])


def _values(
    base: Assessment, side: Side, assets: tuple[str, str], factors: tuple[Floats, Floats]
) -> Floats:
    """C or B in every cell: what moves with either asset, and the rest. No difference is taken."""
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
    cells: Floats = (float(rest) + first * factors[0]) + second * factors[1]
    return cells
