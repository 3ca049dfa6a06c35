"""A simulated market: correlated, fat-tailed, with clustered volatility; calm or crashing.

Each log price is an anchor (the first price, bent by the regime's path) plus a mean-reverting noise
that shares one factor across assets. The shape follows Cont, "Empirical properties of asset
returns: stylized facts and statistical issues", Quantitative Finance 1 (2001).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np

YEAR_S = 365.0 * 86_400
FACTOR_VOLATILITY = 0.65  # a year, of the shared factor in calm
TAIL = 4.0  # degrees of freedom of Student's t
CLUSTER_S = 900.0  # how long a quiet or a nervous spell lasts
CLUSTER_SPREAD = 0.5  # standard deviation of the log volatility
REVERSION_S = 6 * 3_600.0  # noise of floating assets fades this slowly
PEG_REVERSION_S = 60.0
CRASH_NERVES = 4.0  # volatility in the crash over calm
# The crash as (seconds since its start, share of each asset's full fall reached by then).
CRASH_PATH: tuple[tuple[float, float], ...] = (
    (0, 0.0),
    (6, 0.0),
    (30, 0.28),
    (42, 0.24),
    (70, 0.72),
    (78, 0.68),
    (96, 1.0),
    (125, 0.80),
    (150, 0.88),
    (240, 0.55),
    (420, 0.60),
)


class Regime(StrEnum):
    """What kind of market it is."""

    CALM = "calm"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Listing:
    """One simulated asset: first price in USD, decimals quoted, and how it moves.

    `beta` is the share of the common factor, `own` the yearly volatility of its own noise, `fall`
    the log return from the first price to the bottom of the crash.
    """

    asset: str
    price: Decimal
    decimals: int
    beta: float
    own: float
    fall: float
    pegged: bool = False


LISTINGS = (
    Listing("BTC", Decimal("64250.00"), 2, 1.0, 0.15, -0.31),
    Listing("ETH", Decimal("3180.00"), 2, 1.2, 0.25, -0.38),
    Listing("SOL", Decimal("152.400"), 3, 1.5, 0.45, -0.47),
    Listing("LINK", Decimal("14.2500"), 4, 1.3, 0.45, -0.43),
    Listing("AVAX", Decimal("27.8000"), 4, 1.4, 0.45, -0.46),
    Listing("AAVE", Decimal("96.500"), 3, 1.3, 0.50, -0.44),
    Listing("UNI", Decimal("7.8500"), 4, 1.3, 0.45, -0.44),
    Listing("DOGE", Decimal("0.124500"), 6, 1.4, 0.60, -0.48),
    Listing("USDC", Decimal("1.000000"), 6, 0.0, 0.02, -0.0006, pegged=True),
    Listing("USDT", Decimal("1.000000"), 6, 0.0, 0.03, -0.0021, pegged=True),
)


@dataclass(frozen=True, slots=True)
class MarketState:
    """Where the market stands: all that `SimulatedMarket` needs to go on as if never stopped.

    `step` counts prices made, `elapsed_s` is seconds into the regime, `noise` the log distance of
    each asset from its anchor, `nerves` the log of the present volatility over the usual one.
    """

    step: int = 0
    elapsed_s: float = 0.0
    noise: Mapping[str, float] | None = None
    nerves: float = 0.0

    def restarted(self) -> "MarketState":
        """The same prices, at the beginning of a regime."""
        return MarketState(self.step, 0.0, self.noise, self.nerves)


class SimulatedMarket:
    """Prices one step after another; equal seeds, states and steps give equal prices."""

    def __init__(
        self,
        seed: int,
        regime: Regime = Regime.CALM,
        state: MarketState | None = None,
        listings: tuple[Listing, ...] = LISTINGS,
    ) -> None:
        self.listings = listings
        self._seed = seed
        self._regime = regime
        self.state = state or MarketState()

    def next(self, dt: float) -> dict[str, Decimal]:
        """The prices in USD `dt` seconds (> 0) after the last ones."""
        state = self.state
        rng = np.random.default_rng([self._seed, state.step])
        nerves = _fade(state.nerves, dt, CLUSTER_S, CLUSTER_SPREAD, float(rng.standard_normal()))
        scale = math.exp(nerves - CLUSTER_SPREAD**2) * math.sqrt(dt / YEAR_S)
        if self._regime is Regime.CRASH:
            scale *= CRASH_NERVES
        # Student's t, scaled to unit variance: the factor first, then each asset's own
        shocks = rng.standard_t(TAIL, 1 + len(self.listings)) / math.sqrt(TAIL / (TAIL - 2))
        factor = FACTOR_VOLATILITY * float(shocks[0])
        before = state.noise or {}
        noise = {
            one.asset: _revert(before.get(one.asset, 0.0), dt, one)
            + scale * (one.beta * factor + one.own * float(own))
            for one, own in zip(self.listings, shocks[1:], strict=True)
        }
        self.state = MarketState(state.step + 1, state.elapsed_s + dt, noise, nerves)
        return {one.asset: self._quote(one) for one in self.listings}

    def _quote(self, one: Listing) -> Decimal:
        """The price on the asset's own tick, never below one tick."""
        noise = (self.state.noise or {})[one.asset]
        path = 0.0
        if self._regime is Regime.CRASH:
            path = one.fall * crash_share(self.state.elapsed_s)
        tick = Decimal(1).scaleb(-one.decimals)
        price = float(one.price) * math.exp(noise + path)
        return max(Decimal(repr(price)).quantize(tick), tick)


def crash_share(elapsed_s: float) -> float:
    """The share, 0..1, of the full fall reached `elapsed_s` seconds into a crash."""
    times, shares = zip(*CRASH_PATH, strict=True)
    return float(np.interp(elapsed_s, times, shares))


def _revert(noise: float, dt: float, one: Listing) -> float:
    return noise * math.exp(-dt / (PEG_REVERSION_S if one.pegged else REVERSION_S))


def _fade(value: float, dt: float, period: float, spread: float, shock: float) -> float:
    """One step of a mean-reverting process whose standing deviation is `spread`."""
    keep = math.exp(-dt / period)
    return value * keep + spread * math.sqrt(1 - keep * keep) * shock
