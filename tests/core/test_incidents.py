"""Incidents remember what was told: reminders, and ids that are the same for the same history."""

import re
from datetime import timedelta

from hypothesis import given

from core.alerts import Incident, step
from core.exact import Number
from core.policy import Status
from tests.core.alert_steps import CALL, FALLEN, MINUTE, WARNING, kinds, scores, told
from tests.core.samples import NOON, POLICY, scored


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
