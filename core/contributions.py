"""Why the score is what it is: what each position adds to it, in points that add up."""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.exact import CONTEXT, HUNDRED, quotient
from core.margin import Assessment, Line
from core.portfolio import Side


@dataclass(frozen=True, slots=True)
class Contribution:
    """One position's part of the score: `100*c/B` of collateral, `-100*u/B` of debt."""

    line: Line
    points: Decimal


def contributions(assessment: Assessment) -> tuple[Contribution, ...]:
    """The points of every position, in the order of the lines; empty for an account not scored.

    They add up to the score, exactly: what 50 digits cannot hold of a quotient is counted with
    the largest position.
    """
    score, borrow = assessment.score, assessment.borrow_usd
    if score is None or not borrow:
        return ()
    with localcontext(CONTEXT):
        signed = [
            (line, (line.counted_usd or 0) * (1 if line.side is Side.COLLATERAL else -1))
            for line in assessment.lines
        ]
        points = [quotient(HUNDRED * usd, borrow) for _, usd in signed]
        largest = max(range(len(points)), key=lambda i: abs(points[i]))
        points[largest] += score - sum(points)
    return tuple(Contribution(line, p) for (line, _), p in zip(signed, points, strict=True))
