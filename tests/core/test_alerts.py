"""Transitions are told once: steps down, recoveries, hysteresis."""

from datetime import timedelta

from core.alerts import step
from core.policy import Status
from tests.core.alert_steps import CALL, DEBT_FREE, FALLEN, MINUTE, UNKNOWN, WARNING, kinds, only
from tests.core.samples import NOON, POLICY, scored


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
