"""What an alert carries: its words, its severity, and the figures it rests on."""

from decimal import Decimal

import pytest
from hypothesis import given

from core.alerts import PriceBasis, Severity, step
from core.exact import Number
from core.margin import assess, classify
from core.policy import Policy, Status
from core.portfolio import Portfolio
from tests.core.alert_steps import MINUTE, only, scores, told
from tests.core.samples import NOON, POLICY, scored, snapshot


@given(scores)
def test_no_alert_carries_a_status_that_its_score_contradicts(history: list[Number]) -> None:
    for alert in filter(None, told(history)):
        assert alert.health_score is not None
        assert classify(alert.health_score + 100, Decimal(100), POLICY) is alert.status


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
