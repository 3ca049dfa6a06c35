"""How far an account is from a threshold, and what brings it back.

Throughout, `k = 1 + T/100` for a threshold of T percent, C is counted collateral and B the borrow
in USD, and an account is at or above T when `C >= k*B`. Nothing here is estimated: every level put
back into the assessment lands on the threshold or on its good side.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from enum import StrEnum
from types import MappingProxyType

from core.exact import CONTEXT, LARGEST, ONE, ZERO, money, quotient
from core.margin import Assessment, assess, at_or_above
from core.policy import Policy, coverage
from core.portfolio import Portfolio, PriceSnapshot, Side

STEP = Decimal("1e-8")
"""The smallest part of an asset that can be moved, where nothing finer or coarser is known."""
_NO_STEPS: Mapping[str, Decimal] = MappingProxyType({})


class Direction(StrEnum):
    """What a trigger price means for the account."""

    FALLS_TO = "falls_to"  # at or above T now; below it once the price falls under this
    RISES_TO = "rises_to"  # at or above T now; below it once the price rises over this
    RECOVERS_AT = "recovers_at"  # below T now; at or above it from this price on
    NEVER = "never"  # at or above T at every price of this asset
    ALWAYS_BELOW = "always_below"  # below T at every price of this asset


@dataclass(frozen=True, slots=True)
class Move:
    """The signed return of a group of prices at which the score is `target` percent.

    -0.2: the group falls by 20 percent. None for NEVER and ALWAYS_BELOW.
    """

    target: Decimal
    fraction: Decimal | None
    direction: Direction


@dataclass(frozen=True, slots=True)
class Trigger:
    """The price of one asset, all others unmoved, at which the score is `target` percent.

    `price` is in USD, None for NEVER and ALWAYS_BELOW. `good_above` says on which side of it the
    account is at or above the target.
    """

    asset: str
    target: Decimal
    price: Decimal | None
    direction: Direction
    good_above: bool = field(default=True, compare=False)


class CureKind(StrEnum):
    """The three ways back over a threshold."""

    ADD = "add"
    REPAY = "repay"
    SELL = "sell"


@dataclass(frozen=True, slots=True)
class Cure:
    """The least amount (units of `asset`, a multiple of its step) that reaches `target` percent.

    ADD puts in more collateral, REPAY pays back debt from outside, SELL sells own collateral and
    repays debt with the proceeds. `usd` is the amount at the present price.
    """

    target: Decimal
    kind: CureKind
    asset: str
    amount: Decimal
    usd: Decimal


def trigger_price(assessment: Assessment, asset: str, target: Decimal) -> Trigger | None:
    """Where the price of `asset` takes the account across `target` percent.

    `p* = (k*B' - C') / (w*q - k*d)` with B', C' without the asset. None for an account without a
    score. The price is cut to 50 digits towards the side that is at or above the target.
    """
    if assessment.score is None:
        return None
    k = coverage(target)
    with localcontext(CONTEXT):
        slope = rest = ZERO  # C - k*B = slope * price + rest
        for line in assessment.lines:
            if line.asset == asset:
                slope += line.amount * (line.weight if line.side is Side.COLLATERAL else -k)
            elif line.counted_usd is not None:
                rest += line.counted_usd * (ONE if line.side is Side.COLLATERAL else -k)
    holds = _shortfall(assessment, target) <= 0
    # copy_negate: a plain minus would round to the digits of the context outside
    price = quotient(rest.copy_negate(), slope, up=slope > 0) if slope else ZERO
    if price <= 0:
        above = slope > 0 or (not slope and holds)
        return Trigger(asset, target, None, Direction.NEVER if above else Direction.ALWAYS_BELOW)
    if not holds:
        return Trigger(asset, target, price, Direction.RECOVERS_AT, slope > 0)
    direction = Direction.FALLS_TO if slope > 0 else Direction.RISES_TO
    return Trigger(asset, target, price, direction, slope > 0)


def triggers(assessment: Assessment, targets: Iterable[Decimal]) -> tuple[Trigger, ...]:
    """The trigger prices of every held asset for every target; none for an account not scored."""
    assets = dict.fromkeys(line.asset for line in assessment.lines)
    found = (trigger_price(assessment, a, target) for target in targets for a in assets)
    return tuple(trigger for trigger in found if trigger is not None)


def uniform_drop(assessment: Assessment, target: Decimal) -> Decimal | None:
    """By which fraction all collateral may fall until `target` percent: `1 - k*B/C`.

    Negative when it is already below (-0.1: it must rise by 10 percent). None for an account that
    is not scored or has nothing that could fall.
    """
    if assessment.score is None or not assessment.collateral_usd or not assessment.borrow_usd:
        return None
    with localcontext(CONTEXT):
        needed = coverage(target) * assessment.borrow_usd
        return ONE - quotient(needed, assessment.collateral_usd, up=True)


def group_move(
    assessment: Assessment, betas: Mapping[str, Decimal], target: Decimal
) -> Move | None:
    """How far a group of assets may move, each by its beta, until `target` percent.

    `s* = (k*B - C) / (sum(beta*w*v) - k*sum(beta*u))`, a signed return, v and u the values of
    collateral and debt; an asset without a beta does not move. Cut to 40 decimals towards the side
    that is at or above the target. Where some price would have to fall to nothing or below, the
    answer is NEVER or ALWAYS_BELOW. None for an account without a score.
    """
    if assessment.score is None:
        return None
    k, slope = coverage(target), ZERO
    with localcontext(CONTEXT):
        for line in assessment.lines:
            if line.counted_usd is not None and line.asset in betas:
                share = line.counted_usd if line.side is Side.COLLATERAL else -k * line.counted_usd
                slope += betas[line.asset] * share
    missing = _shortfall(assessment, target)
    holds = missing <= 0
    move = _cut(missing, slope) if slope else None
    if move is None or not _leaves_prices(move, assessment, betas):
        return Move(target, None, Direction.NEVER if holds else Direction.ALWAYS_BELOW)
    if not holds:
        return Move(target, move, Direction.RECOVERS_AT)
    return Move(target, move, Direction.FALLS_TO if slope > 0 else Direction.RISES_TO)


def _cut(numerator: Decimal, slope: Decimal) -> Decimal | None:
    """The quotient to 40 decimals, upwards for a slope above zero; None where it is beyond 1e40."""
    with localcontext(CONTEXT):
        exact = quotient(numerator, slope, up=slope > 0)
        if abs(exact) > LARGEST:
            return None
        return money(exact, 40, ROUND_CEILING if slope > 0 else ROUND_FLOOR)


def _leaves_prices(move: Decimal, assessment: Assessment, betas: Mapping[str, Decimal]) -> bool:
    with localcontext(CONTEXT):
        return all(move * betas.get(line.asset, ZERO) > -ONE for line in assessment.lines)


def cures(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    policy: Policy,
    target: Decimal,
    *,
    add_with: Iterable[str] = (),
    steps: Mapping[str, Decimal] = _NO_STEPS,
    step: Decimal | None = STEP,
    fee: Decimal = ZERO,
) -> tuple[Cure, ...]:
    """Every single-asset way back to `target` percent; none when it is reached or not scored.

    ADD is offered for the collateral held and for `add_with`, REPAY and SELL as far as the debt
    and the holding reach. `fee` is the fraction of a sale that is lost. Each amount is rounded up
    to the asset's step and verified by assessing the account that it would make.
    """
    now = assess(portfolio, prices, policy)
    shortfall = _shortfall(now, target)
    if now.score is None or shortfall <= 0:
        return ()
    found = []
    with localcontext(CONTEXT):
        for kind, asset, gain, limit in _ways(portfolio, policy, coverage(target), add_with, fee):
            if gain <= 0 or prices.fault(asset) is not None:
                continue
            price = prices.points[asset].price
            if limit is not None and gain * price * limit < shortfall:
                continue
            amount = _round_up(shortfall, gain * price, steps.get(asset, step))
            amount = amount if limit is None else min(amount, limit)
            cure = Cure(target, kind, asset, amount, amount * price)
            if _lands(cure, portfolio, prices, policy, fee):
                found.append(cure)
    return tuple(found)


def _ways(
    portfolio: Portfolio, policy: Policy, k: Decimal, add_with: Iterable[str], fee: Decimal
) -> Iterator[tuple[CureKind, str, Decimal, Decimal | None]]:
    """Kind, asset, how many USD of shortfall vanish per USD moved, how many units there are."""
    for asset in dict.fromkeys((*portfolio.collateral, *add_with)):
        yield CureKind.ADD, asset, policy.weight_of(portfolio, asset), None
    for asset, owed in portfolio.borrow.items():
        yield CureKind.REPAY, asset, k, owed
    for asset, held in portfolio.collateral.items():
        yield CureKind.SELL, asset, k * (ONE - fee) - policy.weight_of(portfolio, asset), held


def _lands(
    cure: Cure, portfolio: Portfolio, prices: PriceSnapshot, policy: Policy, fee: Decimal
) -> bool:
    """Whether the account that the cure makes is at or above the target."""
    side = Side.BORROW if cure.kind is CureKind.REPAY else Side.COLLATERAL
    change = cure.amount if cure.kind is CureKind.ADD else -cure.amount
    amount = portfolio.side(side).get(cure.asset, ZERO) + change
    after = assess(portfolio.with_amount(side, cure.asset, amount), prices, policy)
    if after.collateral_usd is None or after.borrow_usd is None:
        return False
    proceeds = cure.usd * (ONE - fee) if cure.kind is CureKind.SELL else ZERO
    return at_or_above(after.collateral_usd, max(ZERO, after.borrow_usd - proceeds), cure.target)


def _shortfall(assessment: Assessment, target: Decimal) -> Decimal:
    """`k*B - C` in USD: what is missing to the target, zero or less when it is reached."""
    with localcontext(CONTEXT):
        needed = coverage(target) * (assessment.borrow_usd or ZERO)
        return needed - (assessment.collateral_usd or ZERO)


def _round_up(usd: Decimal, usd_per_unit: Decimal, step: Decimal | None) -> Decimal:
    """The least multiple of `step` units that is worth at least `usd`, exactly."""
    if step is None:
        return quotient(usd, usd_per_unit, up=True)
    count, rest = divmod(usd, usd_per_unit * step)
    return (count + ONE if rest else count) * step
