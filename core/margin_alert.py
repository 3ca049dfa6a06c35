"""A margin alert: the value that travels, its kind, its words, and how one is made."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from core.errors import FieldError
from core.exact import plain
from core.margin import Assessment, floor_score
from core.policy import Policy, Status
from core.portfolio import TEST_PREFIX


class Severity(StrEnum):
    """How loud an alert is; the routing rule hangs on it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class EventType(StrEnum):
    """What an alert reports."""

    MARGIN_WARNING = "margin_warning"
    MARGIN_CALL = "margin_call"
    LIQUIDATION_IMMINENT = "liquidation_imminent"
    MARGIN_RECOVERED = "margin_recovered"


@dataclass(frozen=True, slots=True)
class PriceBasis:
    """A price an alert rests on, and when its producer saw it."""

    price: Decimal
    timestamp: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAlert:
    """One alert as it travels on `alerts.margin.v1`.

    `event_type` stays a text: what another producer sends is kept. Same transition, same
    `event_id`. `sequence` counts the alerts of one incident from 1 (0: the sender named none).
    `timestamp` is wall time; `market_time` and `incident_started_at` are the market's, which in a
    replay is not the wall's. Amounts are USD, scores percent, exact; the wire rounds.
    """

    event_id: str
    event_type: str
    user_id: str
    status: Status
    severity: Severity
    message: str
    timestamp: datetime
    health_score: Decimal | None = None
    previous_health_score: Decimal | None = None
    previous_status: Status | None = None
    total_collateral_usd: Decimal | None = None
    total_borrow_usd: Decimal | None = None
    liquidation_price_drop_percent: Decimal | None = None
    published_at: datetime | None = None
    policy_version: str | None = None
    prices: Mapping[str, PriceBasis] = field(default_factory=lambda: MappingProxyType({}))
    sequence: int = 0
    incident_started_at: datetime | None = None
    market_time: datetime | None = None
    test: bool = False
    test_id: str | None = None


Kind = tuple[EventType, Severity]

_RANK = {
    Status.LIQUIDATION: 0,
    Status.MARGIN_CALL: 1,
    Status.WARNING: 2,
    Status.HEALTHY: 3,
    Status.NO_DEBT: 3,
}
KINDS: Mapping[Status, Kind] = {
    Status.LIQUIDATION: (EventType.LIQUIDATION_IMMINENT, Severity.CRITICAL),
    Status.MARGIN_CALL: (EventType.MARGIN_CALL, Severity.HIGH),
    Status.WARNING: (EventType.MARGIN_WARNING, Severity.MEDIUM),
}
_RECOVERED = (EventType.MARGIN_RECOVERED, Severity.LOW)
_CHANNELS = {
    Severity.CRITICAL: ("email", "sms", "webhook"),
    Severity.HIGH: ("email", "webhook"),
    Severity.MEDIUM: ("email",),
    Severity.LOW: ("email",),
}


def channels_for(severity: Severity) -> tuple[str, ...]:
    """The platform's routing rule; an account's own preferences override it elsewhere."""
    return _CHANNELS[severity]


def is_worse(now: Status, before: Status) -> bool:
    """Whether `now` is a lower band than `before`; neither may be UNKNOWN."""
    return _RANK[now] < _RANK[before]


def kind_of(before: Status | None, now: Status) -> Kind:
    """What an alert of this transition reports; `before` is None where nothing was told yet."""
    if before is not None and is_worse(before, now):
        return _RECOVERED
    return KINDS.get(now, _RECOVERED)


def build(
    assessment: Assessment,
    *,
    kind: Kind,
    event_id: str,
    policy: Policy,
    at: datetime,
    previous_status: Status | None,
    previous_score: Decimal | None,
    sequence: int,
    incident_started_at: datetime | None,
    market_time: datetime,
    test_id: str | None = None,
) -> MarginAlert:
    """The one place where an alert is made, real or test.

    Raises FieldError where the account's prefix and the test mark contradict each other.
    """
    if assessment.user_id.startswith(TEST_PREFIX) != (test_id is not None):
        raise FieldError(
            "user_id", f"the prefix {TEST_PREFIX} belongs to test alerts, and only there"
        )
    return MarginAlert(
        event_id=event_id,
        event_type=kind[0],
        user_id=assessment.user_id,
        status=assessment.status,
        severity=kind[1],
        message=_message(kind[0], assessment, policy),
        timestamp=at,
        health_score=assessment.score,
        previous_health_score=previous_score,
        previous_status=previous_status,
        total_collateral_usd=assessment.collateral_usd,
        total_borrow_usd=assessment.borrow_usd,
        liquidation_price_drop_percent=assessment.liquidation_price_drop_percent,
        policy_version=assessment.policy_version,
        prices=_basis(assessment),
        sequence=sequence,
        incident_started_at=incident_started_at,
        market_time=market_time,
        test=test_id is not None,
        test_id=test_id,
    )


def _message(kind: EventType, assessment: Assessment, policy: Policy) -> str:
    """The platform's own sentences, with the score floored and the policy's thresholds."""
    healthy, warning, call = (plain(bound) for bound in policy.thresholds())
    score = floor_score(assessment.score) if assessment.score is not None else None
    match kind:
        case EventType.LIQUIDATION_IMMINENT:
            return (
                f"LIQUIDATION IMMINENT: Health score {score}% (< {call}%). "
                "Immediate action required."
            )
        case EventType.MARGIN_CALL:
            return (
                f"MARGIN CALL: Health score {score}% ({call}-{warning}%). "
                "Add collateral or reduce borrows."
            )
        case EventType.MARGIN_WARNING:
            return (
                f"Margin Warning: Health score {score}% ({warning}-{healthy}%). "
                "Monitor position closely."
            )
        case EventType.MARGIN_RECOVERED:
            if score is None:
                return "Margin Recovered: The account has no debt any more. No action required."
            ends = assessment.status is Status.HEALTHY
            advice = "No action required." if ends else "Keep monitoring the position."
            return f"Margin Recovered: Health score {score}% ({assessment.status}). {advice}"


def _basis(assessment: Assessment) -> Mapping[str, PriceBasis]:
    return MappingProxyType(
        {
            line.asset: PriceBasis(line.price, line.as_of)
            for line in assessment.lines
            if line.price is not None and line.as_of is not None and line.reason is None
        }
    )


def digest(*parts: str) -> str:
    """20 hex digits that stand for exactly these texts in this order."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]
