"""A policy is sound or says everything that is wrong with it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.errors import PolicyError
from core.policy import Policy, Status, coverage
from core.portfolio import Portfolio


def test_the_default_is_the_platforms_own() -> None:
    policy = Policy()
    assert policy.thresholds() == (50, 30, 15)
    assert policy.lower_bound(Status.WARNING) == 30
    assert policy.lower_bound(Status.LIQUIDATION) is None
    assert policy.reminder[Status.LIQUIDATION] == timedelta(minutes=15)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(
            warning=Decimal(60),
            margin_call=Decimal(70),
            weights={"ETH": Decimal(2), "BTC": Decimal(-1)},
            hysteresis=Decimal(-1),
            reminder={Status.LIQUIDATION: timedelta(0)},
        )
    assert caught.value.faults == (
        "warning: 60 must be below healthy (50)",
        "margin_call: 70 must be below warning (60)",
        "hysteresis: must be zero or more points",
        "weights.ETH: must be between 0 and 1",
        "weights.BTC: must not be negative",
        "reminder.LIQUIDATION: must be longer than nothing",
    )


@pytest.mark.parametrize("bound", ["NaN", "-100", "Infinity"])
def test_a_threshold_is_a_percentage_that_a_score_can_reach(bound: str) -> None:
    with pytest.raises(PolicyError, match="margin_call"):
        Policy(margin_call=Decimal(bound))


def test_the_accounts_own_weight_wins_over_the_policys_over_one() -> None:
    policy = Policy(weights={"eth": Decimal("0.8"), "BTC": Decimal("0.7")})
    ann = Portfolio.of("ann", {"ETH": 1}, {}, {"ETH": "0.9"})
    assert [policy.weight_of(ann, asset) for asset in ("ETH", "BTC", "SOL")] == [
        Decimal("0.9"),
        Decimal("0.7"),
        1,
    ]


def test_fifteen_percent_need_a_dollar_fifteen_of_collateral() -> None:
    assert coverage(Decimal(15)) == Decimal("1.15")


def test_shocks_and_lengths_that_cannot_be_are_named() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(
            shocks_down={"ETH": Decimal(-1), "E T": Decimal(0)},
            shocks_up={"usdc": Decimal("0.1"), "BTC": Decimal("NaN")},
            pegged=frozenset({"USDC"}),
            staleness={"ETH": timedelta(0)},
            stale_after=timedelta(-1),
        )
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "staleness.ETH",
        "stale_after",
        "shocks_down.ETH",
        "shocks_down.E T",
        "shocks_up.usdc",
        "shocks_up.BTC",
    ]


def test_a_number_beyond_what_is_computed_is_no_threshold() -> None:
    with pytest.raises(PolicyError, match="healthy"):
        Policy(healthy=Decimal("1e41"))
