"""From assessments to margin alerts: transitions, incidents, hysteresis, reminders, test alerts.

An alert is told on a *transition* between statuses, not on every evaluation. An incident begins
when an account is first seen in WARNING, MARGIN_CALL or LIQUIDATION and ends when it is HEALTHY or
free of debt again. Getting worse is told at once; getting better is told once the score clears the
lower bound of its new band by the policy's hysteresis, so that a score that flaps around a
threshold is told once. Hysteresis belongs to the incident: no alert ever carries a status that its
own score contradicts.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Protocol

from core.exact import CONTEXT, HUNDRED, Number, decimal_of
from core.margin import Assessment, assess, at_or_above, classify
from core.margin_alert import (
    KINDS,
    EventType,
    MarginAlert,
    PriceBasis,
    Severity,
    build,
    channels_for,
    digest,
    is_worse,
    kind_of,
)
from core.policy import Policy, Status
from core.portfolio import (
    TEST_PREFIX,
    Portfolio,
    PricePoint,
    PriceSnapshot,
    identifier_of,
)

TEST_ACCOUNT = f"{TEST_PREFIX}control-room"


@dataclass(frozen=True, slots=True)
class Incident:
    """An account's open trouble: what was last told about it, and when in market time."""

    user_id: str
    opened_at: datetime
    status: Status
    sequence: int
    last_alert_at: datetime
    last_score: Decimal | None


class Scored(Protocol):
    """What `step` wants to know of the evaluation before this one."""

    @property
    def status(self) -> Status:
        """The status then."""

    @property
    def score(self) -> Decimal | None:
        """The score then, percent."""


def step(
    incident: Incident | None,
    assessment: Assessment,
    *,
    policy: Policy,
    at: datetime,
    market_time: datetime,
    previous: Scored | None = None,
) -> tuple[Incident | None, MarginAlert | None]:
    """Take one assessment into an account's incident; at most one alert comes out.

    Equal histories of assessments and market times give equal event ids, wherever and whenever
    they are computed. `at` is wall time and enters nothing but the alert's timestamp; `previous`
    is the evaluation before, for the alert's "previous" fields alone. UNKNOWN tells nothing and
    keeps the incident as it is.
    """
    now = assessment.status
    if now is Status.UNKNOWN:
        return incident, None
    if incident is None and now not in KINDS:
        return None, None
    if incident is not None and not _due(incident, assessment, policy, market_time):
        return incident, None
    opened_at = market_time if incident is None else incident.opened_at
    told = Incident(
        user_id=assessment.user_id,
        opened_at=opened_at,
        status=now,
        sequence=1 if incident is None else incident.sequence + 1,
        last_alert_at=market_time,
        last_score=assessment.score,
    )
    before = incident.status if incident is not None else None
    alert = build(
        assessment,
        kind=kind_of(before, now),
        event_id=_event_id(told.user_id, opened_at, before, now, told.sequence),
        policy=policy,
        at=at,
        previous_status=before or (previous.status if previous is not None else None),
        previous_score=_previous_score(incident, previous),
        sequence=told.sequence,
        incident_started_at=opened_at,
        market_time=market_time,
    )
    return (told if now in KINDS else None), alert


def test_alert(
    *,
    severity: Severity,
    test_id: str,
    at: datetime,
    policy: Policy,
    by: str,
    user_id: str = TEST_ACCOUNT,  # noqa: PT028 - not a test, the name is the field's
) -> MarginAlert:
    """An alert about a made-up account in the middle of the band that `severity` belongs to.

    It comes from the same assessment and the same builder as a real one and differs by its marks:
    the account's prefix, `[TEST]` in the text, `test` and `test_id`. Same test id, same event id.
    Raises FieldError for an account without the `test:` prefix and for a `test_id` that is no id.
    """
    identifier_of(test_id, "test_id")
    assessment = _sample(user_id, severity, at, policy)
    recovered = severity is Severity.LOW
    before = Status.MARGIN_CALL if recovered else None
    alert = build(
        assessment,
        kind=kind_of(before, assessment.status),
        event_id=f"test-{digest('test', user_id, test_id, severity)}",
        policy=policy,
        at=at,
        previous_status=before,
        previous_score=policy.margin_call if recovered else None,
        sequence=1,
        incident_started_at=at,
        market_time=at,
        test_id=test_id,
    )
    sender = "".join(c if c.isprintable() else " " for c in by).strip()[:64] or "an unnamed user"
    text = f"[TEST] {alert.message} Sent by {sender}; no account is affected."
    return replace(alert, message=text)


def request_alert(
    assessment: Assessment,
    *,
    policy: Policy,
    at: datetime,
    previous_health_score: Number | None = None,
) -> MarginAlert | None:
    """The event found for a margin health request, by the platform's own rule.

    LIQUIDATION and MARGIN_CALL always; WARNING only when the caller's previous score was HEALTHY.
    The id comes from the account, its positions, the prices and the previous score: the same
    request on the same prices is the same event. Raises FieldError for a previous score that is no
    number and for an account under the test prefix.
    """
    before = was = None
    if previous_health_score is not None:
        before = decimal_of(previous_health_score, "previous_health_score")
        with localcontext(CONTEXT):
            was = classify(HUNDRED + before, HUNDRED, policy)
    now = assessment.status
    if now not in KINDS or (now is Status.WARNING and was is not Status.HEALTHY):
        return None
    basis = (
        f"{line.side} {line.asset} {line.amount} {line.price} {line.as_of}"
        for line in assessment.lines
    )
    key = digest("request", assessment.user_id, now, str(before), *basis)
    return build(
        assessment,
        kind=KINDS[now],
        event_id=f"request-{key}",
        policy=policy,
        at=at,
        previous_status=was,
        previous_score=before,
        sequence=0,
        incident_started_at=None,
        market_time=assessment.as_of,
    )


def _due(incident: Incident, assessment: Assessment, policy: Policy, now: datetime) -> bool:
    """Whether an open incident has something to tell: worse, clearly better, or still open."""
    told, status = incident.status, assessment.status
    if status is told:
        interval = policy.reminder.get(told)
        return interval is not None and now - incident.last_alert_at >= interval
    if is_worse(status, told):
        return True
    bound = policy.lower_bound(status)
    if bound is None or assessment.collateral_usd is None or assessment.borrow_usd is None:
        return True  # the debt is gone
    with localcontext(CONTEXT):
        clear = bound + policy.hysteresis
    return at_or_above(assessment.collateral_usd, assessment.borrow_usd, clear)


def _previous_score(incident: Incident | None, previous: Scored | None) -> Decimal | None:
    if previous is not None and previous.score is not None:
        return previous.score
    return incident.last_score if incident is not None else None


def _sample(user_id: str, severity: Severity, at: datetime, policy: Policy) -> Assessment:
    """A made-up account that owes 100 TEST at 1 USD and sits in the middle of the right band."""
    with localcontext(CONTEXT):
        middle = {
            Severity.LOW: policy.healthy + 10,
            Severity.MEDIUM: (policy.healthy + policy.warning) / 2,
            Severity.HIGH: (policy.warning + policy.margin_call) / 2,
            Severity.CRITICAL: (policy.margin_call - HUNDRED) / 2,
        }[severity]
        collateral = HUNDRED + middle
    account = Portfolio(
        user_id, MappingProxyType({"TEST": collateral}), MappingProxyType({"TEST": HUNDRED})
    )
    point = PricePoint("TEST", Decimal(1), at, "test")
    return assess(account, PriceSnapshot("test", at, {"TEST": point}), policy)


def _event_id(
    user_id: str, opened_at: datetime, before: Status | None, now: Status, sequence: int
) -> str:
    """`liquidation_imminent-<20 hex>`: the same transition of the same incident, the same id."""
    kind, _ = kind_of(before, now)
    opened = opened_at.astimezone(UTC).isoformat(timespec="microseconds")
    key = digest("incident", user_id, opened, before or "FIRST", now, str(sequence))
    return f"{kind}-{key}"


__all__ = (
    "TEST_ACCOUNT",
    "TEST_PREFIX",
    "EventType",
    "Incident",
    "MarginAlert",
    "PriceBasis",
    "Scored",
    "Severity",
    "channels_for",
    "request_alert",
    "step",
    "test_alert",
)
