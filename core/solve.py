"""Solve for one unknown: the price, the amount or the move that takes an account to a score.

Each answer is an edit. Applied to the account it was solved for, it lands on the target or on its
good side, as verified by the live assessment; a hair beyond it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.edits import GroupShock, SetAmount, SetPrice, ShockAll
from core.exact import CONTEXT, LARGEST, MOST_DIGITS, ONE, SMALLEST, ZERO, quotient
from core.levels import Direction, group_move, trigger_price
from core.margin import Assessment, assess
from core.policy import Policy, coverage
from core.portfolio import Portfolio, PriceSnapshot, Side
from core.what_if import Edit, Scenario, assess_under


@dataclass(frozen=True, slots=True)
class PriceOf:
    """At which price of this asset?"""

    asset: str


@dataclass(frozen=True, slots=True)
class AmountOf:
    """With how many units of this position?"""

    side: Side
    asset: str


@dataclass(frozen=True, slots=True)
class MoveOf:
    """After which move of a group of prices? By their betas; without any, of all but `pegged`."""

    betas: Mapping[str, Decimal] | None = None
    pegged: frozenset[str] = frozenset()


Unknown = PriceOf | AmountOf | MoveOf


@dataclass(frozen=True, slots=True)
class Solution:
    """What reaches `target` percent, which way it lies, and the account once it is there.

    `edit` and `after` are None where nothing does: NEVER when the account stays at or above the
    target whatever the unknown is, ALWAYS_BELOW when it stays below.
    """

    unknown: Unknown
    target: Decimal
    direction: Direction
    edit: Edit | None
    after: Assessment | None


def solve(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    policy: Policy,
    unknown: Unknown,
    target: Decimal,
) -> Solution | None:
    """The value of `unknown` at which the score is `target` percent.

    None for an account without a score; an amount of debt can be solved for without one too, as
    long as every price is there.
    """
    now = assess(portfolio, prices, policy)
    match unknown:
        case PriceOf(asset):
            found = _price(now, asset, target)
        case AmountOf(side, asset):
            found = _amount(portfolio, prices, policy, now, side, asset, target)
        case MoveOf():
            found = _move(now, unknown, target)
    if found is None:
        return None
    direction, edit = found
    after = assess_under(portfolio, prices, policy, Scenario((edit,))) if edit else None
    return Solution(unknown, target, direction, edit, after)


Found = tuple[Direction, Edit | None]


def _price(now: Assessment, asset: str, target: Decimal) -> Found | None:
    trigger = trigger_price(now, asset, target)
    if trigger is None:
        return None
    price = trigger.price
    usable = price is not None and SMALLEST <= price <= LARGEST
    return trigger.direction, SetPrice(asset, price) if usable and price is not None else None


def _move(now: Assessment, unknown: MoveOf, target: Decimal) -> Found | None:
    held = {line.asset for line in now.lines}
    if unknown.betas is None:
        betas = dict.fromkeys(held - unknown.pegged, ONE)
    else:  # what is not held is left where it is: it changes nothing
        betas = {asset: beta for asset, beta in unknown.betas.items() if asset in held}
    move = group_move(now, betas, target)
    if move is None:
        return None
    if move.fraction is None or not _writable(move.fraction):
        return move.direction, None
    if unknown.betas is None:
        return move.direction, ShockAll(move.fraction, unknown.pegged)
    return move.direction, GroupShock(move.fraction, betas)


def _amount(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    policy: Policy,
    now: Assessment,
    side: Side,
    asset: str,
    target: Decimal,
) -> Found | None:
    if now.collateral_usd is None or now.borrow_usd is None or prices.fault(asset) is not None:
        return None
    k, price = coverage(target), prices.points[asset].price
    held = side is Side.COLLATERAL
    with localcontext(CONTEXT):
        slope = price * (policy.weight_of(portfolio, asset) if held else -k)
        surplus = now.collateral_usd - k * now.borrow_usd
        rest = surplus - slope * portfolio.side(side).get(asset, ZERO)
        reached = surplus >= 0
        amount = quotient(-rest, slope, up=slope > 0) if slope else None
        # no amount below nothing, and with collateral none at nothing: it is never short of it
        if amount is None or amount < 0 or (held and not amount):
            above = reached if not slope else held
            return Direction.NEVER if above else Direction.ALWAYS_BELOW, None
    edit = SetAmount(side, asset, amount) if _writable(amount) else None
    if not reached:
        return Direction.RECOVERS_AT, edit
    return Direction.FALLS_TO if held else Direction.RISES_TO, edit


def _writable(number: Decimal) -> bool:
    """Whether an edit may carry it."""
    in_range = not number or SMALLEST <= abs(number) <= LARGEST
    return in_range and len(number.as_tuple().digits) <= MOST_DIGITS
