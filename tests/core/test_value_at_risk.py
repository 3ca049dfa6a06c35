"""VaR and ES: ranks counted exactly, tails weighted exactly, contributions that add up."""

import csv
import json
from decimal import Decimal
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FieldError
from core.value_at_risk import (
    Floats,
    Method,
    Tail,
    confidence_of,
    historical,
    historical_contributions,
    of_outcomes,
    realised,
)
from core.var_monte_carlo import monte_carlo, monte_carlo_contributions, monte_carlo_of
from core.var_normal import Moments, parametric, parametric_contributions
from tests.support import shared


def peers() -> tuple[Floats, list[dict[str, Any]]]:
    with shared("vectors/sp500_20_returns_1000d.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    cases = json.loads(shared("vectors/var_es_peers.json").read_text())["cases"]
    return np.array([[float(cell) for cell in row[1:]] for row in rows]), cases


def losses(*worst: float, count: int) -> Floats:
    """Gains and losses of which these are the worst."""
    return np.concatenate((-np.array(worst), np.zeros(count - len(worst))))


def test_the_rank_is_counted_in_decimals() -> None:
    # in binary floats (1-0.9)*1000 is 99.99 and (1-0.95)*1000 is 50.00000000000004
    assert Tail.of(1000, confidence_of(0.9)).rank == 100
    assert Tail.of(1000, confidence_of("0.95")).rank == 50
    assert Tail.of(500, Decimal("0.99")).rank == 5
    assert Tail.of(10, Decimal("0.99")).rank == 1


def test_var_is_the_kth_worst_and_es_the_mean_of_the_k_worst() -> None:
    found = of_outcomes(losses(10, 8, 6, count=200), "0.985")
    assert (found.var, found.es) == (6, pytest.approx(8))


def test_es_counts_the_outcome_at_var_by_the_part_that_belongs_to_the_tail() -> None:
    # 2.5 outcomes: the two worst, and half of the third
    found = of_outcomes(losses(10, 8, 6, count=100), "0.975")
    assert (found.var, found.es) == (6, pytest.approx((10 + 8 + 3) / 2.5))


def test_a_tail_of_less_than_one_outcome_is_the_worst() -> None:
    found = of_outcomes(losses(10, 8, count=10), "0.99")
    assert (found.var, found.es) == (10, 10)


def test_a_tail_that_gains_is_a_negative_loss() -> None:
    assert of_outcomes(np.array([0.01, 0.02]), "0.5").var == -0.01


def test_ranked_losses_of_the_textbooks_are_found() -> None:
    tables = json.loads(shared("vectors/var_tables.json").read_text())
    hull, frm = tables["frm_ranked_losses"][:2]
    assert of_outcomes(losses(*hull["worst_losses"], count=500), "0.99").var == 602.968
    found = of_outcomes(losses(*frm["worst_losses"], count=1000), "0.99")
    assert found.var == frm["var"]
    assert found.es == pytest.approx(frm["es_answer_option_inclusive"], abs=0.5)


def test_scenarios_of_four_indices_revalue_the_portfolio_as_hull_does() -> None:
    table = json.loads(shared("vectors/var_tables.json").read_text())["historical_simulation"]
    amounts = np.array(list(table["portfolio_k"].values()), float)
    for scenario in ("1", "2", "3"):
        levels = np.array([table["levels"][str(int(scenario) - 1)], table["levels"][scenario]])
        # the index in yen is printed with two decimals: worth 0.08 thousand in the result
        assert realised(levels) @ amounts == pytest.approx(-table["loss_k"][scenario], abs=0.15)


def test_model_building_figures_of_hull_are_found() -> None:
    cases = json.loads(shared("vectors/var_tables.json").read_text())["model_building"]
    vols = np.array([cases[0]["daily_vol"], cases[1]["daily_vol"]])
    rho = cases[2]["rho"]
    moments = Moments(np.zeros(2), np.outer(vols, vols) * np.array([[1, rho], [rho, 1]]))
    for case, amounts in zip(cases, ([10e6, 0], [0, 5e6], [10e6, 5e6]), strict=True):
        found = parametric(moments, np.array(amounts), "0.99", horizon_days=case["horizon_days"])
        # the book rounds z to 2.33
        assert found.var * 2.33 / 2.3263478740 == pytest.approx(case["var_10d_99"], abs=1)


def test_es_of_the_peers_is_met() -> None:
    returns, cases = peers()
    for case in cases:
        found = historical(returns, np.array(case["weights"]), case["confidence"])
        for peer in ("riskfolio_CVaR_Hist", "empyrical_CVaR", "skfolio_CVaR"):
            assert abs(found.es - case[peer]) <= 1e-12


def test_normal_figures_of_the_peers_are_met() -> None:
    returns, cases = peers()
    moments = Moments.of(returns)
    for case in cases:
        found = parametric(moments, np.array(case["weights"]), case["confidence"])
        assert abs(found.var - case["scipy_parametric_normal_VaR"]) <= 1e-12
        assert abs(found.es - case["closed_normal_ES"]) <= 1e-12


def test_every_result_names_its_convention() -> None:
    found = of_outcomes(losses(10, 8, 6, count=200), "0.985", horizon_days=10)
    assert found.convention == (
        "historical at 0.985; VaR is outcome 3 of 200 from the worst (k = ceil(n*(1-c)), exact); "
        "ES is Rockafellar-Uryasev over the worst 3; 10 periods by the square root of time, an "
        "approximation; losses are positive"
    )


def test_a_horizon_scales_by_the_root_of_time() -> None:
    one = of_outcomes(losses(10, 8, 6, count=200), "0.985")
    four = of_outcomes(losses(10, 8, 6, count=200), "0.985", horizon_days=4)
    assert (four.var, four.es) == (2 * one.var, 2 * one.es)


def test_realised_windows_overlap() -> None:
    prices = np.array([[100.0], [110.0], [99.0], [120.0]])
    assert realised(prices, 2).ravel() == pytest.approx([-0.01, 120 / 110 - 1])
    with pytest.raises(FieldError, match="prices"):
        realised(prices, 4)


def test_one_bitcoin_and_ten_thousand_dollars_are_weighted_by_value() -> None:
    # 1 BTC of 100,000 that once fell by 10 percent, and as many dollars as make no difference
    returns = np.zeros((20, 2))
    returns[3, 0] = -0.1
    assert historical(returns, np.array([100_000.0, 10_000.0]), "0.95").var == pytest.approx(10_000)


def test_ties_at_var_share_it_and_the_order_of_days_means_nothing() -> None:
    returns = np.array([[-0.1, 0.0], [0.0, -0.1], [0.0, 0.0], [0.0, 0.0]])
    for order in ([0, 1, 2, 3], [1, 0, 3, 2]):
        found = historical_contributions(returns[order], np.array([1.0, 1.0]), "0.75")
        assert found.var.tolist() == found.es.tolist() == [0.05, 0.05]


matrices = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).normal(0, 0.02, (60, 4)).round(3)
)
levels = st.sampled_from(["0.5", "0.9", "0.95", "0.975", "0.99", "0.999"])


@given(matrices, levels, st.floats(1, 30))
def test_contributions_add_up_to_the_whole(returns: Floats, level: str, days: float) -> None:
    exposures = np.array([100.0, -50.0, 20.0, 0.0])
    moments = Moments.of(returns)
    drawn = monte_carlo(moments, exposures, level, horizon_days=days, draws=1000)
    pairs = (
        (
            historical(returns, exposures, level, horizon_days=days),
            historical_contributions(returns, exposures, level, horizon_days=days),
        ),
        (
            parametric(moments, exposures, level, horizon_days=days),
            parametric_contributions(moments, exposures, level, horizon_days=days),
        ),
        (drawn, monte_carlo_contributions(moments, exposures, drawn, horizon_days=days)),
    )
    for risk, parts in pairs:
        assert parts.var.sum() == pytest.approx(risk.var, abs=1e-9)
        assert parts.es.sum() == pytest.approx(risk.es, abs=1e-9)
        accounts = np.array([[60.0, 0, 20, 0], [40.0, -50, 0, 0]])
        assert (accounts @ parts.es_rate).sum() == pytest.approx(risk.es, abs=1e-9)
        assert risk.es >= risk.var - 1e-9


@given(matrices, levels)
def test_es_is_the_least_of_rockafellar_and_uryasevs_function(returns: Floats, level: str) -> None:
    loss = -returns.sum(axis=1)
    found = of_outcomes(-loss, level)
    rest = float(1 - Decimal(level))
    values = [at + np.maximum(loss - at, 0).mean() / rest for at in loss]
    assert found.es == pytest.approx(min(values), abs=1e-12)


@given(matrices, st.permutations(range(60)))
def test_the_order_of_days_changes_nothing(returns: Floats, order: list[int]) -> None:
    exposures = np.array([1.0, 2.0, -1.0, 0.5])
    one, other = (historical(r, exposures, "0.95") for r in (returns, returns[order]))
    assert (one.var, one.es) == pytest.approx((other.var, other.es), abs=1e-12)


def test_monte_carlo_comes_near_the_closed_form_and_the_same_seed_the_same_way() -> None:
    returns, cases = peers()
    weights, moments = np.array(cases[0]["weights"]), Moments.of(returns)
    closed = parametric(moments, weights, "0.99")
    line = monte_carlo(moments, weights, "0.99", draws=100_000)
    full = monte_carlo_of(moments, lambda moves: moves @ weights, "0.99", draws=100_000)
    for drawn in (line, full):
        assert drawn.method is Method.MONTE_CARLO
        assert (drawn.var, drawn.es) == pytest.approx((closed.var, closed.es), rel=0.02)
    again = monte_carlo(moments, weights, "0.99", draws=100_000)
    assert (again.var, again.es) == (line.var, line.es)
    assert monte_carlo(moments, weights, "0.99", draws=100_000, seed=2).var != line.var


def test_mirrored_paths_keep_the_mean_exactly() -> None:
    moments = Moments(np.zeros(1), np.eye(1))
    seen: list[Floats] = []

    def revalue(moves: Floats) -> Floats:
        seen.append(moves[:, 0])
        return moves[:, 0]

    monte_carlo_of(moments, revalue, "0.9", draws=10_001)
    assert sum(len(part) for part in seen) == 10_002
    assert np.concatenate(seen).mean() == pytest.approx(0, abs=1e-16)


def test_a_pegged_asset_that_never_moves_is_no_obstacle() -> None:
    returns = np.array([[0.01, 0.0], [-0.02, 0.0], [0.03, 0.0]])
    moments = Moments.of(returns)
    assert monte_carlo_of(moments, lambda moves: moves[:, 0], "0.9", draws=100).var > 0
    still = np.array([0.0, 100.0])
    assert parametric(moments, still, "0.9").var == 0
    drawn = monte_carlo(moments, still, "0.9", draws=100)
    assert monte_carlo_contributions(moments, still, drawn).var.tolist() == [0, 0]


def test_parametric_scales_mean_by_time_and_deviation_by_its_root() -> None:
    moments = Moments(np.array([0.001]), np.array([[0.0004]]))
    one, four = (parametric(moments, np.ones(1), "0.99", horizon_days=d) for d in (1, 4))
    z_part = one.var + 0.001
    assert four.var == pytest.approx(sqrt(4) * z_part - 0.004)


@pytest.mark.parametrize("level", [0, 1, "1.5", "NaN", "", True, 95])
def test_a_confidence_outside_nought_and_one_is_refused(level: Any) -> None:
    with pytest.raises(FieldError, match="confidence"):
        confidence_of(level)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_return_that_is_no_number_is_refused(bad: float) -> None:
    returns = np.zeros((5, 1))
    returns[2, 0] = bad
    with pytest.raises(FieldError, match="returns"):
        historical(returns, np.ones(1), "0.9")
    with pytest.raises(FieldError, match="returns"):
        Moments.of(returns)


def test_nothing_has_no_risk() -> None:
    with pytest.raises(FieldError, match="returns"):
        of_outcomes(np.empty(0), "0.9")
