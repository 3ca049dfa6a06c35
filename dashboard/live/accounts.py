"""The table of accounts: nearest to the next band, or in an incident those who were not told."""

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from consumers.stores.values import AlertsSnapshot, ScoresSnapshot
from core.exact import CONTEXT, HUNDRED, ONE, quotient
from core.margin import Assessment, floor_score
from core.policy import Policy, Status, coverage
from core.wording import plural
from dashboard.live import figures

if TYPE_CHECKING:
    from consumers.picture import Picture

ROWS = 28
RULER_TOP = 80  # the ruler ends here; whatever is above sits at its end


def build(p: "Picture") -> dict[str, Any]:
    """The section; `mode` is nearest, not_told or empty."""
    scores = p.scores
    if scores is None:
        return {"mode": "empty", "rows": []}
    bounds = [int(t) for t in reversed(scores.policy.thresholds())]
    head = {"bounds": bounds, "top": RULER_TOP, "total": len(scores.book)}
    if scores.not_told:
        return head | {
            "mode": "not_told",
            "title": "Accounts that were not told",
            "sub": f"{plural(len(scores.not_told), 'account')}, worst first",
            "repay": f"Repay for {scores.policy.warning.normalize():f} %",
            "rows": [_row(a, scores, p.alerts) for a in scores.not_told[:ROWS]],
        }
    return head | {
        "mode": "nearest",
        "title": "Nearest to the next band",
        "sub": "sorted by distance, worst first",
        "rows": [_row(a, scores, p.alerts) for a in scores.nearest[:ROWS]],
    }


def _row(a: Assessment, scores: ScoresSnapshot, alerts: AlertsSnapshot) -> dict[str, Any]:
    distance, move = room(a, scores.policy)
    return {
        "user": a.user_id,
        "status": str(a.status),
        "score": figures.DASH if a.score is None else _minus(floor_score(a.score)),
        "at": None
        if a.score is None
        else round(float(max(Decimal(-5), min(a.score, Decimal(999)))), 2),
        "distance": figures.floored(distance, 2),
        "move": figures.DASH if move is None else f"{_move(move)} %",
        "collateral": figures.floored(a.collateral_usd, 0),
        "borrow": figures.ceiled(a.borrow_usd, 0),
        "repay": figures.ceiled(repay(a, scores.policy.warning), 0),
        "silent": figures.maybe_ms(scores.not_told_since.get(a.user_id)),
        "told": told(a, alerts),
    }


def room(a: Assessment, policy: Policy) -> tuple[Decimal | None, Decimal | None]:
    """Points above the next lower band, and by how many percent all collateral would have to move
    to get there (negative is a fall). Below every band: to the lowest one, from underneath."""
    if a.score is None or not a.collateral_usd or a.borrow_usd is None:
        return None, None
    bound = next((t for t in policy.thresholds() if a.score >= t), policy.margin_call)
    with localcontext(CONTEXT):
        share = quotient(coverage(bound) * a.borrow_usd, a.collateral_usd)
        return a.score - bound, HUNDRED * (share - ONE)


def repay(a: Assessment, threshold: Decimal) -> Decimal | None:
    """USD to repay from outside until the score reaches `threshold` percent; None if it does."""
    if a.collateral_usd is None or not a.borrow_usd:
        return None
    with localcontext(CONTEXT):
        owed = a.borrow_usd - quotient(a.collateral_usd, coverage(threshold))
    return owed if owed > 0 else None


def told(a: Assessment, alerts: AlertsSnapshot) -> str:
    """What the account was last told, and whether it got there."""
    record = alerts.told.get(a.user_id)
    if record is None:
        return "none due" if a.status in (Status.HEALTHY, Status.NO_DEBT) else "none came"
    outcomes = {r.outcome for r in record.receipts}
    at = f"{record.alert.timestamp:%H:%M:%S}"
    if "delivered" in outcomes:
        return f"delivered {at}"
    return f"failed {at}" if "failed" in outcomes else f"published {at}"


def _move(move: Decimal) -> str:
    """Upwards: a fall is never said to be further away, a rise never to be smaller, than it is."""
    text = figures.ceiled(move, 2)
    return f"+{text}" if move > 0 else text


def _minus(text: str) -> str:
    return text.replace("-", figures.MINUS)
