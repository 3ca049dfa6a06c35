"""On whom and on what a book rests, and how much of it liquidations could reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from core.bands import Floats
from core.errors import FieldError
from core.exact import Number
from core.valuation import Valuation
from core.value_at_risk import Tail, confidence_of


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the whole: USD and percent; `name` is None for all the others together."""

    name: str | None
    usd: float
    percent: float


@dataclass(frozen=True, slots=True)
class Concentration:
    """Counted collateral by account and by asset, largest first, `count` of each and the others.

    Each list adds up to 100 percent of `total_usd`, unless that is zero. What lacks a price is in
    neither: `unpriced` names the assets that somebody holds as collateral. `effective_accounts` is
    the inverse of the sum of squared shares: as many equal accounts would be as concentrated.
    """

    total_usd: float
    accounts: tuple[Share, ...]
    assets: tuple[Share, ...]
    effective_accounts: float
    unpriced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiquidationsAtRisk:
    """What is in LIQUIDATION after the fall that only a share 1 - confidence of falls exceeds.

    `fall` is a fraction of all collateral prices; USD at present prices, unweighted by chance.
    `rank` of `count` falls from the worst was taken, k = ceil(n*(1-c)) in exact arithmetic.
    """

    confidence: Decimal
    fall: float
    collateral_usd: float
    borrow_usd: float
    accounts: int
    rank: int
    count: int


def concentration(valuation: Valuation, count: int = 10) -> Concentration:
    """The largest accounts and assets of a book. Only accounts whose collateral has a price."""
    book = valuation.book
    worth = np.where(np.isnan(valuation.collateral), 0.0, valuation.collateral)
    total = float(worth.sum())
    vector = book.price_vector(valuation.prices)[:-1]
    priced = np.flatnonzero(~np.isnan(valuation.collateral))
    held = book.collateral
    if len(priced) < len(book):
        held = held.take(priced)
    units = held.units(len(book.assets))
    by_asset = np.where(units > 0, units * np.nan_to_num(vector), 0.0)
    everywhere = book.collateral.units(len(book.assets))
    squares = float(np.square(worth / total).sum()) if total else 0.0
    return Concentration(
        total_usd=total,
        accounts=_shares(worth, book.users, count),
        assets=_shares(by_asset, book.assets, count),
        effective_accounts=1.0 / squares if squares else 0.0,
        unpriced=tuple(
            asset
            for asset, price, amount in zip(book.assets, vector, everywhere, strict=True)
            if np.isnan(price) and amount > 0
        ),
    )


def liquidations_at_risk(
    valuation: Valuation, falls: Sequence[float] | Floats, confidence: Number
) -> LiquidationsAtRisk:
    """How much a book could lose to liquidation, at a confidence, given falls of the market.

    `falls` are fractions (0.2: all collateral falls by 20 percent; negative for a rise), such as
    those of past days. Since what is in LIQUIDATION only grows with the fall, the k-th worst fall
    gives the k-th worst outcome. UNKNOWN accounts are not in it.
    """
    moves = np.asarray(falls, float)
    level = confidence_of(confidence)
    tail = Tail.of(len(moves), level)
    if not np.isfinite(moves).all() or (moves > 1).any():
        raise FieldError("falls", "must be finite fractions of at most 1")
    place = len(moves) - tail.rank
    fall = float(np.partition(moves, place)[place])
    fallen = valuation.fallen_after(fall)
    return LiquidationsAtRisk(
        confidence=level,
        fall=fall,
        collateral_usd=float(valuation.collateral[fallen].sum()),
        borrow_usd=float(valuation.borrow[fallen].sum()),
        accounts=len(fallen),
        rank=tail.rank,
        count=len(moves),
    )


def _shares(usd: Floats, names: Sequence[str], count: int) -> tuple[Share, ...]:
    total = float(usd.sum())
    if not total:
        return ()
    order = np.argsort(-usd, kind="stable")[:count]
    order = order[usd[order] > 0]
    shares = [Share(names[i], float(usd[i]), float(usd[i]) / total * 100) for i in order]
    rest = np.ones(len(usd), np.bool_)
    rest[order] = False
    if usd[rest].any():
        others = float(usd[rest].sum())
        shares.append(Share(None, others, others / total * 100))
    return tuple(shares)
