"""Prices and accounts for the tests of core, in mental-arithmetic numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import localcontext

from core.exact import CONTEXT, Number, decimal_of
from core.margin import Assessment, assess
from core.policy import Policy
from core.portfolio import Portfolio, PricePoint, PriceSnapshot

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLICY = Policy()


def snapshot(
    prices: Mapping[str, Number],
    *,
    unusable: Mapping[str, str] | None = None,
    as_of: datetime = NOON,
    snapshot_id: str = "s1",
) -> PriceSnapshot:
    """A snapshot of prices all seen at `as_of`."""
    points = {
        asset: PricePoint(asset, decimal_of(price, asset), as_of, f"tick-{asset}")
        for asset, price in prices.items()
    }
    return PriceSnapshot(snapshot_id, as_of, points, unusable or {})


def scored(score: Number, user_id: str = "ann", as_of: datetime = NOON) -> Assessment:
    """The assessment of an account that owes 100 USDC and has exactly this score."""
    with localcontext(CONTEXT):
        held = 100 + decimal_of(score, "score")
    account = Portfolio.of(user_id, {"USDT": held}, {"USDC": 100})
    return assess(account, snapshot({"USDT": 1, "USDC": 1}, as_of=as_of), POLICY)
