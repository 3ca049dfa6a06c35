"""The simulated market looks like one, is repeatable, and crashes when told to."""

from decimal import Decimal

import numpy as np

from embedded.market import LISTINGS, MarketState, Regime, SimulatedMarket, crash_share

MAJORS = ("BTC", "ETH", "SOL", "LINK", "AVAX", "AAVE")


def _path(regime: Regime, steps: int, dt: float = 2.0) -> dict[str, list[Decimal]]:
    market = SimulatedMarket(7, regime)
    rounds = [market.next(dt) for _ in range(steps)]
    return {one.asset: [prices[one.asset] for prices in rounds] for one in LISTINGS}


def _returns(prices: list[Decimal]) -> np.ndarray:
    return np.diff(np.log([float(price) for price in prices]))


def test_equal_seeds_give_equal_prices() -> None:
    assert _path(Regime.CALM, 20) == _path(Regime.CALM, 20)


def test_a_resumed_market_goes_on_as_if_never_stopped() -> None:
    whole = SimulatedMarket(7, Regime.CRASH)
    expected = [whole.next(2.0) for _ in range(10)]
    first = SimulatedMarket(7, Regime.CRASH)
    begun = [first.next(2.0) for _ in range(4)]
    second = SimulatedMarket(7, Regime.CRASH, first.state)
    assert begun + [second.next(2.0) for _ in range(6)] == expected


def test_prices_stand_on_their_own_tick_and_above_zero() -> None:
    for one in LISTINGS:
        for price in _path(Regime.CRASH, 60)[one.asset]:
            assert price > 0
            assert price.as_tuple().exponent == -one.decimals


def test_assets_move_together_with_fat_tails_in_clusters() -> None:
    calm = _path(Regime.CALM, 4_000)
    bitcoin, ether = _returns(calm["BTC"]), _returns(calm["ETH"])
    assert np.corrcoef(bitcoin, ether)[0, 1] > 0.7
    assert (bitcoin**4).mean() / bitcoin.var() ** 2 > 5  # a normal distribution has 3
    nerves = np.abs(bitcoin)
    assert np.corrcoef(nerves[:-1], nerves[1:])[0, 1] > 0.05


def test_a_calm_market_stays_near_its_first_prices_and_pegs_near_one() -> None:
    calm = _path(Regime.CALM, 1_800)  # an hour
    for one in LISTINGS:
        ratio = float(calm[one.asset][-1] / one.price)
        assert abs(ratio - 1) < (0.002 if one.pegged else 0.1)


def test_a_crash_takes_the_majors_down_a_quarter_to_two_fifths_within_100_seconds() -> None:
    crash = _path(Regime.CRASH, 50)
    for asset in MAJORS:
        first = next(one.price for one in LISTINGS if one.asset == asset)
        fall = float(min(crash[asset]) / first) - 1
        assert -0.42 < fall < -0.22, asset


def test_after_the_bottom_a_part_is_recovered() -> None:
    assert crash_share(0) == 0
    assert crash_share(96) == 1
    assert 0.5 < crash_share(300) < 0.7


def test_a_new_run_keeps_prices_and_begins_the_crash_anew() -> None:
    state = MarketState(step=60, elapsed_s=120.0, noise={"BTC": 0.1}, nerves=0.2)
    assert state.restarted() == MarketState(60, 0.0, {"BTC": 0.1}, 0.2)
