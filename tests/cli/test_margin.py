"""What `fusion margin` takes and refuses, and what `assess` answers."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.main import app
from core.margin import assess
from core.policy import Policy
from core.portfolio import Portfolio
from tests.cli.margin import ANN, ASK, PRICES, account, answer, run
from tests.core.samples import snapshot


def test_the_platforms_own_example() -> None:
    found = account(ASK)
    assert (found["status"], found["score"], found["health_factor"]) == (
        "MARGIN_CALL",
        "27.14",
        "1.2714",
    )
    assert (found["collateral_usd"], found["borrow_usd"]) == ("3941.34", "3100")
    assert found["liquidation_price_drop_percent"] == "9.55"
    assert found["reasons"] == {}


def test_a_figure_that_does_not_end_has_fifty_digits_and_its_display_is_floored() -> None:
    found = account({**ASK, "prices": {**PRICES, "USDC": "0.9"}})
    assert len(found["score"].replace(".", "")) >= 28
    assert found["score_display"] == "41.26"
    assert found["score"].startswith("41.266666666666666")


def test_targets_join_the_thresholds_and_every_direction_is_told() -> None:
    request = {
        **ASK,
        "targets": ["0", 15, "-50"],
        "prices": {**PRICES, "BTC": 1},
        "accounts": [{**ANN, "collateral": {"ETH": "1", "BTC": "1"}}],
    }
    triggers = {(t["asset"], t["target"]): t for t in account(request)["triggers"]}
    assert {target for _, target in triggers} == {"50", "30", "15", "0", "-50"}
    assert triggers["ETH", "0"]["price"] == "3099"
    assert triggers["ETH", "0"]["direction"] == "falls_to"
    assert triggers["USDC", "0"]["direction"] == "rises_to"
    assert triggers["ETH", "50"]["direction"] == "recovers_at"
    assert triggers["BTC", "0"] == {
        "asset": "BTC",
        "target": "0",
        "price": None,
        "price_display": None,
        "direction": "never",
    }
    short = {**ASK, "accounts": [{**ANN, "borrow": {"USDC": "3100", "BTC": "5000"}}]}
    found = account({**short, "prices": {**PRICES, "BTC": 1}})["triggers"]
    assert ("BTC", "50", "always_below") in {
        (t["asset"], t["target"], t["direction"]) for t in found
    }


def test_no_debt_and_an_unknown_price_have_no_score_and_say_why() -> None:
    free, dark = answer(
        "assess",
        {
            "prices": {"ETH": 100, "DOGE": None, "SHIB": 0},
            "accounts": [
                {"user_id": "free", "collateral": {"eth": 1}},
                {"user_id": "dark", "collateral": {"ETH": 9}, "borrow": {"DOGE": 1, "SHIB": 1}},
            ],
        },
    )["accounts"]
    assert (free["status"], free["score"], free["health_factor"]) == ("NO_DEBT", None, None)
    assert (dark["status"], dark["score"], dark["health_factor"]) == ("UNKNOWN", None, None)
    assert set(dark["reasons"]) == {"DOGE", "SHIB"}
    assert dark["triggers"] == dark["cures"] == dark["headroom"] == []


def test_why_adds_up_to_the_score() -> None:
    found = account({**ASK, "prices": {**PRICES, "USDC": "0.9997"}})
    parts = [Decimal(row["points"]) for row in found["why"]]
    assert abs(sum(parts) - Decimal(found["score"])) < Decimal("1e-25")


def test_the_policy_of_the_request_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('version = "house"\nthresholds = [28, 20, 10]')
    arguments = ["--policy", str(file)]
    found = answer("assess", ASK, arguments)
    assert found["policy_version"] == "house"
    assert found["accounts"][0]["status"] == "WARNING"
    own = answer("assess", {**ASK, "policy": {"weights": {"ETH": "0.5"}}}, arguments)
    assert own["accounts"][0]["status"] == "LIQUIDATION"
    file.write_text("thresholds = 1")
    code, answers, faults = run("assess", ASK, arguments=arguments)
    assert (code, answers, len(faults)) == (2, [], 1)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"prices": {"ETH": "NaN"}}, "prices.ETH"),
        ({"prices": {"ETH": True}}, "prices.ETH"),
        ({"prices": {"ETH": "-1"}}, "prices.ETH"),
        ({"prices": {"ETH": "1e41"}}, "prices.ETH"),
        ({"prices": {"ETH": 1, "eth": 2}}, "prices.eth"),
        ({"prices": None}, "prices"),
        ({"accounts": {}}, "accounts"),
        ({"accounts": [{"collateral": {}}]}, "accounts.0.user_id"),
        ({"accounts": [{**ANN, "borrow": {"USDC": ""}}]}, "accounts.0.borrow.USDC"),
        ({"accounts": [{**ANN, "borrow": {"USDC": False}}]}, "accounts.0.borrow.USDC"),
        ({"accounts": [{**ANN, "borrow": {"USDC": "9" * 81}}]}, "accounts.0.borrow.USDC"),
        ({"accounts": [{**ANN, "collateral": [1]}]}, "accounts.0.collateral"),
        ({"accounts": [{**ANN, "weights": {"ETH": "1.1"}}]}, "accounts.0.weights.ETH"),
        ({"accounts": [{**ANN, "category": "eth"}]}, "accounts.0.category"),
        ({"accounts": [{**ANN, "wieghts": {}}]}, "accounts.0.wieghts"),
        ({"policy": {"thresholds": [1, 2]}}, "policy.thresholds"),
        ({"targets": ["-100"]}, "targets.0"),
        ({"fee": 1}, "fee"),
        ({"steps": {"ETH": 0}}, "steps.ETH"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_answered(change: dict, fault: str) -> None:
    code, answers, faults = run("assess", {**ASK, **change})
    assert (code, answers) == (2, [])
    assert [line.split(": ")[:2] for line in faults] == [["line 1", fault]]


def test_json_lines_are_answered_one_by_one_and_the_bad_one_named() -> None:
    code, answers, faults = run("assess", ASK, {**ASK, "prices": {"ETH": ""}}, "{", ASK)
    assert (code, len(answers)) == (2, 2)
    assert [fault.split(":")[:2] for fault in faults] == [
        ["line 2", " prices.ETH"],
        ["line 3", " is not JSON"],
    ]


def test_a_table_is_for_people() -> None:
    for command in ("assess", "what-if", "book"):
        result = CliRunner().invoke(app, ["margin", command, "--table"], input=json.dumps(ASK))
        assert result.exit_code == 0
        assert "MARGIN_CALL" in result.stdout


amounts = st.decimals("1e-40", "1e40").filter(lambda x: len(x.as_tuple().digits) <= 80)
sides = st.dictionaries(st.sampled_from(["ETH", "BTC", "USDC"]), amounts, max_size=3)


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.fixed_dictionaries(dict.fromkeys(["ETH", "BTC", "USDC"], amounts)))
def test_any_decimal_in_range_goes_through_unrounded(
    collateral: dict, borrow: dict, prices: dict
) -> None:
    def spell(numbers: dict) -> dict:
        return {asset: str(number) for asset, number in numbers.items()}

    found = account(
        {
            "prices": spell(prices),
            "accounts": [
                {"user_id": "a", "collateral": spell(collateral), "borrow": spell(borrow)}
            ],
        }
    )
    exact = assess(Portfolio.of("a", collateral, borrow), snapshot(prices), Policy())
    assert found["status"] == exact.status
    assert Decimal(found["collateral_usd"]) == exact.collateral_usd
    assert Decimal(found["borrow_usd"]) == exact.borrow_usd
    assert (found["score"] is None) == (exact.score is None)
    assert found["score"] is None or Decimal(found["score"]) == exact.score


@pytest.mark.parametrize("word", ["debt", "debts", "BORROW", "Borrows", "loans"])
def test_another_word_for_a_debt_is_refused_and_never_left_out(word: str) -> None:
    asked = {**ASK, "accounts": [{"user_id": "ann", "collateral": {"ETH": 1}, word: {"USDC": 1}}]}
    code, answers, faults = run("assess", asked)
    assert (code, answers) == (2, [])
    assert faults == [f"line 1: accounts.0.{word}: is not known here, did you mean borrow?"]


def test_a_number_just_out_of_range_is_refused_by_its_field() -> None:
    over = "1" + "0" * 40 + ".0000000001"
    code, answers, faults = run("assess", {**ASK, "prices": {**PRICES, "ETH": over}})
    assert (code, answers) == (2, [])
    assert faults[0].startswith("line 1: prices.ETH: ")


def test_the_price_shown_for_a_recovery_has_recovered() -> None:
    ask = {
        "prices": {"SOL": "50", "USDC": "1"},
        "accounts": [{"user_id": "ann", "collateral": {"USDC": "100"}, "borrow": {"SOL": "1.7"}}],
    }
    for trigger in account(ask)["triggers"]:
        if trigger["direction"] == "recovers_at" and trigger["asset"] == "SOL":
            assert Decimal(trigger["price_display"]) <= Decimal(trigger["price"])
