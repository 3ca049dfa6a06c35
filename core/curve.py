"""The score of one account along one line of shocks, each point by the exact assessment."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.exact import CONTEXT, Number, decimal_of
from core.margin import Assessment
from core.policy import Policy
from core.portfolio import Portfolio, PriceSnapshot
from core.what_if import Scenario, Shock, ShockAll, assess_under


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The account when the price (or all prices) has moved by `shock`, a signed fraction."""

    shock: Decimal
    assessment: Assessment


def curve(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    policy: Policy,
    shocks: Iterable[Number],
    *,
    asset: str | None = None,
    pegged: frozenset[str] = frozenset(),
) -> tuple[CurvePoint, ...]:
    """One point per shock of `asset`, or of every price but the `pegged` ones when it is None.

    Raises FieldError for a shock of -1 or less.
    """
    points = []
    for i, raw in enumerate(shocks):
        shock = decimal_of(raw, f"shocks.{i}")
        edit = ShockAll(shock, pegged) if asset is None else Shock(asset, shock)
        point = assess_under(portfolio, prices, policy, Scenario((edit,)))
        points.append(CurvePoint(shock, point))
    return tuple(points)


def ladder(first: Number, last: Number, count: int) -> tuple[Decimal, ...]:
    """`count` shocks at equal distances from `first` to `last`, both included, exactly.

    A distance that does not end is cut to 40 decimals.
    """
    low, high = decimal_of(first, "from"), decimal_of(last, "to")
    with localcontext(CONTEXT):
        if count == 1:
            return (low,)
        steps = count - 1
        inner = [low + ((high - low) * i / steps).quantize(_FINEST) for i in range(steps)]
        return (*inner, high)


_FINEST = Decimal("1e-40")
