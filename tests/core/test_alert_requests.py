"""Alerts that somebody asked for: test alerts with their marks, and requests."""

from decimal import Decimal

import pytest

from core import alerts
from core.alerts import EventType, MarginAlert, Severity, channels_for, request_alert, step
from core.errors import FieldError
from core.exact import Number
from core.margin import classify
from core.policy import Status
from tests.core.samples import NOON, POLICY, scored


@pytest.mark.parametrize(
    ("severity", "kind", "channels"),
    [
        (Severity.CRITICAL, EventType.LIQUIDATION_IMMINENT, ("email", "sms", "webhook")),
        (Severity.HIGH, EventType.MARGIN_CALL, ("email", "webhook")),
        (Severity.MEDIUM, EventType.MARGIN_WARNING, ("email",)),
        (Severity.LOW, EventType.MARGIN_RECOVERED, ("email",)),
    ],
)
def test_a_test_alert_is_a_real_one_with_marks(
    severity: Severity, kind: EventType, channels: tuple[str, ...]
) -> None:
    made = alerts.test_alert(severity=severity, test_id="t-1", at=NOON, policy=POLICY, by="ann")
    assert (made.event_type, made.severity) == (kind, severity)
    assert (made.test, made.test_id, made.user_id) == (True, "t-1", "test:control-room")
    assert made.message.startswith("[TEST] ")
    assert made.health_score is not None
    assert classify(made.health_score + 100, Decimal(100), POLICY) is made.status
    assert channels_for(severity) == channels
    again = alerts.test_alert(severity=severity, test_id="t-1", at=NOON, policy=POLICY, by="bob")
    other = alerts.test_alert(severity=severity, test_id="t-2", at=NOON, policy=POLICY, by="ann")
    assert made.event_id == again.event_id != other.event_id


def test_a_test_alert_never_goes_to_a_real_account_nor_a_real_one_to_a_test_account() -> None:
    with pytest.raises(FieldError, match="user_id"):
        alerts.test_alert(
            severity=Severity.HIGH, test_id="t", at=NOON, policy=POLICY, by="x", user_id="ann"
        )
    with pytest.raises(FieldError, match="test_id"):
        alerts.test_alert(severity=Severity.HIGH, test_id="a b", at=NOON, policy=POLICY, by="x")
    with pytest.raises(FieldError, match="user_id"):
        step(None, scored(10, "test:x"), policy=POLICY, at=NOON, market_time=NOON)


def test_who_sent_a_test_alert_cannot_break_its_text() -> None:
    made = alerts.test_alert(
        severity=Severity.LOW, test_id="t", at=NOON, policy=POLICY, by="ann\n\x00\u202e" + "x" * 99
    )
    assert made.message.isprintable()
    assert len(made.message) < 200


def requested(score: Number, previous: Number | None = None) -> MarginAlert | None:
    return request_alert(scored(score), policy=POLICY, at=NOON, previous_health_score=previous)


def test_a_request_finds_the_event_that_the_platform_found() -> None:
    for score, previous, kind in [
        (60, 10, None),
        (40, None, None),
        (40, "49.99", None),
        (40, 50, "margin_warning"),
        (20, None, "margin_call"),
        (20, 20, "margin_call"),
        (10, 60, "liquidation_imminent"),
    ]:
        found = requested(score, previous)
        assert (found and found.event_type) == kind


def test_the_same_request_on_the_same_prices_is_the_same_event() -> None:
    first, again = requested(20, 60), requested(20, 60)
    others = [requested(21, 60), requested(20, 61), requested(20)]
    assert first
    assert again
    assert first.event_id == again.event_id
    assert len({first.event_id, *(o.event_id for o in others if o)}) == 4
    assert (first.previous_health_score, first.previous_status) == (60, Status.HEALTHY)
    assert first.incident_started_at is None


def test_a_request_with_a_previous_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(FieldError, match="previous_health_score"):
        requested(20, "NaN")
