"""What an account may still take out before it falls under a threshold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from types import MappingProxyType

from core.exact import CONTEXT, ZERO, quotient
from core.levels import STEP
from core.margin import Assessment, assess, at_or_above
from core.policy import Policy, Status, coverage
from core.portfolio import Portfolio, PriceSnapshot, Side

_NO_STEPS: Mapping[str, Decimal] = MappingProxyType({})


class HeadroomKind(StrEnum):
    """The two ways to take something out."""

    WITHDRAW = "withdraw"
    BORROW = "borrow"


@dataclass(frozen=True, slots=True)
class Headroom:
    """The most (units of `asset`, a multiple of its step) that leaves the score at `target`.

    WITHDRAW takes collateral out, BORROW takes more of a debt out of the account. `usd` is the
    amount at the present price.
    """

    target: Decimal
    kind: HeadroomKind
    asset: str
    amount: Decimal
    usd: Decimal


def headroom(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    policy: Policy,
    target: Decimal,
    *,
    borrow_with: Iterable[str] = (),
    steps: Mapping[str, Decimal] = _NO_STEPS,
    step: Decimal | None = STEP,
) -> tuple[Headroom, ...]:
    """Withdrawals `(C - k*B)/(w*p)`, at most what is held, and borrows `(C - k*B)/(k*p)`.

    Every one alone, for each collateral held, each asset owed and those of `borrow_with`. Nothing
    for an account below the target or with a price missing. Rounded down to the asset's step
    (`step` for those that `steps` does not name; None: 50 digits) and verified by re-assessing.
    """
    now = assess(portfolio, prices, policy)
    if now.collateral_usd is None or now.borrow_usd is None or now.status is Status.UNKNOWN:
        return ()
    k, found = coverage(target), []
    with localcontext(CONTEXT):
        surplus = now.collateral_usd - k * now.borrow_usd
        if surplus < 0:
            return ()
        ways: list[tuple[HeadroomKind, str, Decimal, Decimal | None]] = [
            (HeadroomKind.WITHDRAW, asset, policy.weight_of(portfolio, asset), held)
            for asset, held in portfolio.collateral.items()
        ]
        ways += [
            (HeadroomKind.BORROW, asset, k, None)
            for asset in dict.fromkeys((*portfolio.borrow, *borrow_with))
        ]
        for kind, asset, cost, limit in ways:
            if prices.fault(asset) is not None:
                continue
            price = prices.points[asset].price
            amount = _most(surplus, cost * price, limit, steps.get(asset, step))
            one = Headroom(target, kind, asset, amount, amount * price)
            if at_or_above(*_after(one, portfolio, prices, policy), target):
                found.append(one)
    return tuple(found)


def _most(surplus: Decimal, cost: Decimal, limit: Decimal | None, step: Decimal | None) -> Decimal:
    """How many units may go, each costing so many USD of surplus; `limit` is what is there."""
    if limit is not None and cost * limit <= surplus:
        return limit
    if step is None:
        return quotient(surplus, cost)
    return surplus // (cost * step) * step


def _after(
    one: Headroom, portfolio: Portfolio, prices: PriceSnapshot, policy: Policy
) -> tuple[Decimal, Decimal]:
    """C and B of the account without what is taken out."""
    withdraw = one.kind is HeadroomKind.WITHDRAW
    side = Side.COLLATERAL if withdraw else Side.BORROW
    held = portfolio.side(side).get(one.asset, ZERO)
    amount = held - one.amount if withdraw else held + one.amount
    after: Assessment = assess(portfolio.with_amount(side, one.asset, amount), prices, policy)
    assert after.collateral_usd is not None  # every price was there before
    assert after.borrow_usd is not None
    return after.collateral_usd, after.borrow_usd
