"""Which clock the market runs on, whatever the order in which its messages come."""

from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from consumers.stores.values import Market, Received
from consumers.wire import PriceTick

ROUNDS = 512


@dataclass(slots=True)
class _Told:
    """What one message said about the market's time; the greatest `order` counts. Never changed."""

    order: tuple[object, ...]
    published: datetime
    market: Market


class MarketClock:
    """The newest round's time, or a foreign oracle's, whichever was published later.

    Not thread-safe: its store's lock guards it.
    """

    def __init__(self) -> None:
        self._round: _Told | None = None
        self._foreign: _Told | None = None
        self.market = Market()

    def hear(
        self,
        tick: PriceTick,
        number: int | None,
        replayed: datetime | None,
        received: Received,
    ) -> None:
        """Take in what a message says about the time, of which round it is and `replayed` from
        when.
        """
        seen = received.received_at
        if number is None:
            order: tuple[object, ...] = (tick.timestamp, seen)
            if self._foreign is not None and order <= self._foreign.order:
                return
            market = Market(False, 1.0, tick.timestamp, seen)
            self._foreign = _Told(order, received.publish_time, market)
        else:
            order = (number, replayed or tick.timestamp, seen)
            if self._round is not None and order <= self._round.order:
                return
            if replayed is None:
                market = Market(False, 1.0, tick.timestamp, seen)
            else:
                market = Market(True, tick.speed or 1.0, replayed, seen, tick.last)
            self._round = _Told(order, received.publish_time, market)
        self.market = self._later()

    def _later(self) -> Market:
        rounds, foreign = self._round, self._foreign
        if rounds is None or foreign is None:
            told = rounds or foreign
            return Market() if told is None else told.market
        return (foreign if foreign.published > rounds.published else rounds).market


class RoundCount:
    """Counts the rounds of which every message came, in any order.

    Remembers the newest 512; what comes for an older one than those changes nothing.
    """

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._order: list[int] = []  # a heap of the rounds in `_seen`
        self._floor = -1
        self.complete = 0

    def add(self, number: int, size: int | None) -> None:
        """One message of a round of `size` messages came."""
        if number <= self._floor:
            return
        count = self._seen.get(number, 0) + 1
        self._seen[number] = count
        if count == size:
            self.complete += 1
        if count == 1:
            heappush(self._order, number)
            if len(self._order) > ROUNDS:
                self._floor = heappop(self._order)
                del self._seen[self._floor]
