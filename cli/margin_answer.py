"""What a margin command says of an account: exact figures as strings, rounded ones beside them.

An exact figure has every digit, or 50 significant ones where it does not end. What ends in
`_display` is rounded to the careful side: scores and health factors down, what must be put in up,
what may be taken out down.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from cli.jsonio import exact
from cli.margin_request import Request
from core.contributions import contributions
from core.exact import ONE, money
from core.headroom import Headroom, headroom
from core.levels import Cure, Trigger, cures, triggers
from core.margin import Assessment, Line, assess, floor_score
from core.portfolio import Portfolio

Row = dict[str, object]


def account_answer(portfolio: Portfolio, request: Request) -> Row:
    """The assessment of one account with its levels, cures, headroom and reasons."""
    found = assess(portfolio, request.prices, request.policy)
    return {
        **figures(found),
        "triggers": [trigger_row(one) for one in triggers(found, request.targets)],
        "cures": [cure_row(one) for one in _cures(portfolio, request)],
        "headroom": [headroom_row(one) for one in _headroom(portfolio, request)],
        "why": why(found),
    }


def figures(found: Assessment) -> Row:
    """Status, score, health factor, USD and the reasons of what is not known."""
    factor = found.health_factor
    return {
        "user_id": found.user_id,
        "status": found.status.value,
        "score": spelled(found.score),
        "score_display": None if found.score is None else floor_score(found.score),
        "health_factor": spelled(factor),
        "health_factor_display": None if factor is None else shown(factor, ROUND_FLOOR),
        "collateral_usd": spelled(found.collateral_usd),
        "collateral_usd_display": shown(found.collateral_usd),
        "borrow_usd": spelled(found.borrow_usd),
        "borrow_usd_display": shown(found.borrow_usd),
        "liquidation_price_drop_percent": _fixed(found.liquidation_price_drop_percent),
        "reasons": dict(found.reasons),
    }


def why(found: Assessment) -> list[Row]:
    """Every position and the points it adds to the score; together they are the score."""
    points = {id(one.line): one.points for one in contributions(found)}
    return [_why(line, points.get(id(line))) for line in found.lines]


def trigger_row(one: Trigger) -> Row:
    """A trigger price."""
    rounding = ROUND_CEILING if one.good_above else ROUND_FLOOR
    return {
        "asset": one.asset,
        "target": exact(one.target),
        "price": spelled(one.price),
        "price_display": None if one.price is None else fitted(one.price, rounding),
        "direction": one.direction.value,
    }


def cure_row(one: Cure) -> Row:
    """A cure."""
    return {
        "target": exact(one.target),
        "kind": one.kind.value,
        "asset": one.asset,
        "amount": exact(one.amount),
        "amount_display": fitted(one.amount, ROUND_CEILING),
        "usd": exact(one.usd),
        "usd_display": shown(one.usd, ROUND_CEILING),
    }


def headroom_row(one: Headroom) -> Row:
    """A headroom."""
    return {
        "target": exact(one.target),
        "kind": one.kind.value,
        "asset": one.asset,
        "amount": exact(one.amount),
        "amount_display": fitted(one.amount, ROUND_FLOOR),
        "usd": exact(one.usd),
        "usd_display": shown(one.usd, ROUND_FLOOR),
    }


def spelled(value: Decimal | None) -> str | None:
    """The exact figure, null where there is none."""
    return None if value is None else exact(value)


def shown(value: Decimal | None, rounding: str = ROUND_HALF_EVEN) -> str | None:
    """Two decimals."""
    return None if value is None else f"{money(value, 2, rounding):f}"


def fitted(value: Decimal, rounding: str = ROUND_HALF_EVEN) -> str:
    """Two decimals from one on, six significant digits below."""
    places = 2 if abs(value) >= ONE or not value else 5 - value.adjusted()
    return f"{money(value, places, rounding):f}"


def _cures(portfolio: Portfolio, request: Request) -> Iterable[Cure]:
    # an account that holds nothing is offered what it owes: with that it needs no other asset
    add_with = (*request.add_with, *(() if portfolio.collateral else portfolio.borrow))
    for target in request.targets:
        yield from cures(
            portfolio,
            request.prices,
            request.policy,
            target,
            add_with=add_with,
            steps=request.steps,
            step=None,
            fee=request.fee,
        )


def _headroom(portfolio: Portfolio, request: Request) -> Iterable[Headroom]:
    for target in request.targets:
        yield from headroom(
            portfolio,
            request.prices,
            request.policy,
            target,
            borrow_with=request.borrow_with,
            steps=request.steps,
            step=None,
        )


def _why(line: Line, points: Decimal | None) -> Row:
    return {
        "side": line.side.value,
        "asset": line.asset,
        "amount": exact(line.amount),
        "price": spelled(line.price),
        "weight": exact(line.weight),
        "value_usd": spelled(line.value_usd),
        "counted_usd": spelled(line.counted_usd),
        "points": spelled(points),
        **({} if line.reason is None else {"reason": line.reason}),
    }


def _fixed(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
