"""Where the oracle's rounds come from: the simulated market, or a file played at a speed."""

from collections.abc import Iterator
from dataclasses import asdict

import orjson

from consumers.oracle import PriceRound, Quote
from embedded.market import MarketState, Regime, SimulatedMarket
from embedded.replay import Replay

SIMULATED = "simulated"


class SimulatedSource:
    """A round every `interval_s` wall seconds, endless.

    `reached` is what this source recorded last. With `resume` the market goes on as if it had not
    stopped; without it the regime (a crash) begins anew from where prices stand.
    """

    def __init__(
        self,
        *,
        seed: int,
        regime: Regime,
        interval_s: float,
        reached: str | None = None,
        resume: bool = False,
    ) -> None:
        state = _state(reached, regime, resume=resume)
        self._market = SimulatedMarket(seed, regime, state)
        self._regime = regime
        self._interval_s = interval_s

    def rounds(self) -> Iterator[PriceRound]:
        """The first at once, then on the interval."""
        due_s = 0.0
        while True:
            prices = self._market.next(self._interval_s)
            yield PriceRound(
                number=self._market.state.step,
                quotes=tuple(
                    Quote(asset, price, SIMULATED, self._interval_s)
                    for asset, price in prices.items()
                ),
                due_s=due_s,
                reached=self._reached(),
            )
            due_s += self._interval_s

    def _reached(self) -> str:
        return orjson.dumps({**asdict(self._market.state), "regime": self._regime}).decode()


def _state(reached: str | None, regime: Regime, *, resume: bool) -> MarketState:
    if reached is None or not reached.startswith("{"):
        return MarketState()
    kept = orjson.loads(reached)
    same = kept.pop("regime") == regime
    state = MarketState(**kept)
    return state if same and resume else state.restarted()


class ReplaySource:
    """A file's rounds at `speed` market seconds a wall second, after round `reached` if any.

    Due times are absolute, (t_k - t_0) / speed after the start: no delay adds up.
    """

    def __init__(self, replay: Replay, speed: float, reached: str | None = None) -> None:
        self._replay = replay
        self._speed = speed
        self._done = int(reached) if reached is not None and reached.isdecimal() else 0

    def rounds(self) -> Iterator[PriceRound]:
        """The rest of the file."""
        rounds = self._replay.rounds[self._done :]
        for offset, one in enumerate(rounds):
            number = self._done + offset + 1
            yield PriceRound(
                number=number,
                quotes=tuple(
                    Quote(
                        price.asset,
                        price.price,
                        price.source,
                        self._replay.cadence[price.asset].total_seconds(),
                        price.from_file,
                    )
                    for price in one.prices
                ),
                due_s=(one.at - rounds[0].at).total_seconds() / self._speed,
                reached=str(number),
                replayed_from=one.at,
                speed=self._speed,
                last=number == len(self._replay.rounds),
            )
