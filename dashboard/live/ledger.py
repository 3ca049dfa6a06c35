"""What was due against what was done, and who changed band."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from consumers.stores.values import AlertRecord, Due
from core.margin import floor_score
from core.wording import plural
from dashboard.live import figures, hops

if TYPE_CHECKING:
    from consumers.picture import Picture

CHANGES = 60
GRACE = timedelta(seconds=10)


def due(p: "Picture") -> dict[str, Any]:
    """Four counts over the same alerts: due by our own score, published, received, delivered.

    What became due a moment ago is on its way; a hole is what has been owed for longer.
    """
    ledger = () if p.scores is None else p.scores.due
    done = [(p.at - d.at > GRACE, d.record is not None, reached(d)) for d in ledger]
    count, doubles = len(ledger), sum(d.record.deliveries - 1 for d in ledger if d.record)
    came, told = sum(a for _, a, _ in done), sum(r for _, _, r in done)
    lost = sum(late and not a for late, a, _ in done)
    untold = sum(late and not r for late, _, r in done)
    seen = "by this screen" if p.verdict.level == "act" else "0 missing"
    return {
        "window": "last 60 min",
        "end": f"{plural(untold, 'hole')}, {plural(doubles, 'double')}",
        "cells": [
            {"k": "Due", "n": f"{count:,}", "f": "by our own score", "bad": False},
            _cell("Published", came, count - came, lost, "0 missing"),
            _cell("Received", came, count - came, lost, seen),
            _cell("Delivered", told, count - told, untold, _p95(p), bad=untold > 0),
        ],
        "words": _words(count, lost, untold, count - told),
    }


def changes(p: "Picture") -> dict[str, Any]:
    """The newest transitions; the browser knows which of them its reader has seen."""
    scores = p.scores
    if scores is None:
        return {"rows": [], "began": figures.epoch_ms(p.started_at), "replay": False}
    replay = p.prices.market.replay
    return {
        "began": figures.epoch_ms(p.started_at),
        "replay": replay,
        "rows": [
            {
                "id": f"{t.user_id} {figures.epoch_ms(t.at)} {t.after}",
                "at": figures.epoch_ms(t.at),
                "clock": f"{t.market_time:%d %b %H:%M}" if replay else f"{t.at:%H:%M:%S}",
                "user": t.user_id,
                "before": None if t.before is None else str(t.before),
                "after": str(t.after),
                "score": None if t.score is None else floor_score(t.score),
                "cause": t.cause,
            }
            for t in scores.transitions[:CHANGES]
        ],
        "more": max(0, len(scores.transitions) - CHANGES),
    }


def delivered(record: AlertRecord) -> bool:
    """Every channel has an outcome, none failed, and one at least was delivered."""
    outcomes = {r.outcome for r in record.receipts}
    return record.settled and "delivered" in outcomes and "failed" not in outcomes


def reached(owed: Due) -> bool:
    """Whether it was delivered."""
    return owed.record is not None and delivered(owed.record)


def _cell(
    k: str, n: int, open_: int, missing: int, well: str, *, bad: bool = False
) -> dict[str, Any]:
    words = f"{missing:,} missing" if missing else f"{open_:,} on the way" if open_ else well
    return {"k": k, "n": f"{n:,}", "f": words, "bad": bad}


def _p95(p: "Picture") -> str:
    value = hops.delivered(p)
    return "0 missing" if value is None else f"p95 {figures.milliseconds(value)}"


def _words(count: int, lost: int, untold: int, open_: int) -> str:
    if lost:
        return f"{lost:,} due by our own score never came: the hole is before the topic."
    if untold:
        return "Due equals published: the risk engine works. The hole is after the topic."
    if open_:
        return f"{plural(open_, 'alert')} became due within the last {GRACE.seconds} s."
    if not count:
        return "Quiet, as expected: no transition was due."
    return f"As expected: {plural(count, 'alert')} due, all of them delivered."
