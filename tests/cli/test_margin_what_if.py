"""What `fusion margin what-if` answers: before, after, and what is solved for."""

import pytest

from tests.cli.margin import ASK, PRICES, account, answer, run

SHOCK = {"edit": "shock", "asset": "ETH", "fraction": "-0.2"}


def test_a_what_if_tells_before_after_and_what_lies_between() -> None:
    found = answer("what-if", {**ASK, "edits": [SHOCK]})["accounts"][0]
    assert (found["before"]["score"], found["after"]["score"]) == ("27.14", "1.712")
    assert (found["status"], found["score"]) == ("LIQUIDATION", "1.712")
    assert (found["diff"]["score"], found["diff"]["status_changed"]) == ("-25.428", True)
    assert [step["score_change"] for step in found["steps"]] == ["-25.428"]


def test_a_what_if_without_edits_is_the_assessment() -> None:
    found = answer("what-if", ASK)["accounts"][0]
    assert found["before"] == found["after"] == account(ASK)


def test_a_scenario_given_back_gives_the_same_and_says_which_prices_moved() -> None:
    first = answer("what-if", {**ASK, "edits": [SHOCK]})
    again = answer("what-if", {**ASK, "scenario": first["scenario"]})
    assert again["accounts"] == first["accounts"]
    assert again["moved"] == []
    later = {**ASK, "prices": {"ETH": "4000", "USDC": "1"}, "scenario": first["scenario"]}
    assert [move["asset"] for move in answer("what-if", later)["moved"]] == ["ETH"]
    code, _, faults = run("what-if", {**ASK, "scenario": first["scenario"][:-1]})
    assert code == 2
    assert "damaged" in faults[0]


@pytest.mark.parametrize(
    ("edit", "status"),
    [
        ({"edit": "set_amount", "side": "borrow", "asset": "USDC", "amount": 0}, "NO_DEBT"),
        ({"edit": "add_amount", "side": "collateral", "asset": "ETH", "amount": 1}, "HEALTHY"),
        ({"edit": "set_price", "asset": "ETH", "price": "4030"}, "WARNING"),
        ({"edit": "shock_all", "fraction": "-0.2", "pegged": ["USDC"]}, "LIQUIDATION"),
        ({"edit": "shock_all", "fraction": "-0.2"}, "MARGIN_CALL"),
        ({"edit": "group_shock", "fraction": "0.1", "betas": {"ETH": "2"}}, "HEALTHY"),
        ({"edit": "set_category", "category": "eth"}, "LIQUIDATION"),
        ({"edit": "set_weight", "asset": "ETH", "weight": "0.5"}, "LIQUIDATION"),
        ({"edit": "set_thresholds", "thresholds": [27, 20, 10]}, "HEALTHY"),
        ({"edit": "outage", "assets": ["ETH"]}, "UNKNOWN"),
        ({"edit": "outage"}, "UNKNOWN"),
        ({"edit": "delay", "by": "89 s"}, "MARGIN_CALL"),
        ({"edit": "delay", "by": "2 min", "assets": ["ETH"]}, "UNKNOWN"),
    ],
)
def test_every_edit_reaches_the_assessment(edit: dict, status: str) -> None:
    policy = {"categories": {"eth": {"weights": {"ETH": "0.8"}}}}
    found = answer("what-if", {**ASK, "policy": policy, "edits": [edit]})
    assert found["accounts"][0]["status"] == status


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"edits": [{"edit": "explode"}]}, "edits.0.edit"),
        ({"edits": [SHOCK, {**SHOCK, "fraction": -1}]}, "edits.1.fraction"),
        ({"edits": [{"edit": "shock", "asset": "ETH"}]}, "edits.0.fraction"),
        ({"edits": [{**SHOCK, "edit": "set_amount"}]}, "edits.0.side"),
        ({"edits": [{"edit": "outage", "asset": "BTC"}]}, "edits.0.asset"),
        ({"edits": [{"edit": "delay", "by": "1 h", "asset": "BTC"}]}, "edits.0.asset"),
        ({"edits": [{**SHOCK, "edit": "shock", "peged": ["USDC"]}]}, "edits.0.peged"),
        ({"curve": {"assets": ["ETH"], "shocks": [0]}}, "curve.assets"),
        ({"curve": {"from": "x", "to": 1, "steps": 2}}, "curve.from"),
        ({"solve": [{"for": "drop", "category": ["x"], "target": 15}]}, "solve.0.category"),
        ({"scenario": "\ud800~yabc"}, "scenario"),
        ({"scenario": "1~z-99999999999999999~yazfzjt"}, "scenario"),
        ({"scenario": "1~d1e40~ynr2ne8"}, "scenario"),
        ({"prices": {**PRICES, "BTC": float("nan")}}, "prices.BTC"),
        ({"prices": {**PRICES, "BTC": float("inf")}}, "prices.BTC"),
        ({"solve": [{"for": "luck", "target": 1}]}, "solve.0.for"),
        ({"solve": [{"for": "price", "asset": "ETH", "target": "UNKNOWN"}]}, "solve.0.target"),
        ({"curve": {"from": 0, "to": 1, "steps": "1.5"}}, "curve.steps"),
        ({"grid": {"assets": ["ETH"], "shocks": [0]}}, "grid.assets"),
    ],
)
def test_a_what_if_that_cannot_be_is_named(change: dict, fault: str) -> None:
    code, answers, faults = run("what-if", {**ASK, **change})
    assert (code, answers) == (2, [])
    assert faults[0].startswith(f"line 1: {fault}: ")


def test_what_is_solved_for_lands_and_curve_and_grid_agree_with_it() -> None:
    found = answer(
        "what-if",
        {
            **ASK,
            "solve": [
                {"for": "price", "asset": "ETH", "target": "MARGIN_CALL"},
                {"for": "amount", "side": "borrow", "asset": "USDC", "target": "0"},
                {"for": "drop", "pegged": ["USDC"], "target": "0"},
            ],
            "curve": {"asset": "ETH", "shocks": ["0"]},
            "grid": {"assets": ["ETH", "USDC"], "shocks": ["0", "0.1"]},
        },
    )["accounts"][0]
    price, amount, drop = found["solutions"]
    assert (price["value"], price["score"], price["direction"]) == ("3565", "15", "falls_to")
    assert (amount["value"], amount["direction"]) == ("3941.34", "rises_to")
    assert drop["value"].startswith("-0.21346547")
    assert found["curve"][0]["score"] == "27.14"
    assert found["grid"]["status"] == [["MARGIN_CALL", "MARGIN_CALL"], ["WARNING", "MARGIN_CALL"]]
