"""Transitions are told once; incidents remember what was told."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import alerts
from core.alerts import (
    EventType,
    Incident,
    MarginAlert,
    PriceBasis,
    Severity,
    channels_for,
    request_alert,
    step,
)
from core.errors import FieldError
from core.exact import Number
from core.margin import Assessment, assess, classify
from core.policy import Policy, Status
from core.portfolio import Portfolio
from tests.core.samples import NOON, POLICY, scored, snapshot

MINUTE = timedelta(minutes=1)
UNKNOWN = assess(Portfolio.of("ann", {"LUNA": 1}, {"USDC": 1}), snapshot({"USDC": 1}), POLICY)
DEBT_FREE = assess(Portfolio.of("ann", {"USDT": 1}, {}), snapshot({"USDT": 1}), POLICY)


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
    return [alert and f"{alert.event_type} {alert.status}" for alert in told(scores, **options)]


def only(scores: Iterable[Number | Assessment]) -> MarginAlert:
    """The last alert of a row of scores."""
    return [alert for alert in told(scores) if alert is not None][-1]


WARNING = "margin_warning WARNING"
CALL = "margin_call MARGIN_CALL"
FALLEN = "liquidation_imminent LIQUIDATION"


def test_a_healthy_account_says_nothing() -> None:
    assert kinds([60, 51, DEBT_FREE, 50]) == [None] * 4


def test_the_first_sight_of_trouble_is_told() -> None:
    assert kinds([40]) == [WARNING]
    assert kinds([20]) == [CALL]
    assert kinds([10]) == [FALLEN]


def test_each_step_down_is_told_once() -> None:
    assert kinds([60, 40, 39, 20, 19, 10, 9]) == [None, WARNING, None, CALL, None, FALLEN, None]


def test_a_fall_through_several_bands_is_one_alert() -> None:
    assert kinds([60, 10]) == [None, FALLEN]


def test_each_step_up_is_a_recovery_of_the_new_status() -> None:
    assert kinds([10, 20, 40, 60, 60]) == [
        FALLEN,
        "margin_recovered MARGIN_CALL",
        "margin_recovered WARNING",
        "margin_recovered HEALTHY",
        None,
    ]


def test_paying_the_debt_back_is_a_recovery() -> None:
    assert kinds([10, DEBT_FREE]) == [FALLEN, "margin_recovered NO_DEBT"]
    alert = only([10, DEBT_FREE])
    assert alert.health_score is None
    assert "no debt" in alert.message


def test_a_score_that_flaps_around_a_threshold_is_told_once() -> None:
    assert kinds(["29.9", "30.1", "29.9", "30.4", "29.9"]) == [CALL, None, None, None, None]
    assert kinds(["49.9", "50.2", "49.8", "50.4"]) == [WARNING, None, None, None]


def test_a_rise_counts_once_it_clears_the_threshold_by_half_a_point() -> None:
    assert kinds([20, "30.4999", "30.5"]) == [CALL, None, "margin_recovered WARNING"]
    assert kinds([40, "50.4999", "50.5", "49.9"]) == [
        WARNING,
        None,
        "margin_recovered HEALTHY",
        WARNING,
    ]


def test_a_jump_waits_until_it_clears_the_threshold_it_landed_on() -> None:
    assert kinds([10, "30.2", "29.9"]) == [FALLEN, None, "margin_recovered MARGIN_CALL"]


def test_hysteresis_never_alters_the_assessed_status() -> None:
    incident, _ = step(None, scored(20), policy=POLICY, at=NOON, market_time=NOON)
    now = scored("30.2")
    kept, alert = step(incident, now, policy=POLICY, at=NOON, market_time=NOON + MINUTE)
    assert alert is None
    assert kept is incident
    assert now.status is Status.WARNING


def test_unknown_tells_nothing_and_keeps_the_incident() -> None:
    assert kinds([UNKNOWN]) == [None]
    assert kinds([20, UNKNOWN, 20]) == [CALL, None, None]
    assert kinds([20, UNKNOWN, 10]) == [CALL, None, FALLEN]
    assert only([20, UNKNOWN, 10]).sequence == 2


def test_the_same_assessment_again_tells_nothing() -> None:
    assert kinds([20, 20, 20], every=timedelta(0)) == [CALL, None, None]


def test_an_open_call_is_told_again_every_hour_and_a_liquidation_every_quarter() -> None:
    hours = kinds([20] * 4, every=timedelta(minutes=30))
    assert hours == [CALL, None, CALL, None]
    quarters = kinds([10] * 4, every=timedelta(minutes=5))
    assert quarters == [FALLEN, None, None, FALLEN]
    assert kinds([40] * 3, every=timedelta(days=1)) == [WARNING, None, None]


def test_a_reminder_is_the_next_of_the_same_incident() -> None:
    first, second, third = told([10, 10, 10], every=timedelta(minutes=15))
    assert first
    assert second
    assert third
    assert [first.sequence, second.sequence, third.sequence] == [1, 2, 3]
    assert {a.incident_started_at for a in (first, second, third)} == {NOON}
    assert len({first.event_id, second.event_id, third.event_id}) == 3
    assert second.previous_status is Status.LIQUIDATION


def test_while_a_rise_waits_no_reminder_contradicts_it() -> None:
    assert kinds([10, "15.2", "15.2"], every=timedelta(hours=1)) == [FALLEN, None, None]


def test_a_new_fall_after_a_recovery_is_a_new_incident() -> None:
    first, _, again = told([40, 60, 40])
    assert first
    assert again
    assert again.sequence == 1
    assert again.incident_started_at == NOON + 2 * MINUTE
    assert again.event_id != first.event_id


scores = st.lists(st.sampled_from([5, "14.9", "15.2", 16, "29.9", "30.3", 31, "49.9", "50.3", 60]))


@given(scores)
def test_equal_histories_have_equal_event_ids_and_no_id_comes_twice(history: list[Number]) -> None:
    once = [alert.event_id for alert in told(history) if alert]
    later = [alert.event_id for alert in told(history, wall=NOON + timedelta(days=1)) if alert]
    other = [alert.event_id for alert in told(history, user_id="bob") if alert]
    assert once == later
    assert len(set(once)) == len(once)
    assert not set(once) & set(other)
    assert all(re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", event_id) for event_id in once)


@given(scores)
def test_no_alert_carries_a_status_that_its_score_contradicts(history: list[Number]) -> None:
    for alert in filter(None, told(history)):
        assert alert.health_score is not None
        assert classify(alert.health_score + 100, Decimal(100), POLICY) is alert.status


@given(scores)
def test_what_was_seen_before_enters_no_event_id(history: list[Number]) -> None:
    """After a restart the evaluation before is gone; the incident alone must be enough."""
    incident: Incident | None = None
    found = []
    for i, score in enumerate(history):
        incident, alert = step(
            incident,
            scored(score),
            policy=POLICY,
            at=NOON,
            market_time=NOON + i * MINUTE,
            previous=scored(history[i - 1]) if i else None,
        )
        found.append(alert and alert.event_id)
    assert found == [alert and alert.event_id for alert in told(history)]


def test_an_alert_carries_what_it_rests_on() -> None:
    _, alert = step(
        None,
        scored("27.149"),
        policy=POLICY,
        at=NOON + MINUTE,
        market_time=NOON,
        previous=scored("51.2"),
    )
    assert alert is not None
    assert alert.message == (
        "MARGIN CALL: Health score 27.14% (15-30%). Add collateral or reduce borrows."
    )
    assert (alert.health_score, alert.previous_health_score) == (
        Decimal("27.149"),
        Decimal("51.2"),
    )
    assert alert.previous_status is Status.HEALTHY
    assert (alert.total_collateral_usd, alert.total_borrow_usd) == (Decimal("127.149"), 100)
    assert alert.liquidation_price_drop_percent == Decimal("9.55")
    assert alert.prices == {
        "USDT": PriceBasis(Decimal(1), NOON),
        "USDC": PriceBasis(Decimal(1), NOON),
    }
    assert (alert.timestamp, alert.market_time) == (NOON + MINUTE, NOON)
    assert alert.policy_version == POLICY.version
    assert not alert.test


@pytest.mark.parametrize(
    ("score", "message", "severity"),
    [
        (
            "14.9996",
            "LIQUIDATION IMMINENT: Health score 14.99% (< 15%). Immediate action required.",
            "critical",
        ),
        (
            20,
            "MARGIN CALL: Health score 20.00% (15-30%). Add collateral or reduce borrows.",
            "high",
        ),
        (40, "Margin Warning: Health score 40.00% (30-50%). Monitor position closely.", "medium"),
    ],
)
def test_the_words_are_the_platforms_own(score: Number, message: str, severity: str) -> None:
    alert = only([score])
    assert (alert.message, alert.severity) == (message, severity)


def test_a_recovery_is_low_and_names_its_new_status() -> None:
    alert = only([20, 40])
    assert alert.severity is Severity.LOW
    assert alert.message == (
        "Margin Recovered: Health score 40.00% (WARNING). Keep monitoring the position."
    )


def test_the_words_carry_the_policys_thresholds() -> None:
    policy = Policy(healthy=Decimal(80), warning=Decimal("40.0"), margin_call=Decimal("7.5"))
    now = assess(
        Portfolio.of("ann", {"USDT": 120}, {"USDC": 100}), snapshot({"USDT": 1, "USDC": 1}), policy
    )
    _, alert = step(None, now, policy=policy, at=NOON, market_time=NOON)
    assert alert is not None
    assert "(7.5-40%)" in alert.message


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
