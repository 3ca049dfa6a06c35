"""`fusion var`: value at risk and expected shortfall of what is held."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cli.var_request import Question
    from core.value_at_risk import Contributions, Risk

COLUMNS = (("asset", "asset"), ("exposure", "exposure"), ("var", "VaR"), ("es", "ES"))
ACCOUNTS = (("user_id", "account"), ("var", "VaR"), ("es", "ES"))


def var(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The request; standard input without one."),
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="For people instead of programs.")] = False,
) -> None:
    """VaR and ES: historical, parametric or Monte Carlo. JSON or JSON Lines in and out."""
    from cli.jsonio import serve

    serve(file, answer, show if table else None)


def answer(value: object) -> dict[str, object]:
    """`{"var", "es", "convention", "contributions", ...}`; InputError with every fault."""
    from cli.var_request import question_of

    asked = question_of(value)
    risk, parts = _measure(asked)
    row: dict[str, object] = {
        "method": risk.method.value,
        "confidence": asked.confidence,
        "horizon_days": asked.horizon_days,
        "unit": asked.unit,
        "value": float(asked.exposures.sum()),
        "observations": len(asked.returns),
        "var": risk.var,
        "es": risk.es,
        "convention": risk.convention,
        "contributions": [
            {"asset": name, "exposure": float(exposure), "var": float(var_part), "es": float(es)}
            for name, exposure, var_part, es in zip(
                asked.assets, asked.exposures, parts.var, parts.es, strict=True
            )
        ],
    }
    if asked.accounts:
        row["accounts"] = [
            {
                "user_id": user,
                "var": float(exposures @ parts.var_rate),
                "es": float(exposures @ parts.es_rate),
            }
            for user, exposures in asked.accounts.items()
        ]
    return row


def show(found: Mapping[str, Any]) -> None:
    """Tables for people: what each asset and account adds to the whole."""
    from cli.margin_table import show as show_table

    typer.echo(f"VaR {found['var']:,.6g}   ES {found['es']:,.6g}   ({found['unit']})")
    typer.echo(found["convention"])
    for title, columns, rows in (
        ("Contributions, which add up", COLUMNS, found["contributions"]),
        ("By account", ACCOUNTS, found.get("accounts", ())),
    ):
        spelled = [{key: _figure(cell) for key, cell in row.items()} for row in rows]
        show_table(title, columns, spelled)


def _measure(asked: "Question") -> "tuple[Risk, Contributions]":
    from core import value_at_risk as history
    from core import var_monte_carlo as drawing
    from core import var_normal as normal
    from core.value_at_risk import Method

    returns, exposures, level = asked.returns, asked.exposures, asked.confidence
    days = asked.scaled_days
    if asked.method is Method.HISTORICAL:
        risk = history.historical(
            returns, exposures, level, horizon_days=days, window_days=asked.window_days
        )
        parts = history.historical_contributions(returns, exposures, level, horizon_days=days)
        return risk, parts
    moments = normal.Moments.of(returns)
    if asked.method is Method.PARAMETRIC:
        risk = normal.parametric(moments, exposures, level, horizon_days=days)
        parts = normal.parametric_contributions(moments, exposures, level, horizon_days=days)
        return risk, parts
    risk = drawing.monte_carlo(
        moments, exposures, level, horizon_days=days, draws=asked.draws, seed=asked.seed
    )
    parts = drawing.monte_carlo_contributions(moments, exposures, risk, horizon_days=days)
    return risk, parts


def _figure(cell: object) -> str:
    return f"{cell:,.6g}" if isinstance(cell, float) else str(cell)
