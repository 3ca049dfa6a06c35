"""The assessment of one account, exact: health score, status, and why.

`C = sum(weight * amount * price)` over collateral, `B = sum(amount * price)` over borrows,
`score = 100 * (C - B) / B` in percent, health factor `C / B`. The platform's own definition; its
example, 1 ETH at 3,941.34 against 3,100 USDC at 1.00, scores 27.14 and is a MARGIN_CALL.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal, localcontext
from operator import attrgetter
from types import MappingProxyType

from core.exact import CONTEXT, HUNDRED, ONE, ZERO, money, quotient
from core.policy import Policy, Status, coverage
from core.portfolio import Portfolio, PricePoint, PriceSnapshot, Side
from core.settling import overdrawn

_BANDS = (Status.HEALTHY, Status.WARNING, Status.MARGIN_CALL)  # as policy.thresholds()


@dataclass(frozen=True, slots=True)
class Line:
    """One position as it entered the score.

    `value_usd` is its market value, `counted_usd` what it adds to C (weighted) or to B. Both are
    None when the price is unusable, and `reason` says why; `price` is then the last one seen.
    """

    asset: str
    side: Side
    amount: Decimal
    price: Decimal | None
    weight: Decimal
    value_usd: Decimal | None
    counted_usd: Decimal | None
    as_of: datetime | None
    tick_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The outcome for one account on one price snapshot.

    `score` (percent) and `health_factor` carry 50 digits, cut downwards, and are None for NO_DEBT
    and UNKNOWN. `collateral_usd` is C and `borrow_usd` is B, exact; None when a position on that
    side has no usable price. `liquidation_price_drop_percent` is the platform's own field: by how
    many percent all collateral may fall until LIQUIDATION, negative when it already is, nearest to
    2 decimals, 0 without collateral or borrow, None when UNKNOWN. `reasons` names every held asset
    without a usable price. `oldest` is the oldest price under the account.
    """

    user_id: str
    status: Status
    score: Decimal | None
    health_factor: Decimal | None
    collateral_usd: Decimal | None
    borrow_usd: Decimal | None
    liquidation_price_drop_percent: Decimal | None
    lines: tuple[Line, ...]
    reasons: Mapping[str, str]
    snapshot_id: str
    policy_version: str
    as_of: datetime
    oldest: PricePoint | None


def assess(portfolio: Portfolio, prices: PriceSnapshot, policy: Policy) -> Assessment:
    """Judge one account.

    Without any borrow it is NO_DEBT, which needs no price (C is then None if it lacks one). With a
    borrow, one held asset without a usable price makes it UNKNOWN, whatever the others say: an
    unpriced debt never looks healthy and a missing price never looks like a liquidation. So does an
    amount below zero, which settlement leaves while something has not arrived.
    """
    short = overdrawn(portfolio)
    with localcontext(CONTEXT):
        collateral = tuple(_lines(portfolio, Side.COLLATERAL, prices, policy))
        borrow = tuple(_lines(portfolio, Side.BORROW, prices, policy))
        total_c, total_b = _total(collateral), _total(borrow)
    lines = collateral + borrow
    total_c = None if short else total_c
    status, score, factor = _judge(total_c, total_b, policy)
    if short:
        status = Status.UNKNOWN
    reasons = {x.asset: x.reason for x in lines if x.reason is not None}
    return Assessment(
        user_id=portfolio.user_id,
        status=status,
        score=score,
        health_factor=factor,
        collateral_usd=total_c,
        borrow_usd=total_b,
        liquidation_price_drop_percent=_drop(status, total_c, total_b, policy),
        lines=lines,
        reasons=MappingProxyType({**reasons, **short}),
        snapshot_id=prices.snapshot_id,
        policy_version=policy.version,
        as_of=prices.as_of,
        oldest=_oldest(portfolio, prices),
    )


def classify(collateral: Decimal, borrow: Decimal, policy: Policy) -> Status:
    """The band of C and B (both >= 0, USD): decided exactly, without division, inclusive upward."""
    if not borrow:
        return Status.NO_DEBT
    with localcontext(CONTEXT):
        surplus = HUNDRED * (collateral - borrow)
        for status, threshold in zip(_BANDS, policy.thresholds(), strict=True):
            if surplus >= threshold * borrow:
                return status
    return Status.LIQUIDATION


def at_or_above(collateral: Decimal, borrow: Decimal, threshold: Decimal) -> bool:
    """Whether the score of C and B reaches `threshold` percent: `100*(C-B) >= T*B`."""
    with localcontext(CONTEXT):
        return HUNDRED * (collateral - borrow) >= threshold * borrow


def score_of(collateral: Decimal, borrow: Decimal) -> Decimal:
    """`100*(C-B)/B` in percent, B above zero; cut so that it never crosses a threshold."""
    with localcontext(CONTEXT):
        surplus = HUNDRED * (collateral - borrow)
    return quotient(surplus, borrow)


def floor_score(score: Decimal) -> str:
    """A score for display, two decimals, floored: 14.9996 is shown as 14.99, never as 15.00."""
    return f"{money(score, 2, ROUND_FLOOR):f}"


def _lines(
    portfolio: Portfolio, side: Side, prices: PriceSnapshot, policy: Policy
) -> Iterable[Line]:
    for asset, amount in portfolio.side(side).items():
        weight = policy.weight_of(portfolio, asset) if side is Side.COLLATERAL else ONE
        point, reason = prices.points.get(asset), prices.fault(asset)
        value = amount * point.price if point is not None and reason is None else None
        yield Line(
            asset=asset,
            side=side,
            amount=amount,
            price=point.price if point is not None else None,
            weight=weight,
            value_usd=value,
            counted_usd=weight * value if value is not None else None,
            as_of=point.as_of if point is not None else None,
            tick_id=point.tick_id if point is not None else None,
            reason=reason,
        )


def _total(lines: Iterable[Line]) -> Decimal | None:
    total = ZERO
    for line in lines:
        if line.counted_usd is None:
            return None
        total += line.counted_usd
    return total


def _judge(
    collateral: Decimal | None, borrow: Decimal | None, policy: Policy
) -> tuple[Status, Decimal | None, Decimal | None]:
    if borrow is not None and not borrow:
        return Status.NO_DEBT, None, None
    if collateral is None or borrow is None:
        return Status.UNKNOWN, None, None
    status = classify(collateral, borrow, policy)
    return status, score_of(collateral, borrow), quotient(collateral, borrow)


def _drop(
    status: Status, collateral: Decimal | None, borrow: Decimal | None, policy: Policy
) -> Decimal | None:
    if status is Status.UNKNOWN:
        return None
    if not collateral or not borrow:
        return money(ZERO)
    with localcontext(CONTEXT):
        room = HUNDRED * (collateral - coverage(policy.margin_call) * borrow)
    return money(quotient(room, collateral))


def _oldest(portfolio: Portfolio, prices: PriceSnapshot) -> PricePoint | None:
    points = [prices.points[a] for a in sorted(portfolio.assets) if a in prices.points]
    return min(points, key=attrgetter("as_of"), default=None)
