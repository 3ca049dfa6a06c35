"""What `fusion margin assess`, `what-if` and `book` answer, and how they say no."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.main import app
from core.margin import assess
from core.policy import Policy
from core.portfolio import Portfolio
from tests.core.samples import snapshot

ANN = {"user_id": "ann", "collateral": {"ETH": "1"}, "borrow": {"USDC": "3100"}}
PRICES = {"ETH": "3941.34", "USDC": "1"}
ASK = {"prices": PRICES, "accounts": [ANN]}


def run(command: str, *requests: object, arguments: Sequence[str] = ()) -> tuple[int, list, list]:
    """Exit code, the answers and the faults."""
    text = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in requests)
    result = CliRunner().invoke(app, ["margin", command, *arguments], input=text)
    answers = [json.loads(line, parse_float=Decimal) for line in result.stdout.splitlines()]
    return result.exit_code, answers, result.stderr.splitlines()


def answer(command: str, request: object, arguments: Sequence[str] = ()) -> dict[str, Any]:
    code, answers, faults = run(command, request, arguments=arguments)
    assert (code, len(answers), faults) == (0, 1, [])
    found: dict[str, Any] = answers[0]
    return found


def account(request: object) -> dict[str, Any]:
    found: dict[str, Any] = answer("assess", request)["accounts"][0]
    return found


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


def test_a_book_is_the_loop_of_its_accounts() -> None:
    accounts = [
        {**ANN, "user_id": f"a-{n}", "collateral": {"ETH": str(n)}, "borrow": {"USDC": "10000"}}
        for n in range(9)
    ]
    request = {"prices": {"ETH": "1500", "USDC": 1}, "accounts": accounts}
    book, loop = answer("book", request), answer("assess", request)
    keys = book["accounts"][0].keys()
    assert book["accounts"] == [{key: row[key] for key in keys} for row in loop["accounts"]]
    assert sum(book["counts"].values()) == book["size"] == 9
    assert book["worst"][0]["user_id"] == "a-0"
    assert sum(bin_["accounts"] for bin_ in book["histogram"]) == 9
    assert "accounts" not in answer("book", request, ["--summary"])


def test_a_book_says_who_moved() -> None:
    request = {**ASK, "previous_prices": {"ETH": 5000, "USDC": 1}}
    assert answer("book", request)["movers"] == [
        {"user_id": "ann", "from": "HEALTHY", "to": "MARGIN_CALL"}
    ]


def test_of_a_book_in_a_file_what_can_be_read_is_answered(tmp_path: Path) -> None:
    file = tmp_path / "book.csv"
    file.write_text("user_id,side,asset,amount\nann,collateral,ETH,1\nbob,owed,ETH,1\n")
    code, answers, faults = run("book", {"prices": PRICES}, arguments=["--positions", str(file)])
    assert (code, answers[0]["size"]) == (2, 1)
    assert (
        faults == answers[0]["faults"] == ["row 3: side: must be collateral or borrow, not 'owed'"]
    )
    code, answers, faults = run("book", {"prices": PRICES}, arguments=["--positions", "none.csv"])
    assert (code, answers, len(faults)) == (2, [], 1)


@pytest.mark.parametrize("word", ["debt", "debts", "BORROW", "Borrows", "loans"])
def test_another_word_for_a_debt_is_refused_and_never_left_out(word: str) -> None:
    asked = {**ASK, "accounts": [{"user_id": "ann", "collateral": {"ETH": 1}, word: {"USDC": 1}}]}
    code, answers, faults = run("assess", asked)
    assert (code, answers) == (2, [])
    assert faults == [f"line 1: accounts.0.{word}: is not known here, did you mean borrow?"]


def test_a_row_that_is_no_object_is_named_and_the_others_are_loaded() -> None:
    row = {"user_id": "a", "side": "collateral", "asset": "ETH", "amount": "1"}
    code, (found,), faults = run("book", {"prices": {"ETH": 1}, "rows": [row, "zz"]})
    assert (code, found["size"], found["faults"]) == (2, 1, faults)
    assert faults == ["row 2: is not an object of user_id, side, asset, amount"]


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


def test_a_book_says_on_whom_it_rests_and_what_past_falls_would_do() -> None:
    ask = {
        "prices": {"ETH": 100, "USDC": 1},
        "accounts": [
            {"user_id": "ann", "collateral": {"ETH": "1.5"}, "borrow": {"USDC": 100}},
            {"user_id": "bob", "collateral": {"ETH": 1}, "borrow": {"USDC": 50}},
        ],
        "falls": ["0.6", "0.3", "0.1", "0"],
        "confidence": "0.5",
    }
    found = answer("book", ask)
    shares = found["concentration"]["accounts"]
    assert [(one["name"], one["percent_display"]) for one in shares] == [
        ("ann", "60.00"),
        ("bob", "40.00"),
    ]
    risk = found["liquidations_at_risk"]
    assert (risk["rank"], risk["fall"], risk["accounts"]) == (2, Decimal("0.3"), 1)
    assert risk["collateral_usd_display"] == "150.00"
    code, _, faults = run("book", {**ask, "falls": ["x"]})
    assert (code, faults) == (2, ["line 1: falls.0: is not a plain finite number"])
