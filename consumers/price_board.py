"""The prices a worker scores on: the newest of each asset, never moved by what is late or old."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from consumers.rounds import PriceMessage
from consumers.stores.prices import MAX_ASSETS
from consumers.stores.values import AssetPrice, Received, StaleAfter, supersedes


class PriceBoard:
    """Current prices and the market's clock. One thread's own.

    `market_time` is None in a live market; in a replay it is the newest original time seen.
    `stale_after` asks a policy: of the live market alone, a replay has its file's cadence.
    """

    def __init__(
        self,
        cadence: timedelta,
        prices: Mapping[str, AssetPrice] | None = None,
        market_time: datetime | None = None,
        stale_after: StaleAfter = lambda _asset: None,
    ) -> None:
        self._cadence = cadence
        self._stale_after = stale_after
        live = market_time is None
        self.prices: dict[str, AssetPrice] = {
            asset: replace(held, stale_after=stale_after(asset) if live else None)
            for asset, held in (prices or {}).items()
        }
        self.market_time = market_time

    def take(self, message: PriceMessage) -> bool:
        """Whether the message moved the price: it does not if historical, a duplicate or older."""
        tick, incoming = message.tick, message.incoming
        if tick.historical:
            return False
        replayed = tick.replayed_from
        # a producer's clock that runs ahead must not lock out the prices that follow
        as_of = replayed or min(tick.timestamp, incoming.publish_time)
        old = self.prices.get(tick.asset)
        new = AssetPrice(
            asset=tick.asset,
            price=tick.price,
            as_of=as_of,
            timestamp=tick.timestamp,
            source=tick.source,
            received=Received(incoming.message_id, incoming.publish_time, incoming.received_at),
            cadence=timedelta(seconds=tick.cadence_s) if tick.cadence_s else self._cadence,
            ticks=1 if old is None else old.ticks + 1,
            stale_after=None if replayed else self._stale_after(tick.asset),
        )
        if old is not None and not supersedes(new, old):
            return False
        if replayed is None:
            self.market_time = None
        else:
            self.market_time = max(replayed, self.market_time or replayed)
        self.prices[tick.asset] = new
        return True

    def trim(self, held: Collection[str]) -> tuple[str, ...]:
        """Forget, of all but the assets `held`, those beyond 256 that spoke longest ago; which."""
        if len(self.prices) <= MAX_ASSETS:
            return ()
        others = self.prices.keys() - set(held)
        if len(others) <= MAX_ASSETS:
            return ()
        oldest = sorted(others, key=lambda asset: (self.prices[asset].as_of, asset))
        gone = tuple(oldest[:-MAX_ASSETS])
        for asset in gone:
            del self.prices[asset]
        return gone

    def moment(self, wall: datetime) -> datetime:
        """The market's time at wall time `wall`; a replay stands at its newest round."""
        return self.market_time or wall
