"""A what-if is the live assessment of a changed account at changed prices."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bands import STATUS_ORDER
from core.categories import Category
from core.edits import HYPOTHETICAL
from core.errors import FieldError
from core.exact import CONTEXT
from core.margin import Assessment, assess
from core.policy import Policy, Status
from core.portfolio import Portfolio, Side
from core.what_if import (
    AddAmount,
    Delay,
    Edit,
    GroupShock,
    Outage,
    Scenario,
    SetAmount,
    SetCategory,
    SetPrice,
    SetThresholds,
    SetWeight,
    Shock,
    ShockAll,
    apply,
    assess_under,
    compare,
    grid,
    policy_under,
    waterfall,
)
from tests.core.samples import NOON, POLICY, snapshot

PRICES = snapshot({"ETH": 100, "BTC": 50, "USDC": 1}, unusable={"BTC": "stale 3 h"})
ANN = Portfolio.of("ann", {"ETH": 2}, {"USDC": 100})


def after(*edits: Edit) -> Assessment:
    return assess(*apply(ANN, PRICES, Scenario(edits)), POLICY)


def test_without_edits_the_what_if_is_the_live_assessment() -> None:
    portfolio, prices = apply(ANN, PRICES, Scenario())
    assert portfolio is ANN
    assert prices is PRICES


def test_a_shock_of_nothing_changes_nothing() -> None:
    assert after(Shock("ETH", Decimal(0)), ShockAll(Decimal(0))) == assess(ANN, PRICES, POLICY)


def test_each_edit_does_what_it_says() -> None:
    assert after(SetAmount(Side.COLLATERAL, "eth", Decimal(3))).score == 200
    assert after(AddAmount(Side.COLLATERAL, "ETH", Decimal("-0.5"))).score == 50
    assert after(AddAmount(Side.BORROW, "USDC", Decimal(-100))).status is Status.NO_DEBT
    assert after(SetPrice("ETH", Decimal(60))).score == 20
    assert after(Shock("ETH", Decimal("-0.2"))).score == 60
    assert after(ShockAll(Decimal("-0.2"))).score == 100
    assert after(ShockAll(Decimal("-0.2"), frozenset({"usdc"}))).score == 60


def test_edits_happen_in_the_order_they_are_stated() -> None:
    down_then_set = after(Shock("ETH", Decimal("-0.5")), SetPrice("ETH", Decimal(90)))
    set_then_down = after(SetPrice("ETH", Decimal(90)), Shock("ETH", Decimal("-0.5")))
    assert (down_then_set.score, set_then_down.score) == (80, -10)


def test_a_shock_leaves_a_stale_price_unusable_and_a_set_price_does_not() -> None:
    with_btc = AddAmount(Side.COLLATERAL, "BTC", Decimal(2))
    assert after(with_btc, ShockAll(Decimal("-0.2"))).reasons == {"BTC": "stale 3 h"}
    priced = after(with_btc, SetPrice("BTC", Decimal(25)))
    assert priced.score == 150
    assert {line.tick_id for line in priced.lines} == {"tick-ETH", HYPOTHETICAL, "tick-USDC"}


def test_a_changed_snapshot_says_that_it_is_hypothetical() -> None:
    assert after(Shock("ETH", Decimal("-0.1")), Shock("ETH", Decimal("0.1"))).snapshot_id == (
        "s1+what-if"
    )


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (Shock("ETH", Decimal(-1)), "edits.1.fraction"),
        (ShockAll(Decimal("NaN")), "edits.1.fraction"),
        (SetAmount(Side.COLLATERAL, "ETH", Decimal(-1)), "edits.1.amount"),
        (SetPrice("ETH", Decimal(0)), "edits.1.price"),
        (SetPrice("E T H", Decimal(1)), "edits.1.asset"),
        (AddAmount("both", "ETH", Decimal(1)), "edits.1.side"),  # type: ignore[arg-type]
    ],
)
def test_an_edit_that_cannot_be_used_is_named(edit: Edit, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        Scenario((Shock("ETH", Decimal(0)), edit))
    assert caught.value.field == field


def test_more_cannot_be_taken_than_is_there() -> None:
    with pytest.raises(FieldError, match=r"collateral\.ETH"):
        after(AddAmount(Side.COLLATERAL, "ETH", Decimal(-3)))


def test_an_edit_tells_what_it_is() -> None:
    edits = (
        SetAmount(Side.BORROW, "USDC", Decimal("2.50")),
        AddAmount(Side.COLLATERAL, "ETH", Decimal(-1)),
        SetPrice("ETH", Decimal("1E+3")),
        Shock("ETH", Decimal("-0.2")),
        ShockAll(Decimal("0.05"), frozenset({"USDC"})),
    )
    assert [str(edit) for edit in edits] == [
        "borrow USDC = 2.5",
        "collateral ETH -1",
        "ETH at 1000",
        "ETH -20 %",
        "all prices +5 % except USDC",
    ]


def test_a_comparison_is_after_minus_before() -> None:
    before = assess(ANN, PRICES, POLICY)
    found = compare(before, after(SetPrice("ETH", Decimal(60)), SetPrice("USDC", Decimal("0.5"))))
    assert (found.score_change, found.collateral_change_usd, found.borrow_change_usd) == (
        40,
        -80,
        -50,
    )
    assert not found.status_changed
    assert [(x.asset, x.before_usd, x.after_usd) for x in found.lines] == [
        ("ETH", 200, 120),
        ("USDC", 100, 50),
    ]
    assert compare(before, after(SetAmount(Side.BORROW, "BTC", Decimal(1)))).score_change is None


def test_the_waterfall_tells_what_each_edit_did_in_its_place() -> None:
    scenario = Scenario(
        (Shock("ETH", Decimal("-0.4")), AddAmount(Side.BORROW, "USDC", Decimal(-50)))
    )
    steps = waterfall(ANN, PRICES, POLICY, scenario)
    assert [step.comparison.score_change for step in steps] == [-80, 120]


edits = st.one_of(
    st.builds(
        Shock,
        st.sampled_from(["ETH", "USDC"]),
        st.decimals(min_value="-0.99", max_value="3", places=3),
    ),
    st.builds(ShockAll, st.decimals(min_value="-0.99", max_value="3", places=3)),
    st.builds(
        AddAmount,
        st.sampled_from(Side),
        st.sampled_from(["ETH", "USDC"]),
        st.decimals(min_value="0", max_value="900", places=3),
    ),
)


@settings(deadline=None)
@given(st.lists(edits, max_size=5))
def test_the_waterfall_adds_up_to_the_whole_change(chosen: list[Edit]) -> None:
    scenario = Scenario(tuple(chosen))
    steps = waterfall(ANN, PRICES, POLICY, scenario)
    whole = compare(assess(ANN, PRICES, POLICY), assess(*apply(ANN, PRICES, scenario), POLICY))
    with localcontext(CONTEXT):
        assert sum(s.comparison.score_change or 0 for s in steps) == whole.score_change
        parts = [s.comparison.collateral_change_usd or 0 for s in steps]
        assert sum(parts) == whole.collateral_change_usd


LONG_SHORT = Portfolio.of("ann", {"ETH": "1.5", "BTC": 1, "USDC": 10}, {"USDC": 100, "BTC": "0.7"})
PRICED = snapshot({"ETH": 100, "BTC": 50, "USDC": "0.9997"})
SHOCKS = [Decimal(percent) / 100 for percent in range(-60, 65, 5)]


@pytest.mark.parametrize(
    "portfolio",
    [
        LONG_SHORT,
        Portfolio.of("edge", {"ETH": "1.15"}, {"BTC": 2}),  # equal shocks stay on the threshold
        Portfolio.of("hair", {"ETH": "1.14999999999999999999"}, {"BTC": 2}),  # and these under it
        Portfolio.of("free", {"ETH": 1}, {}),
        Portfolio.of("dark", {"LUNA": 1}, {"USDC": 1}),
    ],
)
def test_every_cell_of_a_grid_is_what_the_scenario_gives(portfolio: Portfolio) -> None:
    found = grid(portfolio, PRICED, POLICY, "ETH", "BTC", SHOCKS)
    for i, a in enumerate(found.shocks_a):
        for j, b in enumerate(found.shocks_b):
            scenario = Scenario((Shock("ETH", a), Shock("BTC", b)))
            exact = assess(*apply(portfolio, PRICED, scenario), POLICY)
            assert STATUS_ORDER[found.status[i, j]] is exact.status
            if exact.score is None:
                assert np.isnan(found.score[i, j])
            else:
                assert found.score[i, j] == pytest.approx(float(exact.score), rel=1e-9, abs=1e-9)


def test_a_grid_needs_two_assets_and_shocks_above_minus_one() -> None:
    with pytest.raises(FieldError, match="asset_b"):
        grid(ANN, PRICES, POLICY, "ETH", "eth", SHOCKS)
    with pytest.raises(FieldError, match=r"shocks_b\.1"):
        grid(ANN, PRICES, POLICY, "ETH", "BTC", SHOCKS, [0, -1])


def judged(*chosen: Edit, policy: Policy = POLICY) -> Assessment:
    return assess_under(ANN, snapshot({"ETH": 100, "USDC": 1}), policy, Scenario(chosen))


def test_policy_edits_change_the_policy_and_nothing_else() -> None:
    assert judged(SetWeight("eth", Decimal("0.6"))).score == 20
    strict = SetThresholds(Decimal(200), Decimal(150), Decimal(101))
    assert judged(strict).status is Status.LIQUIDATION
    assert judged(strict).score == 100
    assert policy_under(POLICY, Scenario((Shock("ETH", Decimal("-0.1")),))) is POLICY
    with pytest.raises(FieldError, match="thresholds"):
        Scenario((SetThresholds(Decimal(15), Decimal(30), Decimal(50)),))


def test_a_category_joined_counts_its_assets_for_more() -> None:
    eth = Category("eth", {"ETH": Decimal("0.9")})
    policy = Policy(weights={"ETH": Decimal("0.5")}, categories={"eth": eth})
    assert judged(policy=policy).score == 0
    assert judged(SetCategory("eth"), policy=policy).score == 80
    assert judged(SetCategory("eth"), SetCategory(None), policy=policy).score == 0


def test_a_group_moves_each_asset_by_its_beta() -> None:
    betas = {"ETH": Decimal(2), "usdc": Decimal("-0.5"), "LUNA": Decimal(1)}
    found = judged(GroupShock(Decimal("0.2"), betas))  # ETH 140, USDC 0.9
    assert (found.collateral_usd, found.borrow_usd) == (280, 90)
    with pytest.raises(FieldError, match=r"edits\.0\.betas\.ETH"):
        judged(GroupShock(Decimal("-0.5"), {"ETH": Decimal(2)}))


def test_broken_plumbing_makes_an_account_unknown_and_never_liquidates_it() -> None:
    for edit in (Outage(), Outage(frozenset({"eth"})), Delay(timedelta(seconds=90))):
        assert judged(edit).status is Status.UNKNOWN
        assert judged(edit).score is None
    assert judged(Outage(frozenset({"BTC"}))).score == 100
    assert judged(Delay(timedelta(seconds=90))).reasons["ETH"] == "stale 1 min 30 s"


def test_a_delay_is_judged_by_the_policys_staleness() -> None:
    late = Delay(timedelta(seconds=60), frozenset({"ETH"}))
    assert judged(late).score == 100
    assert judged(late).oldest == replace(
        snapshot({"ETH": 100}).points["ETH"], as_of=NOON - timedelta(seconds=60)
    )
    quick = Policy(staleness={"ETH": timedelta(seconds=30)})
    assert judged(late, policy=quick).status is Status.UNKNOWN
    assert judged(late, SetPrice("ETH", Decimal(50)), policy=quick).score == 0


def test_the_waterfall_tells_policy_and_plumbing_in_their_place() -> None:
    scenario = Scenario((SetWeight("ETH", Decimal("0.6")), Outage()))
    prices = snapshot({"ETH": 100, "USDC": 1})
    first, second = waterfall(ANN, prices, POLICY, scenario)
    assert first.comparison.score_change == -80
    assert second.comparison.score_change is None
    assert second.comparison.after.status is Status.UNKNOWN
