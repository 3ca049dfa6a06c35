"""`fusion margin stress`: what accounts are worth down one matrix and up the other."""

import json
from decimal import Decimal
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import stress as command
from cli.jsonio import InputError

ANN = {
    "user_id": "ann",
    "collateral": {"ETH": "10"},
    "borrow": {"USDC": "500"},
    "hedges": {"ETH": "-2"},
    "cash": "100",
}
REQUEST = {
    "prices": {"ETH": "100", "USDC": "1"},
    "shocks_down": {"ETH": "-0.3"},
    "shocks_up": {"ETH": "0.4"},
    "accounts": [ANN],
}


def run(text: str, *arguments: str) -> Any:
    app = typer.Typer()
    app.command()(command.stress)
    return CliRunner().invoke(app, arguments, input=text)


def only(**changes: Any) -> dict[str, Any]:
    found = command.answer({**REQUEST, **changes})
    assert found["policy_version"] == "2026-11"
    accounts = found["accounts"]
    assert isinstance(accounts, list)
    (row,) = accounts
    return dict(row)


def faults(request: dict[str, Any]) -> set[str]:
    with pytest.raises(InputError) as refused:
        command.answer(request)
    return {fault.split(": ")[0] for fault in refused.value.faults}


def test_values_hedges_cash_and_risk_factor_are_exact_strings() -> None:
    # 700 and 60 of the hedge and 100 of cash; 1400 less 80 and 100
    row = only()
    assert (row["value_down"], row["value_up"]) == ("860", "1420")
    assert (row["stressed_value"], row["risk_factor"]) == ("860", "1.72")
    assert (row["user_id"], row["status"], row["score"]) == ("ann", "HEALTHY", "100")


def test_a_factor_that_does_not_end_has_its_digits() -> None:
    row = only(accounts=[{**ANN, "borrow": {"USDC": "700"}}])
    assert len(row["risk_factor"].replace(".", "")) >= 28
    assert row["risk_factor_display"] == "1.22"


def test_one_line_is_one_answer() -> None:
    found = run(f"{json.dumps(REQUEST)}\n{json.dumps(REQUEST)}\n")
    assert found.exit_code == 0
    assert len(found.stdout.splitlines()) == 2


def test_without_shocks_of_its_own_a_request_takes_the_policys() -> None:
    policy = {"shocks": {"down": {"ETH": "-0.5"}}}
    request = {key: value for key, value in REQUEST.items() if not key.startswith("shocks")}
    found: Any = command.answer({**request, "policy": policy})
    assert found["accounts"][0]["value_down"] == "700"  # 500 + 100 + 100
    assert faults(request) == {"shocks_down"}


def test_a_preset_shocks_what_is_held_and_hedged() -> None:
    request = {key: value for key, value in REQUEST.items() if key != "shocks_down"}
    found: Any = command.answer({**request, "preset": "down-20", "shocks_up": {}})
    assert found["accounts"][0]["value_down"] == "940"  # 800 + 40 + 100
    hedged = {**ANN, "hedges": {"SOL": -1}}
    row: Any = command.answer({**request, "preset": "down-20", "accounts": [hedged]})
    assert row["accounts"][0]["reasons"] == {"SOL": "no price"}
    assert faults({**request, "preset": "tulips"}) == {"preset"}
    assert faults({**REQUEST, "preset": "down-20"}) == {"preset"}


def test_the_presets_are_listed_with_their_sources() -> None:
    listed = json.loads(run("", "--presets").stdout)["presets"]
    assert {"2020-03-12", "2025-10-10", "down-50"} <= {one["preset"] for one in listed}
    assert all(one["source"] for one in listed)


def test_an_account_without_a_price_is_named_and_has_no_value() -> None:
    row = only(prices={"USDC": 1})
    assert (row["status"], row["stressed_value"], row["risk_factor"]) == ("UNKNOWN", None, None)
    assert row["reasons"] == {"ETH": "no price"}


def test_an_account_without_a_debt_has_no_factor() -> None:
    row = only(accounts=[{**ANN, "borrow": {}}])
    assert (row["status"], row["stressed_value"], row["risk_factor"]) == ("NO_DEBT", "860", None)


def test_every_fault_is_named_at_once() -> None:
    broken = {**ANN, "hedges": {"ETH": "x"}, "borrow": {"USDC": -1}}
    request = {**REQUEST, "accounts": [broken], "shocks_down": {"ETH": -2}}
    assert faults(request) == {
        "accounts.0.borrow.USDC",
        "accounts.0.hedges.ETH",
        "shocks_down.ETH",
    }
    assert "accounts.0" in faults({**REQUEST, "accounts": ["ann"]})


def test_a_policy_file_serves_requests_without_one(tmp_path: Any) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('version = "mine"\n[shocks.down]\nETH = "-0.1"\n')
    request = {key: value for key, value in REQUEST.items() if not key.startswith("shocks")}
    found = run(json.dumps(request), "--policy", str(path))
    assert json.loads(found.stdout)["policy_version"] == "mine"
    assert run(json.dumps(request), "--policy", str(tmp_path / "none.toml")).exit_code == 2


def test_people_get_a_table() -> None:
    assert "risk factor" in run(json.dumps(REQUEST), "--table").stdout


def test_forty_digits_of_amount_and_price_are_kept() -> None:
    digits = "1.000000000000000000000000000000000000001"
    row = only(
        prices={"ETH": digits, "USDC": 1},
        accounts=[{"user_id": "a", "collateral": {"ETH": digits}, "borrow": {}}],
        shocks_down={},
    )
    assert Decimal(row["value_down"]) == Decimal(
        "1.000000000000000000000000000000000000002000000000000000000000000000000000000001"
    )
