"""Figures of public systems and of the first platform, through core (`../shared/vectors`)."""

import csv
import json
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from core.exact import CONTEXT, decimal_of
from core.levels import trigger_price, uniform_drop
from core.margin import Assessment, assess
from core.policy import Policy, Status
from core.portfolio import Portfolio
from tests.core.samples import POLICY, snapshot
from tests.support import shared

Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    path: Path = shared(f"vectors/{name}")
    if path.suffix == ".csv":
        with path.open(newline="") as rows:
            return list(csv.DictReader(rows))
    read = json.loads(path.read_text(), parse_float=str)
    found: list[Case] = read if isinstance(read, list) else read["cases"]
    return found


def scaled(raw: str, places: int) -> Decimal:
    """A chain's integer of so many decimals."""
    with localcontext(CONTEXT):
        return Decimal(raw).scaleb(-places)


def relative(found: Decimal | None, expected: Decimal) -> Decimal:
    assert found is not None
    return abs(found / expected - 1)


def test_the_first_platforms_own_scores() -> None:
    prices = snapshot(json.loads(shared("vectors/margin_health.json").read_text())["prices"])
    for case in cases("margin_health.json"):
        portfolio = Portfolio.of("u", case["collateral"], case["borrow"])
        found, expected = assess(portfolio, prices, POLICY), case["expected"]
        assert found.status == expected["status"], case["id"]
        for ours, theirs in (
            (found.score, "health_score"),
            (found.liquidation_price_drop_percent, "liquidation_price_drop_percent"),
        ):
            assert ours is not None
            assert abs(ours - Decimal(expected[theirs])) <= Decimal("0.005"), case["id"]


def aave(case: Case) -> Assessment:
    """An account of many assets, each with its own liquidation threshold, or its category's."""
    prices, collateral, borrow, weights = {}, {}, {}, {}
    for position in case["positions"]:
        asset = position["asset"]
        modes = {mode["id"]: mode["liq_threshold_bps"] for mode in position["emodes"]}
        own = position["liq_threshold_bps"]
        threshold = modes.get(case["user_emode"], own) if case["user_emode"] else own
        prices[asset] = scaled(position["price_1e8"], 8)
        if position["collateral_enabled"]:
            collateral[asset] = scaled(position["supply_raw"], position["decimals"])
        borrow[asset] = scaled(position["borrow_raw"], position["decimals"])
        weights[asset] = scaled(threshold, 4)
    return assess(Portfolio.of("u", collateral, borrow, weights), snapshot(prices), POLICY)


def test_the_health_factors_of_aave_accounts() -> None:
    for case in cases("aave_accounts.json"):
        found, expected = aave(case), Decimal(case["expected"]["healthFactor"])
        if expected == -1:
            assert found.status is Status.NO_DEBT
        else:
            # the peer keeps 20 decimals
            bound = Decimal("1e-15") * expected + Decimal("1e-20")
            assert found.health_factor is not None
            assert abs(found.health_factor - expected) <= bound, case["id"]


def test_the_health_factors_of_aave_balances() -> None:
    for case in cases("aave_health_factor.csv"):
        weights = {"A": scaled(case["liq_threshold_bps"], 4)}
        portfolio = Portfolio.of("u", {"A": case["collateral"]}, {"B": case["borrow"]}, weights)
        found = assess(portfolio, snapshot({"A": 1, "B": 1}), POLICY)
        expected = Decimal(case["live_hf"] or case["expected_hf"])
        if expected == -1:
            assert found.status is Status.NO_DEBT
        else:
            bound = Decimal("1e-12") * expected + Decimal("1e-20")
            assert found.health_factor is not None
            assert abs(found.health_factor - expected) <= bound, case


def test_the_health_factors_and_liquidation_prices_of_morpho() -> None:
    for case in cases("morpho_accounts.csv"):
        lltv = scaled(case["lltv_wad"], 18)
        prices = snapshot({"C": scaled(case["price_oracle_1e36_scaled"], 36), "D": 1})
        portfolio = Portfolio.of(
            "u", {"C": case["collateral_raw_1e18"]}, {"D": case["debt_raw_1e6"]}, {"C": lltv}
        )
        found = assess(portfolio, prices, Policy())
        if case["debt_raw_1e6"] == "0":
            assert found.status is Status.NO_DEBT
            continue
        health = scaled(case["health_factor_wad"], 18)
        assert relative(found.health_factor, health) <= Decimal("1e-6"), case["id"]
        trigger = trigger_price(found, "C", Decimal(0))  # health factor 1 is score 0
        assert trigger is not None
        liquidation = scaled(case["liquidation_price_1e36_scaled"], 36)
        assert relative(trigger.price, liquidation) <= Decimal("1e-18"), case["id"]
        assert (found.score is not None and found.score < 0) == (case["is_liquidatable"] == "true")


def worked(name: str) -> tuple[Case, Case, Decimal]:
    found = {case["id"]: case for case in cases("worked_examples.json")}[name]
    return found["inp"], found["expect"], Decimal(found.get("tolerance", 0))


@pytest.mark.parametrize("name", ["risk-metrics-crate-hf", "gera-hf", "defisaver-cr"])
def test_the_worked_examples_of_documentation_pages(name: str) -> None:
    given, expected, tolerance = worked(name)
    weight = decimal_of(given.get("liq_threshold", 1), "weight")
    portfolio = Portfolio.of(
        "u", {"A": given["collateral_value"]}, {"B": given["debt"]}, {"A": weight}
    )
    found = assess(portfolio, snapshot({"A": 1, "B": 1}), POLICY)
    assert found.score is not None
    drop = uniform_drop(found, Decimal(0))
    assert drop is not None
    ours = {
        "health_factor": found.health_factor,
        "collateral_ratio_pct": found.score + 100,
        "drop_to_liquidation_pct": drop * 100,
    }
    for figure, theirs in expected.items():
        value = ours[figure]
        assert value is not None
        assert abs(value - Decimal(theirs)) <= tolerance
