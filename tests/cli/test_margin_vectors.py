"""Figures of public systems and of the first platform, through the command line's own answer."""

import csv
import json
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

from cli.margin_answer import account_answer
from cli.margin_request import request_of
from core.exact import CONTEXT
from tests.support import shared

Case = dict[str, Any]


def answered(
    prices: Mapping[str, Any],
    collateral: Mapping[str, Any],
    borrow: Mapping[str, Any],
    weights: Mapping[str, Any] | None = None,
) -> Case:
    account = {"user_id": "u", "collateral": collateral, "borrow": borrow, "weights": weights}
    request = request_of({"prices": prices, "accounts": [account], "targets": ["0"]})
    return account_answer(request.accounts[0], request)


def read(name: str) -> Any:
    return json.loads(shared(f"vectors/{name}").read_text(), parse_float=Decimal)


def rows(name: str) -> list[dict[str, str]]:
    with shared(f"vectors/{name}").open(newline="") as file:
        return list(csv.DictReader(file))


def scaled(raw: str | int, places: int) -> str:
    with localcontext(CONTEXT):
        return f"{Decimal(raw).scaleb(-places):f}"


def test_the_first_platforms_scores_and_drops() -> None:
    table = read("margin_health.json")
    for case in table["cases"]:
        found = answered(table["prices"], case["collateral"], case["borrow"])
        expected = case["expected"]
        assert found["status"] == expected["status"], case["id"]
        for ours, theirs in (
            ("score", "health_score"),
            ("liquidation_price_drop_percent", "liquidation_price_drop_percent"),
        ):
            assert abs(Decimal(found[ours]) - expected[theirs]) <= Decimal("0.005"), case["id"]


def test_the_health_factors_of_aave() -> None:
    for case in read("aave_accounts.json")["cases"]:
        prices, collateral, borrow, weights = {}, {}, {}, {}
        for position in case["positions"]:
            asset, own = position["asset"], position["liq_threshold_bps"]
            modes = {mode["id"]: mode["liq_threshold_bps"] for mode in position["emodes"]}
            bps = modes.get(case["user_emode"], own) if case["user_emode"] else own
            prices[asset] = scaled(position["price_1e8"], 8)
            if position["collateral_enabled"]:
                collateral[asset] = scaled(position["supply_raw"], position["decimals"])
            borrow[asset] = scaled(position["borrow_raw"], position["decimals"])
            weights[asset] = scaled(bps, 4)
        found = answered(prices, collateral, borrow, weights)
        expected = Decimal(case["expected"]["healthFactor"])
        if expected == -1:
            assert found["health_factor"] is None
        else:
            bound = Decimal("1e-15") * expected + Decimal("1e-20")  # the peer keeps 20 decimals
            assert abs(Decimal(found["health_factor"]) - expected) <= bound, case["id"]


def test_the_levels_of_morpho() -> None:
    for case in rows("morpho_accounts.csv"):
        if case["debt_raw_1e6"] == "0":
            continue
        found = answered(
            {"C": scaled(case["price_oracle_1e36_scaled"], 36), "D": 1},
            {"C": case["collateral_raw_1e18"]},
            {"D": case["debt_raw_1e6"]},
            {"C": scaled(case["lltv_wad"], 18)},
        )
        [price] = [
            Decimal(t["price"])
            for t in found["triggers"]
            if (t["asset"], t["target"]) == ("C", "0")
        ]
        expected = Decimal(scaled(case["liquidation_price_1e36_scaled"], 36))
        assert abs(price / expected - 1) <= Decimal("1e-18"), case["id"]
        room = {h["kind"]: Decimal(h["amount"]) for h in found["headroom"] if h["target"] == "0"}
        withdrawable = Decimal(case["withdrawable_collateral_1e18"])
        # the peer works in whole units of both tokens, so it is a unit of debt off at most
        units = Decimal(case["collateral_raw_1e18"]) / Decimal(case["debt_raw_1e6"]) * 4 + 2
        assert abs(room.get("withdraw", Decimal(0)) - withdrawable) <= units, case["id"]
