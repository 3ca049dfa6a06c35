"""`fusion margin stress`: what accounts are worth when prices move, up and down."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cli.margin_request import Faults, Request
    from core.policy import Policy
    from core.portfolio import Portfolio
    from core.stress import Hedges, Shocks

OPTIONS = ("shocks_down", "shocks_up", "preset")
VALUES = ("value_usd", "value_down", "value_up", "stressed_value", "risk_factor")
HEADINGS = ("value now USD", "down USD", "up USD", "stressed USD", "risk factor")
COLUMNS = (
    ("user_id", "account"),
    ("status", "status"),
    *((f"{name}_display", words) for name, words in zip(VALUES, HEADINGS, strict=True)),
    ("reasons", "not known"),
)


def stress(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The request; standard input without one."),
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="For people instead of programs.")] = False,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="TOML; for requests without a policy of their own."),
    ] = None,
    presets: Annotated[
        bool, typer.Option("--presets", help="List the named scenarios and where they come from.")
    ] = False,
) -> None:
    """Value and risk factor under two matrices of shocks, with hedges and cash, exactly."""
    from cli.jsonio import serve, write

    if presets:
        write({"presets": preset_rows()})
        return
    given = _policy(policy)
    serve(file, lambda value: answer(value, given), show if table else None)


def answer(value: object, policy: "Policy | None" = None) -> dict[str, object]:
    """Each account now (status, score) and stressed; InputError with every fault.

    Shocks are the request's, those of the preset it names (down only), or the policy's.
    """
    from cli.margin_request import Faults, mapping, request_of

    asked = mapping(value, "request")
    faults = Faults()
    request = faults.take(request_of, value, policy, OPTIONS)
    listed = asked.get("accounts")
    raw = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    beside = [_hedges(one, f"accounts.{i}", faults) for i, one in enumerate(raw)]
    hedged = {asset for one in beside if one is not None for asset in one.amounts}
    shocks = faults.take(_shocks, asked, request, hedged)
    faults.settle()
    assert request is not None
    assert shocks is not None
    rows = [
        _row(account, request, shocks, hedges)
        for account, hedges in zip(request.accounts, beside, strict=True)
    ]
    return {"policy_version": request.policy.version, "accounts": rows}


def preset_rows() -> list[dict[str, object]]:
    """Every named scenario with its source."""
    from core.presets import PRESETS

    return [
        {
            "preset": one.name,
            "title": one.title,
            "day": one.day.isoformat() if one.day else None,
            "shocks": dict(one.shocks),
            "others": one.others,
            "source": one.source,
        }
        for one in PRESETS
    ]


def show(found: Mapping[str, Any]) -> None:
    """A table for people."""
    from cli.margin_table import show as show_table

    show_table(f"Stress, policy {found['policy_version']}", COLUMNS, found["accounts"])


def _shocks(asked: Mapping[str, Any], request: "Request | None", hedged: set[str]) -> "Shocks":
    from core.errors import FieldError
    from core.presets import preset
    from core.stress import Shocks

    named, down, up = (asked.get(key) for key in ("preset", "shocks_down", "shocks_up"))
    rules = request.policy if request is not None else None
    if named is not None:
        if down is not None:
            raise FieldError("preset", "and shocks_down are given: one of them")
        held = {a for account in request.accounts for a in account.assets} if request else set()
        down = preset(named).shocks_for(held | hedged)
    elif down is None and up is None and rules is not None:
        if not (rules.shocks_down or rules.shocks_up):
            raise FieldError("shocks_down", "is missing: signed fractions by asset, or a preset")
        return Shocks.of(rules.shocks_down, rules.shocks_up)
    return Shocks.of({} if down is None else down, {} if up is None else up)


def _hedges(account: Mapping[str, Any], at: str, faults: "Faults") -> "Hedges | None":
    from core.errors import FieldError
    from core.stress import Hedges

    amounts, cash = account.get("hedges"), account.get("cash")
    try:
        return Hedges.of({} if amounts is None else amounts, 0 if cash is None else cash)
    except FieldError as error:
        faults.found.append(f"{at}.{error}")
        return None


def _row(
    account: "Portfolio", request: "Request", shocks: "Shocks", hedges: "Hedges | None"
) -> dict[str, object]:
    from decimal import ROUND_FLOOR

    from cli.margin_answer import figures, shown, spelled
    from core.margin import assess
    from core.stress import stress as stressed

    found = stressed(account, request.prices, shocks, hedges)
    row: dict[str, object] = dict(figures(assess(account, request.prices, request.policy)))
    for name in VALUES:
        value = getattr(found, name)
        row[name] = spelled(value)
        row[f"{name}_display"] = shown(value, ROUND_FLOOR)
    row["reasons"] = dict(found.reasons)
    return row


def _policy(path: Path | None) -> "Policy | None":
    if path is None:
        return None
    from cli.jsonio import fail
    from consumers.policy_source import load_policy
    from core.errors import PolicyError

    try:
        return load_policy(path)
    except PolicyError as error:
        fail(error.faults)
