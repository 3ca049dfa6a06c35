"""`fusion margin` asked about one account, and its answer."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from typer.testing import CliRunner

from cli.main import app

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
    """The one answer; a fault or another exit status than 0 is a failure."""
    code, answers, faults = run(command, request, arguments=arguments)
    assert (code, len(answers), faults) == (0, 1, []), (code, answers, faults)
    found: dict[str, Any] = answers[0]
    return found


def account(request: object) -> dict[str, Any]:
    """The assessment of the first account."""
    found: dict[str, Any] = answer("assess", request)["accounts"][0]
    return found
