"""What time may do: the chance of a touch, interest, and prices that went on unseen."""

import csv
from decimal import Decimal
from math import exp, isclose, log, sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FieldError
from core.margin import assess
from core.policy import Status
from core.portfolio import Portfolio
from core.probability import (
    flip_band,
    hit_probability,
    move_within,
    ratio_volatility,
    threshold_probability,
    years_to_threshold,
)
from tests.core.samples import POLICY, scored, snapshot
from tests.support import shared

T15, T0 = Decimal(15), Decimal(0)


def test_touches_of_published_barriers_are_found() -> None:
    with shared("vectors/hit_probability.csv").open() as file:
        for row in csv.DictReader(file):
            vol = float(row["vol"])
            found = hit_probability(
                float(row["spot"]),
                float(row["barrier_down"]),
                float(row["r"]) - float(row["q"]) - vol * vol / 2,
                vol,
                float(row["days_act360"]) / 360,
            )
            assert abs(found - float(row["quantlib_prob"])) <= 1e-12
            if row["published_prob"]:
                assert abs(found - float(row["published_prob"])) < 1e-5


def test_without_drift_a_touch_is_twice_as_likely_as_the_end_below() -> None:
    # the reflection principle itself
    end_below = NormalDist().cdf(log(0.8) / 0.5)
    assert hit_probability(100, 80, 0, 0.5, 1) == pytest.approx(2 * end_below, abs=1e-15)


def test_a_barrier_at_or_above_the_spot_is_touched() -> None:
    assert hit_probability(100, 100, 0.1, 0.2, 1) == 1
    assert hit_probability(100, 101, 0.1, 0.2, 0) == 1


def test_no_time_or_no_chance_leaves_only_the_drift() -> None:
    assert hit_probability(100, 90, -9, 0.5, 0) == 0
    assert hit_probability(100, 90, -0.2, 0, 1) == 1
    assert hit_probability(100, 90, -0.05, 0, 1) == 0


def test_given_for_ever_a_rising_price_may_never_touch() -> None:
    # exp(2mb/s^2) = (barrier/spot)^(2m/s^2) = 0.5^2
    assert hit_probability(100, 50, 0.04, 0.2, 1e9) == pytest.approx(0.25, abs=1e-12)
    assert hit_probability(100, 50, -0.04, 0.2, 1e9) == 1


def test_an_exponent_that_overflows_alone_does_not_overflow() -> None:
    # 2mb/s^2 is about 9,000; far below, the drift takes it there for sure
    assert hit_probability(100, 1, -10, 0.1, 1) == 1
    assert 0 < hit_probability(100, 40, -0.5, 0.02, 1.8) < 1
    assert hit_probability(100, 1, 10, 0.1, 1) == 0


@pytest.mark.parametrize(
    ("numbers", "field"),
    [
        ((0, 1, 0, 1, 1), "spot"),
        ((1, float("nan"), 0, 1, 1), "barrier"),
        ((1, 0.5, float("inf"), 1, 1), "drift"),
        ((1, 0.5, 0, -1, 1), "vol"),
        ((1, 0.5, 0, 1, -1), "years"),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_name(numbers: tuple, field: str) -> None:
    with pytest.raises(FieldError) as refused:
        hit_probability(*numbers)
    assert refused.value.field == field


positive = st.floats(0.01, 3)


@given(st.floats(1, 99.9), st.floats(-3, 3), positive, positive, positive)
def test_more_time_and_a_nearer_barrier_make_a_touch_likelier(
    barrier: float, drift: float, vol: float, years: float, more: float
) -> None:
    found = hit_probability(100, barrier, drift, vol, years)
    assert 0 <= found <= 1
    assert hit_probability(100, barrier, drift, vol, years + more) >= found - 1e-12
    assert hit_probability(100, min(100, barrier * (1 + more)), drift, vol, years) >= found - 1e-12


def test_an_account_touches_a_threshold_when_its_ratio_does() -> None:
    # C/B = 1.5 falls to 1.15
    found = threshold_probability(scored(50), T15, drift=0.1, vol=0.8, years=0.5)
    assert found == pytest.approx(hit_probability(150, 115, 0.1, 0.8, 0.5), abs=1e-15)
    assert threshold_probability(scored(15), T15, drift=0.1, vol=0.8, years=0.5) == 1


def test_a_debt_of_the_same_asset_takes_its_swing_out_of_the_ratio() -> None:
    prices = snapshot({"ETH": 1, "USDC": 1})
    covariance = {"ETH": {"ETH": 0.25}}

    def swing(collateral: dict, borrow: dict) -> float | None:
        return ratio_volatility(
            assess(Portfolio.of("ann", collateral, borrow), prices, POLICY), covariance
        )

    assert swing({"ETH": 2}, {"USDC": 1}) == 0.5
    assert swing({"ETH": 2}, {"ETH": 1}) == 0
    assert swing({"ETH": 1, "USDC": 1}, {"USDC": 1}) == 0.25
    assert swing({"ETH": 1}, {}) is None


def test_interest_takes_the_ratio_down_by_the_difference_of_the_rates() -> None:
    years = years_to_threshold(
        scored(50), T0, borrow_rate=Decimal("0.08"), supply_rate=Decimal("0.03")
    )
    assert years is not None
    assert isclose(float(years), log(1.5) / 0.05, rel_tol=1e-15)
    assert isclose(1.5 * exp(-0.05 * float(years)), 1)


def test_interest_that_helps_never_takes_an_account_down_and_heals_one_below() -> None:
    rates = {"borrow_rate": Decimal("0.01"), "supply_rate": Decimal("0.02")}
    assert years_to_threshold(scored(50), T15, **rates) is None
    healed = years_to_threshold(scored(10), T15, **rates)
    assert healed is not None
    assert isclose(float(healed), log(1.15 / 1.10) / 0.01)
    assert years_to_threshold(scored(15), T15, **rates) == 0
    assert (
        years_to_threshold(scored(10), T15, borrow_rate=Decimal(1), supply_rate=Decimal(0)) is None
    )


def test_equal_rates_change_nothing() -> None:
    rate = Decimal("0.05")
    assert years_to_threshold(scored(50), T15, borrow_rate=rate, supply_rate=rate) is None


def test_at_age_zero_a_status_is_certain() -> None:
    assert move_within(0.8, 0) == 0
    assert flip_band(scored(15), POLICY, {}) == (Status.MARGIN_CALL, Status.MARGIN_CALL)


def test_a_move_that_reaches_a_threshold_makes_the_status_uncertain() -> None:
    # 160 USDT against 100: a fall of 6.25 percent reaches 150 exactly, a hair more falls below
    at, beyond = {"USDT": Decimal("0.0625")}, {"USDT": Decimal("0.0626")}
    assert flip_band(scored(60), POLICY, at) == (Status.HEALTHY, Status.HEALTHY)
    assert flip_band(scored(60), POLICY, beyond) == (Status.WARNING, Status.HEALTHY)


def test_an_asset_on_both_sides_moves_both_of_them() -> None:
    # 2 ETH against 1 ETH is 200 percent at any price of ETH
    both = assess(Portfolio.of("ann", {"ETH": 2}, {"ETH": 1}), snapshot({"ETH": 10}), POLICY)
    assert flip_band(both, POLICY, {"ETH": Decimal("0.9")}) == (Status.HEALTHY, Status.HEALTHY)


def test_without_a_score_the_band_is_the_status_itself() -> None:
    free = assess(Portfolio.of("ann", {"ETH": 2}, {}), snapshot({"ETH": 10}), POLICY)
    assert flip_band(free, POLICY, {"ETH": Decimal(1)}) == (Status.NO_DEBT, Status.NO_DEBT)


@given(st.integers(0, 120), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_band_only_widens_with_age(score: int, age: float, more: float) -> None:
    order = [Status.LIQUIDATION, Status.MARGIN_CALL, Status.WARNING, Status.HEALTHY]

    def band(age_s: float) -> tuple[int, int]:
        move = move_within(0.9, age_s)
        worst, best = flip_band(scored(score), POLICY, {"USDT": move, "USDC": move})
        return order.index(worst), order.index(best)

    young, old = band(age), band(age + more)
    assert old[0] <= young[0] <= young[1] <= old[1]


def test_a_move_grows_with_the_root_of_age_and_stays_below_all() -> None:
    year = 365 * 86400
    assert move_within(0.2, year, z=2) == Decimal("0.4")
    assert float(move_within(0.2, year / 2, z=2)) == pytest.approx(0.4 / sqrt(2))
    assert move_within(0.2, -year, z=2) == Decimal("0.4")
    assert move_within(9, year) < 1
