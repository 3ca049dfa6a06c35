"""From live prices to what a score may rest on: the same rule for every worker that scores."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from consumers.stores.values import AssetPrice
from core.portfolio import PricePoint, PriceSnapshot
from core.staleness import Freshness, judge
from core.wording import ages


def freshness_of(
    assets: Iterable[str], prices: Mapping[str, AssetPrice], market_now: datetime
) -> dict[str, Freshness]:
    """How fresh each asset's price is at `market_now`, against its own limits."""
    found = {}
    for asset in assets:
        held = prices.get(asset)
        if held is None:
            found[asset] = Freshness.NEVER
        else:
            found[asset] = judge(market_now - held.as_of, held.limits)
    return found


def snapshot_of(
    assets: Iterable[str], prices: Mapping[str, AssetPrice], market_now: datetime
) -> tuple[PriceSnapshot, dict[str, Freshness]]:
    """One consistent set of prices for `assets`; STALE, DEAD and NEVER ones are unusable."""
    freshness = freshness_of(assets, prices, market_now)
    unusable = {}
    for asset, fresh in freshness.items():
        if fresh is Freshness.NEVER:
            unusable[asset] = "no price yet"
        elif fresh in (Freshness.STALE, Freshness.DEAD):
            unusable[asset] = f"{ages(market_now - prices[asset].as_of)} old"
    points = {
        asset: PricePoint(asset, held.price, held.as_of, held.tick_id)
        for asset, held in prices.items()
    }
    newest = max((p.as_of for p in points.values()), default=market_now)
    name = f"s-{int(newest.timestamp() * 1000):x}"
    return PriceSnapshot(name, newest, points, unusable), freshness
