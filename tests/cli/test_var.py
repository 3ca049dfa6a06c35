"""`fusion var`: a history and what is held; VaR and ES with their convention."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cli import var as command
from cli.jsonio import InputError
from tests.cli.fusion import fusion
from tests.support import shared

FALLS = [[-0.1, 0], [0, -0.2], *[[0.01, 0.01]] * 18]


def ask(**request: Any) -> dict[str, Any]:
    return dict(command.answer({"confidence": "0.95", **request}))


def faults(**request: Any) -> set[str]:
    with pytest.raises((InputError, ValueError)) as refused:
        ask(**request)
    found = getattr(refused.value, "faults", None) or (str(refused.value),)
    return {fault.split(": ")[0] for fault in found}


def test_the_answer_is_one_line_with_a_convention(tmp_path: Path) -> None:
    request = {"returns": FALLS, "weights": [0.5, 0.5], "confidence": 0.9}
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request, indent=1))
    found = fusion("var", path, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    (line,) = found.stdout.splitlines()
    answer = json.loads(line)
    # k = 2 of 20: half of -10 percent is VaR, the mean of it and half of -20 percent is ES
    assert (answer["var"], answer["es"]) == (pytest.approx(0.05), pytest.approx(0.075))
    assert "outcome 2 of 20" in answer["convention"]


def test_faults_end_with_two_and_people_get_tables(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"returns": FALLS, "weights": [0.5, 0.5], "confidence": 95}))
    found = fusion("var", path, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("line 1: confidence: ")
    path.write_text(json.dumps({"returns": FALLS, "weights": [0.5, 0.5]}))
    assert "Contributions" in fusion("var", path, "--table", cwd=tmp_path).stdout


@pytest.mark.parametrize("method", ["historical", "parametric", "monte_carlo"])
def test_contributions_add_up(method: str) -> None:
    found = ask(returns=FALLS, weights={"ETH": 0.3, "BTC": 0.7}, method=method)
    assert [row["asset"] for row in found["contributions"]] == ["ETH", "BTC"]
    for figure in ("var", "es"):
        parts = sum(row[figure] for row in found["contributions"])
        assert parts == pytest.approx(found[figure])


def test_es_of_the_peers_is_met() -> None:
    with shared("vectors/sp500_20_returns_1000d.csv").open() as file:
        rows = [row[1:] for row in csv.reader(file)][1:]
    for case in json.loads(shared("vectors/var_es_peers.json").read_text())["cases"]:
        shape = {"returns": rows, "weights": case["weights"], "confidence": case["confidence"]}
        assert abs(ask(**shape)["es"] - case["riskfolio_CVaR_Hist"]) <= 1e-12
        normal = ask(**shape, method="parametric")
        assert abs(normal["var"] - case["scipy_parametric_normal_VaR"]) <= 1e-12
        assert abs(normal["es"] - case["closed_normal_ES"]) <= 1e-12


def test_ranked_losses_of_one_series_need_no_weights() -> None:
    losses = [-2833, -2333, -2228, -2084, -1960, -1751, -1679, -1558, -1542, -1484]
    found = ask(returns=[*losses, *[0] * 990], confidence="0.99")
    assert (found["var"], found["es"]) == (1484, pytest.approx(1945.2))


def test_positions_are_weighted_by_value_at_the_last_price() -> None:
    prices = {"BTC": ["110000", "99000", "99000", "100000"], "USDC": [1, 1, 1, 1]}
    found = ask(prices=prices, positions={"BTC": 1, "USDC": 10_000}, confidence="0.9")
    assert found["unit"] == "usd"
    assert found["value"] == 110_000
    assert found["var"] == pytest.approx(10_000)  # a tenth of 100,000, not of 10,001 units


def test_a_debt_is_a_negative_position_and_accounts_add_up() -> None:
    prices = {"ETH": [100, 90, 99, 100], "BTC": [1000, 1100, 1000, 1000]}
    accounts = [
        {"user_id": "ann", "collateral": {"ETH": 10}, "borrow": {"BTC": "0.5"}},
        {"user_id": "bob", "collateral": {"BTC": 1}, "borrow": {}},
    ]
    found = ask(prices=prices, accounts=accounts, confidence="0.9")
    exposures = {row["asset"]: row["exposure"] for row in found["contributions"]}
    assert exposures == {"ETH": 1000, "BTC": 500}
    assert sum(row["var"] for row in found["accounts"]) == pytest.approx(found["var"])
    assert [row["user_id"] for row in found["accounts"]] == ["ann", "bob"]
    assert faults(prices=prices, accounts=[accounts[0]] * 2) == {"accounts.1.user_id"}


def test_prices_give_realised_moves_over_the_horizon_and_returns_a_scaled_one() -> None:
    prices = [100, 90, 81, 90, 100]
    realised = ask(prices=prices, horizon_days=2, confidence="0.9")
    assert realised["var"] == pytest.approx(0.19)
    assert "windows overlap" in realised["convention"]
    scaled = ask(prices=prices, horizon_days=4, confidence="0.9", scaling="sqrt_time")
    assert scaled["var"] == pytest.approx(0.2)
    assert "approximation" in scaled["convention"]
    assert ask(returns=[-0.1, 0.1], horizon_days=4)["var"] == pytest.approx(0.2)
    assert faults(returns=[-0.1, 0.1], horizon_days=4, scaling="realised") == {"scaling"}


def test_rows_may_be_lists_or_objects_and_columns_lists_by_asset() -> None:
    weights = {"ETH": 0.5, "BTC": 0.5}
    forms: list[Any] = [
        FALLS,
        [{"ETH": eth, "BTC": btc} for eth, btc in FALLS],
        {"ETH": [row[0] for row in FALLS], "BTC": [row[1] for row in FALLS]},
        [[row[0] for row in FALLS], [row[1] for row in FALLS]],
    ]
    assert {ask(returns=form, weights=weights)["var"] for form in forms} == {0.1}


def test_weights_of_a_value_give_dollars() -> None:
    found = ask(returns=FALLS, weights=[0.5, 0.5], value="1000000")
    assert (found["unit"], found["var"]) == ("usd", pytest.approx(100_000))
    assert ask(returns=FALLS, values=[500, 500])["var"] == pytest.approx(100)


def test_returns_and_present_prices_carry_positions() -> None:
    shape = {"returns": FALLS, "assets": ["ETH", "BTC"], "positions": {"BTC": 2}}
    assert ask(**shape, prices={"ETH": 100, "BTC": 1000})["var"] == pytest.approx(400)
    assert faults(**shape) == {"prices"}


def test_the_same_seed_draws_the_same_figures() -> None:
    shape = {"returns": FALLS, "weights": [0.5, 0.5], "method": "monte-carlo", "draws": 1000}
    assert ask(**shape)["var"] == ask(**shape)["var"] != ask(**shape, seed=7)["var"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({}, "returns"),
        ({"returns": []}, "returns"),
        ({"returns": FALLS}, "weights"),
        ({"returns": FALLS, "weights": [1, 2, 3]}, "weights"),
        ({"returns": [[1, 2], [3]], "weights": [1, 2]}, "returns.1"),
        ({"returns": [[1, "x"], [3, 4]], "weights": [1, 2]}, "returns.0.1"),
        ({"returns": [1, None]}, "returns.1"),
        ({"returns": {"A": [1, 2], "B": [1]}, "weights": [1, 2]}, "returns"),
        ({"returns": {"A": [1, 2]}, "weights": {"B": 1}}, "weights.B"),
        ({"returns": [{"A": 1}, {}], "weights": {"A": 1}}, "returns.1.A"),
        ({"returns": FALLS, "weights": {"a": 1, "A": 1}}, "assets"),
        ({"returns": FALLS, "weights": [1, 1], "values": [1, 1]}, "values"),
        ({"returns": FALLS, "values": [1, 1], "value": 5}, "value"),
        ({"returns": FALLS, "weights": [1, 1], "method": "guess"}, "method"),
        ({"returns": FALLS, "weights": [1, 1], "horizon_days": 0}, "horizon_days"),
        ({"returns": FALLS, "weights": [1, 1], "draws": "1.5"}, "draws"),
        ({"returns": FALLS, "wieghts": [1, 1]}, "wieghts"),
        ({"returns": [0.1], "method": "parametric"}, "returns"),
        ({"prices": [1, 0]}, "prices"),
        ({"prices": [1, 2], "horizon_days": 5}, "prices"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(request_: dict[str, Any], field: str) -> None:
    assert field in faults(**request_)
