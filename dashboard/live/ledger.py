"""What was due against what was done, and who changed band."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from consumers.stores.values import AlertRecord, Due
from core.margin import floor_score
from dashboard.live import figures, hops

if TYPE_CHECKING:
    from consumers.picture import Picture

CHANGES = 60


def due(p: "Picture") -> dict[str, Any]:
    """Four counts over the same alerts: due by our own score, published, received, delivered."""
    ledger = () if p.scores is None else p.scores.due
    came = [d.record for d in ledger if d.record is not None]
    told = [r for r in came if delivered(r)]
    count, holes = len(ledger), len(ledger) - len(told)
    doubles = sum(r.deliveries - 1 for r in came)
    return {
        "window": "last 60 min",
        "end": f"{holes:,} {_s(holes, 'hole')}, {doubles:,} {_s(doubles, 'double')}",
        "cells": [
            {"k": "Due", "n": f"{count:,}", "f": "by our own score", "bad": False},
            _cell("Published", count, len(came), None),
            _cell(
                "Received", count, len(came), "by this screen" if p.verdict.level == "act" else None
            ),
            _cell("Delivered", count, len(told), _p95(p), bad=_overdue(ledger, p.at)),
        ],
        "words": _words(count, len(came), len(told)),
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


def _cell(k: str, of: int, n: int, words: str | None, *, bad: bool = False) -> dict[str, Any]:
    missing = of - n
    return {
        "k": k,
        "n": f"{n:,}",
        "f": f"{missing:,} missing" if missing or words is None else words,
        "bad": bad and missing > 0,
    }


def _p95(p: "Picture") -> str:
    value = hops.delivered(p)
    return "0 missing" if value is None else f"p95 {figures.milliseconds(value)}"


def _overdue(ledger: tuple[Due, ...], now: datetime) -> bool:
    """Red only for what has waited longer than a delivery takes."""
    return any(
        (now - d.at).total_seconds() > 10 and not (d.record and delivered(d.record)) for d in ledger
    )


def _words(count: int, came: int, told: int) -> str:
    if not count:
        return "Quiet, as expected: no transition was due."
    if told == count:
        return f"As expected: {count:,} {_s(count, 'alert')} due, all of them delivered."
    if came == count:
        return "Due equals published: the risk engine works. The hole is after the topic."
    return f"{count - came:,} due by our own score never came: the hole is before the topic."


def _s(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"
