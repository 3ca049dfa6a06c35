"""What proves that alerts reach people: the last test that came back, or the last real delivery."""

from bisect import bisect_right
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from consumers.stores.alerts import KEPT
from consumers.stores.values import RunState, TestRun
from dashboard.live.figures import Span, age, state, text

if TYPE_CHECKING:
    from consumers.picture import Picture

WINDOW = timedelta(minutes=60)
DELIVERIES = 20  # looked at for the newest of them


def delivery(p: "Picture") -> tuple[str, datetime | None, tuple[Span, ...]]:
    """State, moment and words of the newest proof: PASS, LOST, WARN, OK or NO_DATA."""
    if p.verdict.code == "notifier_silent":
        count = sum(1 for r in p.alerts.records if not r.settled and not r.alert.test)
        return "NO_DATA", p.verdict.since, (text(f"0 of {count:,} receipts"),)
    real = _last_delivery(p)
    run = next((r for r in p.runs if r.state(p.at) is not RunState.PENDING), None)
    if run is not None and (real is None or run.built_at >= real):
        return _proven(run, p.at)
    if real is not None:
        return "OK", real, (state("OK"), text(" · delivered "), age(real), text(" ago"))
    return "NO_DATA", None, (state("NO_DATA"), text(" · never proven"))


def note(p: "Picture") -> str:
    """The word under the age of the alert path in the verdict bar."""
    found, at, _ = delivery(p)
    if p.verdict.code == "notifier_silent":
        return "no receipt"
    if at is None:
        return "never proven"
    return {"PASS": "proven by test", "LOST": "test was lost", "WARN": "test was late"}.get(
        found, "last delivery"
    )


def alerts_in_window(p: "Picture") -> str:
    """Real alerts received within the last hour; `5,000+` where no older one is remembered."""
    records = p.alerts.records  # newest first: their ages ascend
    within = bisect_right(records, WINDOW, key=lambda r: p.at - r.received.received_at)
    count = sum(1 for r in records[:within] if not r.alert.test)
    return f"{count:,}+" if within >= KEPT else f"{count:,}"


def _proven(run: TestRun, now: datetime) -> tuple[str, datetime, tuple[Span, ...]]:
    found = run.state(now)
    at = run.receipt_at or run.built_at
    if found is RunState.PASS:
        return "PASS", at, (state("PASS"), text(" · proven "), age(at), text(" ago"))
    if found is RunState.LATE:
        return "WARN", at, (state("LATE"), text(" · test came late, "), age(at), text(" ago"))
    return "LOST", at, (state("LOST"), text(f" · test lost at {run.lost_at(now) or '?'}"))


def _last_delivery(p: "Picture") -> datetime | None:
    """Of the newest real alerts that were delivered: while many are on their way, the proof lies
    further back in the list.
    """
    found: list[datetime] = []
    for record in p.alerts.records:
        times = [
            r.delivered_at
            for r in record.receipts
            if r.outcome == "delivered" and r.delivered_at is not None
        ]
        if times and not record.alert.test:
            found.append(max(times))
        if len(found) >= DELIVERIES:
            break
    return max(found, default=None)
