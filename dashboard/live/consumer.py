"""How a consumer does: by its subscription's backlog, and by what it owes."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from consumers.stores.values import SubscriptionBacklog
from consumers.topology import RISK_EVENTS, SETTLEMENT_EVENTS
from core.staleness import Limits, limits
from core.wording import plural
from dashboard.live.figures import Span, age, text

if TYPE_CHECKING:
    from consumers.picture import Picture


@dataclass(frozen=True, slots=True)
class Reading:
    """OK, WARN, STALL, STOP or NO_DATA; `why` is short enough to be written on the line."""

    state: str
    foot: tuple[Span, ...]
    why: str = ""


def read(p: "Picture", subscription: str) -> Reading:
    """The state of whoever reads this subscription."""
    held = p.backlogs.subscriptions.get(subscription)
    if held is None or held.backlog is None:
        return Reading("NO_DATA", (text("no sample"),))
    if p.backlogs.known(subscription, p.at, p.settings.backlog_period) is None:
        return Reading("NO_DATA", (text("no sample for "), age(held.at)))
    if subscription.endswith(".dead"):
        return _letters(held)
    s = p.settings
    workers = (s.price_subscription, s.alert_subscription, RISK_EVENTS, SETTLEMENT_EVENTS)
    return judge(held, p.at, limits(s.cadence), read_on=subscription in workers)


def judge(
    held: SubscriptionBacklog, now: datetime, bounds: Limits, *, read_on: bool = True
) -> Reading:
    """Caught up, behind, or stuck: no listener and no acks are STOP, deliveries without acks STALL.

    `read_on`: a worker must listen all the time, so that without one it is not OK though nothing
    waits yet. The sample is older than now; what waited then has waited longer since.
    """
    backlog, oldest = held.backlog or 0, held.oldest
    if not backlog:
        return _idle(held, read_on)
    foot = (*_waiting(backlog), text("age unknown") if oldest is None else age(held.at - oldest))
    if held.streams == 0:
        return Reading("STOP", foot, "nobody listening")
    if oldest is None:
        stuck = _never_fell(held)
        if stuck and not held.out_per_s:
            return Reading("STALL" if held.in_per_s else "STOP", foot, f"{backlog:,} waiting")
        return Reading("WARN", foot, "age unknown")
    if oldest <= bounds.late:
        return Reading("OK", (text(f"{max(0.0, oldest.total_seconds()):.1f} s behind"),))
    if not held.out_per_s and _never_fell(held) and oldest > bounds.stale:
        if held.in_per_s:
            return Reading("STALL", foot, "delivered, never acknowledged")
        return Reading("STOP", foot, f"{backlog:,} waiting")
    return Reading("WARN" if _never_fell(held) or oldest > bounds.dead else "OK", foot)


def _idle(held: SubscriptionBacklog, read_on: bool) -> Reading:
    if read_on and held.streams == 0:
        return Reading("WARN", (text("nobody listening"),), "nobody listening")
    return Reading("OK", (text("0.0 s behind"),))


def _letters(held: SubscriptionBacklog) -> Reading:
    """Dead letters wait for a person: nobody listens to them, and one is one too many."""
    if not held.backlog:
        return Reading("OK", (text("empty"),))
    found = plural(held.backlog, "dead letter")
    return Reading("WARN", (text(f"{found} waiting"),), f"{found} to be looked at")


def owed(p: "Picture") -> Reading | None:
    """The risk engine as its silence shows it: alerts due by our own score that never came."""
    if p.verdict.code != "not_told" or p.scores is None:
        return None
    missing = len(p.scores.not_told)
    foot = (text(f"{plural(missing, 'account')} not told"),)
    return Reading("STALL", foot, f"{missing:,} due, none published")


def unreceipted(p: "Picture") -> Reading | None:
    """The notifier as its silence shows it: alerts published for which no receipt came."""
    if p.verdict.code != "notifier_silent":
        return None
    waiting = [r for r in p.alerts.records if not r.settled and not r.alert.test]
    since = min((r.received.received_at for r in waiting), default=p.verdict.since)
    return Reading("STALL", (*_waiting(len(waiting)), age(since)), "no receipt")


def _waiting(count: int) -> tuple[Span, ...]:
    return (text(f"{count:,} waiting, "),)


def _never_fell(held: SubscriptionBacklog) -> bool:
    """Whether the backlog never shrank over the newest samples; true where too few are known."""
    counts = [c for _, c in held.history[-5:] if c is not None]
    return all(later >= earlier for earlier, later in pairwise(counts))
