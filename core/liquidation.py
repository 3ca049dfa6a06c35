"""What a partial liquidation does to an account, and how much of one it takes."""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.errors import FieldError
from core.exact import CONTEXT, ONE, ZERO, Number, amount_of, quotient
from core.margin import Assessment, Line
from core.portfolio import Side


@dataclass(frozen=True, slots=True)
class PartialLiquidation:
    """`repaid_usd` of debt is repaid by another, who takes it and a bonus in `asset`.

    Health factors are those of the assessment (score 0 is 1); `after` is None when all debt is
    gone. `improves` says whether it helps at all: only with a health factor above
    `weight * (1 + bonus)`, else each dollar repaid takes more collateral than it frees.
    """

    asset: str
    repaid_usd: Decimal
    seized_usd: Decimal
    seized_amount: Decimal
    before: Decimal
    after: Decimal | None
    improves: bool


def partial_liquidation(
    assessment: Assessment, asset: str, repaid_usd: Number, bonus: Number
) -> PartialLiquidation | None:
    """`dHF = r*(HF - w*(1+b)) / (D - r)` for r USD repaid at bonus b; None for no score.

    Raises FieldError where more is repaid than is owed, or seized than is held.
    """
    if assessment.health_factor is None:
        return None
    line, counted, owed = _seizable(assessment, asset)
    repaid, extra = amount_of(repaid_usd, "repaid_usd"), amount_of(bonus, "bonus")
    assert line.value_usd is not None
    assert line.price is not None
    with localcontext(CONTEXT):
        seized = repaid * (ONE + extra)
        if repaid > owed:
            raise FieldError("repaid_usd", "is more than is owed")
        if seized > line.value_usd:
            raise FieldError("repaid_usd", f"takes more {asset} than is held")
        left, debt = counted - line.weight * seized, owed - repaid
        return PartialLiquidation(
            asset=asset,
            repaid_usd=repaid,
            seized_usd=seized,
            seized_amount=quotient(seized, line.price),
            before=assessment.health_factor,
            after=quotient(left, debt) if debt else None,
            improves=counted > line.weight * (ONE + extra) * owed,
        )


def repayment_to(
    assessment: Assessment, asset: str, health_factor: Number, bonus: Number
) -> Decimal | None:
    """The USD to be repaid in a liquidation until the health factor is at least this.

    `r = (HF* x D - W) / (HF* - w*(1+b))`, cut upwards. None where it is reached already, where a
    liquidation does not lead there, and where more would be repaid or seized than there is.
    """
    if assessment.health_factor is None:
        return None
    line, counted, owed = _seizable(assessment, asset)
    goal, extra = amount_of(health_factor, "health_factor"), amount_of(bonus, "bonus")
    assert line.value_usd is not None
    with localcontext(CONTEXT):
        missing, gain = goal * owed - counted, goal - line.weight * (ONE + extra)
        if missing <= 0 or gain <= 0:
            return None
        repaid = quotient(missing, gain, up=True)
        enough = repaid <= owed and repaid * (ONE + extra) <= line.value_usd
        return repaid if enough else None


def _seizable(assessment: Assessment, asset: str) -> tuple[Line, Decimal, Decimal]:
    """The collateral line of the asset, and C and B of a scored account."""
    for line in assessment.lines:
        if line.asset == asset and line.side is Side.COLLATERAL:
            return line, assessment.collateral_usd or ZERO, assessment.borrow_usd or ZERO
    raise FieldError("asset", f"{asset} is not held as collateral")
