"""`fusion margin hit`: one probability for five numbers."""

import csv
import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli import hit as command
from cli.jsonio import InputError
from tests.support import shared

CASE = {"spot": "100", "barrier": "80", "drift": 0, "vol": "0.5", "years": 1}


def run(text: str, *arguments: str) -> Any:
    app = typer.Typer()
    app.command()(command.hit)
    return CliRunner().invoke(app, arguments, input=text)


def test_each_line_has_its_probability() -> None:
    found = run(f"{json.dumps(CASE)}\n{json.dumps({**CASE, 'barrier': 100})}\n")
    assert found.exit_code == 0
    first, second = (json.loads(line)["probability"] for line in found.stdout.splitlines())
    assert first == pytest.approx(0.655, abs=1e-3)
    assert second == 1


def test_published_barriers_are_met_from_text() -> None:
    with shared("vectors/hit_probability.csv").open() as file:
        for row in csv.DictReader(file):
            vol = float(row["vol"])
            found = command.answer(
                {
                    "spot": row["spot"],
                    "barrier": row["barrier_down"],
                    "drift": repr(float(row["r"]) - float(row["q"]) - vol * vol / 2),
                    "vol": row["vol"],
                    "years": repr(float(row["days_act360"]) / 360),
                }
            )
            assert abs(float(str(found["probability"])) - float(row["quantlib_prob"])) <= 1e-12


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as refused:
        command.answer({"spot": "x", "barier": 1, "drift": 0, "vol": True})
    names = {fault.split(":")[0] for fault in refused.value.faults}
    assert names == {"spot", "barier", "barrier", "vol", "years"}


def test_a_fault_ends_with_two_and_names_its_line() -> None:
    found = run(json.dumps({**CASE, "spot": 0}))
    assert found.exit_code == 2
    assert found.stderr.startswith("line 1: spot: ")


def test_people_get_a_percentage() -> None:
    assert "65.5" in run(json.dumps(CASE), "--table").stdout
