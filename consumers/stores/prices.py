"""Live prices: which one counts, what is odd about it, and when a round is complete.

The same messages leave the same prices, history, market and counts, whatever the order they come
in. The flags and the rounds handed to the scorer tell of their coming, so these follow its order.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from consumers.stores.base import Versions
from consumers.stores.history import PriceHistory
from consumers.stores.market import MarketClock, RoundCount
from consumers.stores.values import (
    AssetPrice,
    Flag,
    Market,
    PricesSnapshot,
    Received,
    StaleAfter,
    supersedes,
)
from consumers.wire import PriceTick

JUMP = 0.20  # a single tick that moves the price by more than this fraction is flagged
UNCHANGED = 30  # ticks in a row with the same price that are flagged; pegged assets are exempt
MAX_ASSETS = 256
MAX_FLAGS = 200
MAX_ROUNDS = 512


@dataclass(frozen=True, slots=True)
class Round:
    """A consistent set of prices: what one round of the oracle left."""

    assets: MappingProxyType[str, AssetPrice]
    market: Market
    complete: bool


class PriceStore:
    """The newest good price of every asset. The lock guards all that begins with an underscore.

    Kept are the book's assets and 256 others, those without a price for longest forgotten first, of
    each its newest 4,000 points and one of each of 3,000 minutes, 200 flags, and 512 rounds that
    nobody has taken yet.
    """

    def __init__(
        self,
        versions: Versions,
        cadence: timedelta,
        stale_after: StaleAfter = lambda _asset: None,
        held: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """`cadence` is expected where a message names none; `stale_after` asks a policy.

        `held`: assets that are never forgotten, the book's; asked once too many have come.
        """
        self._versions = versions
        self._cadence = cadence
        self._stale_after = stale_after
        self._held = held
        self._lock = threading.Lock()
        self._assets: dict[str, AssetPrice] = {}
        self._history: dict[str, PriceHistory] = {}
        self._flags: deque[Flag] = deque(maxlen=MAX_FLAGS)
        self._clock = MarketClock()
        self._round: int | None = None
        self._round_seen = 0
        self._rounds = RoundCount()
        self._closed: deque[Round] = deque(maxlen=MAX_ROUNDS)
        self._messages = 0
        self._historical = 0
        self._version = 0
        self._snapshot: PricesSnapshot | None = None

    def apply(self, tick: PriceTick, received: Received) -> None:
        """Take in one decoded price message that was not seen before."""
        self.apply_all(((tick, received),))

    def apply_all(self, ticks: Iterable[tuple[PriceTick, Received]]) -> None:
        """Take in several, in order; if one raises, those before it are in."""
        with self._lock:
            self._snapshot = None
            try:
                for tick, received in ticks:
                    self._messages += 1
                    if tick.historical:
                        self._historical += 1
                    else:
                        self._take(tick, received)
            finally:
                self._version = self._versions.bump()

    def remember(self, tick: PriceTick, received: Received) -> None:
        """Take a price of the past into the history alone."""
        if not tick.historical:
            with self._lock:
                as_of = tick.replayed_from or min(tick.timestamp, received.publish_time)
                self._record(tick.asset, as_of, tick.price)

    def _take(self, tick: PriceTick, received: Received) -> None:
        number, replayed_from = tick.round, tick.replayed_from
        if number is not None and (self._round is None or number > self._round):
            self._begin_round(number)
        # a producer's clock that runs ahead must not lock out the prices that follow
        as_of = replayed_from or min(tick.timestamp, received.publish_time)
        self._price(tick, received, as_of, replayed=replayed_from is not None)
        self._clock.hear(tick, number, replayed_from, received)
        if number is None:
            self._close(complete=True, counted=False)
        else:
            self._count_in(number, tick.round_size)

    def _begin_round(self, number: int) -> None:
        """A newer round closes the one before it, complete or not."""
        if self._round is not None and self._round_seen:
            self._close(complete=False)
        self._round, self._round_seen = number, 0

    def _price(
        self, tick: PriceTick, received: Received, as_of: datetime, *, replayed: bool
    ) -> None:
        asset = tick.asset
        old = self._assets.get(asset)
        history = self._record(asset, as_of, tick.price)
        if asset not in self._history:
            return  # older than all that is kept
        ticks = 1 if old is None else old.ticks + 1
        cadence_s = tick.cadence_s
        new = AssetPrice(
            asset,
            tick.price,
            as_of,
            tick.timestamp,
            tick.source,
            received,
            _cadence(cadence_s) if cadence_s else self._cadence,
            ticks,
            history.unchanged,
            None if replayed else self._stale_after(asset),
        )
        if old is None or supersedes(new, old):  # as the risk engine's board decides it
            self._judge(tick, old, new)
            self._assets[asset] = new
            return
        if as_of < old.as_of:
            back = (old.as_of - as_of).total_seconds()
            self._flag(received, asset, f"time went back {back:.0f} s", "history only")
        same = not supersedes(old, new)  # said twice: the one published first is the tick
        kept = new if same and _sent(received) < _sent(old.received) else old
        self._assets[asset] = replace(kept, ticks=ticks, unchanged=history.unchanged)

    def _record(self, asset: str, as_of: datetime, price: Decimal) -> PriceHistory:
        known = self._history.get(asset)
        history = known or self._history.setdefault(asset, PriceHistory())
        history.add(int(as_of.timestamp() * 1000), float(price))
        if (
            known is None and len(self._history) > MAX_ASSETS
        ):  # only then are there more than before
            self._trim()
        return history

    def _trim(self) -> None:
        others = self._history.keys() - set(self._held())
        if len(others) > MAX_ASSETS:
            oldest = min(others, key=lambda name: (self._history[name].newest, name))
            del self._history[oldest]
            self._assets.pop(oldest, None)

    def _judge(self, tick: PriceTick, old: AssetPrice | None, new: AssetPrice) -> None:
        for note in tick.notes:
            self._flag(new.received, new.asset, note, "read all the same")
        if old is None:
            return
        price = float(new.price)
        move = price / float(old.price) - 1
        if abs(move) > JUMP:
            self._flag(new.received, new.asset, f"moved {move * 100:+.1f} % in one tick", "taken")
        pegged = abs(price - 1) < 0.02
        if new.unchanged == UNCHANGED and not pegged:
            self._flag(new.received, new.asset, f"unchanged for {UNCHANGED} ticks", "taken")

    def _flag(self, received: Received, asset: str, what: str, kept: str) -> None:
        self._flags.appendleft(Flag(received.received_at, asset, what, kept))

    def _count_in(self, number: int, size: int | None) -> None:
        self._rounds.add(number, size)
        if self._round is not None and number < self._round:
            return  # a straggler: its round was closed without it
        self._round_seen += 1
        if size is not None and self._round_seen >= size:
            self._close(complete=True)
            self._round_seen = 0

    def _close(self, *, complete: bool, counted: bool = True) -> None:
        if not counted and self._closed and not self._closed[-1].complete:
            self._closed.pop()
        prices = MappingProxyType(dict(self._assets))
        self._closed.append(Round(prices, self._clock.market, complete))

    def take_rounds(self) -> list[Round]:
        """The rounds closed since the last call, oldest first."""
        with self._lock:
            rounds = list(self._closed)
            self._closed.clear()
            return rounds

    def latest(self) -> Round:
        """The newest prices, whatever the state of their round."""
        with self._lock:
            return Round(MappingProxyType(dict(self._assets)), self._clock.market, complete=False)

    def history(self, asset: str, window: timedelta) -> tuple[tuple[int, float], ...]:
        """(epoch ms in market time, USD), oldest first."""
        with self._lock:
            held = self._history.get(asset)
            return () if held is None else held.window(window)

    def snapshot(self) -> PricesSnapshot:
        """All of it, immutable."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = PricesSnapshot(
                    self._version,
                    MappingProxyType(dict(self._assets)),
                    self._clock.market,
                    self._rounds.complete,
                    self._messages,
                    self._historical,
                    tuple(self._flags),
                )
            return self._snapshot


def _sent(received: Received) -> tuple[datetime, str]:
    return received.publish_time, received.message_id


@lru_cache(256)
def _cadence(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
