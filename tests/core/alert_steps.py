"""Rows of scores and the alerts that each of them brings."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import strategies as st

from core.alerts import Incident, MarginAlert, step
from core.exact import Number
from core.margin import Assessment, assess
from core.policy import Policy
from core.portfolio import Portfolio
from tests.core.samples import NOON, POLICY, scored, snapshot

MINUTE = timedelta(minutes=1)
WARNING = "margin_warning WARNING"
CALL = "margin_call MARGIN_CALL"
FALLEN = "liquidation_imminent LIQUIDATION"
UNKNOWN = assess(Portfolio.of("ann", {"LUNA": 1}, {"USDC": 1}), snapshot({"USDC": 1}), POLICY)
DEBT_FREE = assess(Portfolio.of("ann", {"USDT": 1}, {}), snapshot({"USDT": 1}), POLICY)
scores = st.lists(st.sampled_from([5, "14.9", "15.2", 16, "29.9", "30.3", 31, "49.9", "50.3", 60]))


def told(
    scores: Iterable[Number | Assessment],
    *,
    policy: Policy = POLICY,
    every: timedelta = MINUTE,
    wall: datetime = NOON,
    user_id: str = "ann",
) -> list[MarginAlert | None]:
    """The alert, or None, after each of a row of scores seen a market minute apart."""
    incident: Incident | None = None
    found = []
    for i, score in enumerate(scores):
        now = score if isinstance(score, Assessment) else scored(score, user_id)
        incident, alert = step(incident, now, policy=policy, at=wall, market_time=NOON + i * every)
        found.append(alert)
    return found


def kinds(scores: Iterable[Number | Assessment], **options: timedelta) -> list[str | None]:
    """Of each alert its event and the new status."""
    return [alert and f"{alert.event_type} {alert.status}" for alert in told(scores, **options)]


def only(scores: Iterable[Number | Assessment]) -> MarginAlert:
    """The last alert of a row of scores."""
    return [alert for alert in told(scores) if alert is not None][-1]
