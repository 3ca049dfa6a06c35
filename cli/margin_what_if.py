"""What `fusion margin what-if` answers: before, after, what lies between, and what was asked."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cli.jsonio import exact
from cli.margin_answer import Row, account_answer, spelled
from cli.margin_edits import only, scenario_of, shocks_of, unknown_of
from cli.margin_request import Faults, Request, mapping, request_of, sequence, symbols_of
from core.bands import RECHECK, STATUS_ORDER
from core.curve import CurvePoint, curve
from core.edits import GroupShock, SetAmount, SetPrice, ShockAll
from core.errors import FieldError
from core.grid import Grid, grid
from core.margin import Assessment, assess, floor_score
from core.policy import Policy
from core.portfolio import Portfolio
from core.scenario_text import PriceBase, PriceMove, scenario_from_text, scenario_to_text
from core.solve import Solution, Unknown, solve
from core.what_if import Comparison, Scenario, Step, apply, compare, policy_under, waterfall

KEYS = ("edits", "scenario", "solve", "curve", "grid")
Asked = tuple[str, Unknown, Decimal]


def what_if(value: object, policy: Policy | None) -> Row:
    """Answer one request. Raises InputError and CoreError for what cannot be used."""
    request = request_of(value, policy, KEYS)
    table = mapping(value, "request")
    scenario, base = _scenario(table)
    judged = policy_under(request.policy, scenario)
    asked = _asked(table, judged)
    held = frozenset().union(*(account.assets for account in request.accounts))
    written = scenario_to_text(scenario, PriceBase.of(request.prices, held))
    return {
        "policy_version": judged.version,
        "scenario": written,
        "edits": [str(edit) for edit in scenario.edits],
        "moved": [_moved(move) for move in base.moved(request.prices)] if base else [],
        "accounts": [
            _account(account, request, scenario, asked, table) for account in request.accounts
        ],
    }


def _scenario(table: Mapping[str, Any]) -> tuple[Scenario, PriceBase | None]:
    text = table.get("scenario")
    if text is None:
        return scenario_of(table.get("edits", [])), None
    if not isinstance(text, str):
        raise FieldError("scenario", "must be a text, as an answer gave it")
    written, base = scenario_from_text(text)
    return Scenario((*written.edits, *scenario_of(table.get("edits", [])).edits)), base


def _asked(table: Mapping[str, Any], policy: Policy) -> list[Asked]:
    faults = Faults()
    found = [
        faults.take(unknown_of, raw, f"solve.{i}", policy)
        for i, raw in enumerate(sequence(table.get("solve", []), "solve"))
    ]
    faults.settle()
    return [one for one in found if one is not None]


def _account(
    account: Portfolio,
    request: Request,
    scenario: Scenario,
    asked: list[Asked],
    table: Mapping[str, Any],
) -> Row:
    before = assess(account, request.prices, request.policy)
    policy = policy_under(request.policy, scenario)
    portfolio, prices = apply(account, request.prices, scenario, policy)
    then = request.under(prices, policy)
    after = assess(portfolio, prices, policy)
    row: Row = {
        "user_id": account.user_id,
        "status": after.status.value,
        "score": spelled(after.score),
        "before": account_answer(account, request),
        "after": account_answer(portfolio, then),
        "diff": _diff(compare(before, after)),
        "steps": [_step(s) for s in waterfall(account, request.prices, request.policy, scenario)],
    }
    if asked:
        row["solutions"] = [
            _solution(kind, target, solve(portfolio, prices, policy, unknown, target))
            for kind, unknown, target in asked
        ]
    if "curve" in table:
        row["curve"] = _curve(portfolio, then, mapping(table["curve"], "curve"))
    if "grid" in table:
        row["grid"] = _grid(portfolio, then, mapping(table["grid"], "grid"))
    return row


def _diff(found: Comparison) -> Row:
    return {
        "status_changed": found.status_changed,
        "score": spelled(found.score_change),
        "health_factor": spelled(found.health_factor_change),
        "collateral_usd": spelled(found.collateral_change_usd),
        "borrow_usd": spelled(found.borrow_change_usd),
        "lines": [
            {
                "side": line.side.value,
                "asset": line.asset,
                "before_usd": spelled(line.before_usd),
                "after_usd": spelled(line.after_usd),
            }
            for line in found.lines
        ],
    }


def _step(step: Step) -> Row:
    after = step.comparison.after
    return {
        "edit": str(step.edit),
        "score_change": spelled(step.comparison.score_change),
        "score": spelled(after.score),
        "status": after.status.value,
    }


def _moved(move: PriceMove) -> Row:
    return {
        "asset": move.asset,
        "was": exact(move.was),
        "now": spelled(move.now),
        "fraction": spelled(move.fraction),
    }


def _solution(kind: str, target: Decimal, found: Solution | None) -> Row:
    if found is None:
        return {"for": kind, "target": exact(target), "direction": None, "value": None}
    return {
        "for": kind,
        "target": exact(target),
        "direction": found.direction.value,
        "value": spelled(_value(found)),
        "edit": None if found.edit is None else str(found.edit),
        **_judged(found.after),
    }


def _value(found: Solution) -> Decimal | None:
    match found.edit:
        case SetPrice(_, value) | SetAmount(_, _, value):
            return value
        case ShockAll(value, _) | GroupShock(value, _):
            return value
    return None


def _judged(after: Assessment | None) -> Row:
    if after is None:
        return {"score": None, "status": None}
    return {"score": spelled(after.score), "status": after.status.value}


def _curve(portfolio: Portfolio, request: Request, table: Mapping[str, Any]) -> list[Row]:
    only(table, ("asset", "pegged", "shocks", "from", "to", "steps"), "curve")
    [asset] = symbols_of([table["asset"]], "curve.asset") if "asset" in table else [None]
    pegged = frozenset(symbols_of(table.get("pegged", []), "curve.pegged"))
    shocks = shocks_of(table, "curve")
    points = curve(portfolio, request.prices, request.policy, shocks, asset=asset, pegged=pegged)
    return [_point(point, asset) for point in points]


def _point(point: CurvePoint, asset: str | None) -> Row:
    found = point.assessment
    priced = {line.asset: line.price for line in found.lines}
    return {
        "shock": exact(point.shock),
        **({} if asset is None else {"price": spelled(priced.get(asset))}),
        "score": spelled(found.score),
        "status": found.status.value,
    }


def _grid(portfolio: Portfolio, request: Request, table: Mapping[str, Any]) -> Row:
    only(table, ("assets", "shocks", "shocks_b", "from", "to", "steps"), "grid")
    assets = symbols_of(table.get("assets", []), "grid.assets")
    if len(assets) != 2:
        raise FieldError("grid.assets", "must be two assets")
    first = shocks_of(table, "grid")
    second = shocks_of(table, "grid", "shocks_b") if "shocks_b" in table else None
    found = grid(portfolio, request.prices, request.policy, *assets, first, second)
    return _cells(found)


def _cells(found: Grid) -> Row:
    """Statuses are exact; scores are float64, so they are only shown, to two decimals."""
    return {
        "assets": [found.asset_a, found.asset_b],
        "shocks_a": [exact(shock) for shock in found.shocks_a],
        "shocks_b": [exact(shock) for shock in found.shocks_b],
        "status": [[STATUS_ORDER[code].value for code in row] for row in found.status],
        "score_display": [
            [None if cell != cell else _floored(cell) for cell in row.tolist()]
            for row in found.score
        ],
    }


def _floored(score: float) -> str:
    """Two decimals, down; a float that is a hair under two decimals is meant to be them."""
    near = Decimal(score).quantize(Decimal("0.01"))
    hair = RECHECK * max(1.0, abs(score))
    return floor_score(near if abs(float(near) - score) <= hair else Decimal(score))
