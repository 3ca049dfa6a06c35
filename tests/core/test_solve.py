"""What is solved for, put back, lands on the target or on its good side."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contributions import contributions
from core.curve import curve, ladder
from core.errors import FieldError
from core.exact import CONTEXT, ONE
from core.headroom import HeadroomKind, headroom
from core.levels import Direction, group_move
from core.liquidation import partial_liquidation, repayment_to
from core.margin import assess, at_or_above
from core.policy import Policy, Status
from core.portfolio import Portfolio, PriceSnapshot, Side
from core.solve import AmountOf, MoveOf, PriceOf, Unknown, solve
from core.what_if import GroupShock, Scenario, SetAmount, SetPrice, ShockAll, assess_under
from tests.core.accounts import assets, markets, positions, targets, weightings
from tests.core.samples import POLICY, snapshot

T15, T30 = Decimal(15), Decimal(30)
PRICES = snapshot({"ETH": 100, "USDC": 1, "BTC": 50, "STETH": 100})
ANN = Portfolio.of("ann", {"ETH": 2}, {"USDC": 100})


def found(portfolio: Portfolio, unknown: Unknown, target: Decimal = T15) -> tuple:
    solution = solve(portfolio, PRICES, POLICY, unknown, target)
    assert solution is not None
    return solution.direction, solution.edit


def test_each_unknown_has_its_answer() -> None:
    assert found(ANN, PriceOf("ETH")) == (Direction.FALLS_TO, SetPrice("ETH", Decimal("57.5")))
    assert found(ANN, AmountOf(Side.COLLATERAL, "ETH")) == (
        Direction.FALLS_TO,
        SetAmount(Side.COLLATERAL, "ETH", Decimal("1.15")),
    )
    assert found(ANN, AmountOf(Side.BORROW, "BTC"), Decimal(0)) == (
        Direction.RISES_TO,
        SetAmount(Side.BORROW, "BTC", Decimal(2)),
    )
    assert found(ANN, MoveOf(pegged=frozenset({"USDC"}))) == (
        Direction.FALLS_TO,
        ShockAll(Decimal("-0.425"), frozenset({"USDC"})),
    )
    assert found(ANN, MoveOf({"ETH": Decimal(2)})) == (
        Direction.FALLS_TO,
        GroupShock(Decimal("-0.2125"), {"ETH": Decimal(2)}),
    )


def test_below_the_target_the_answer_is_where_it_recovers() -> None:
    short = Portfolio.of("ann", {"ETH": 1}, {"USDC": 100})
    assert found(short, AmountOf(Side.BORROW, "USDC"), Decimal(25)) == (
        Direction.RECOVERS_AT,
        SetAmount(Side.BORROW, "USDC", Decimal(80)),
    )
    assert found(short, MoveOf(pegged=frozenset({"USDC"})), Decimal(25))[1] == (
        ShockAll(Decimal("0.25"), frozenset({"USDC"}))
    )


def test_an_unknown_that_does_not_matter_says_so() -> None:
    assert found(ANN, AmountOf(Side.COLLATERAL, "BTC")) == (Direction.NEVER, None)
    short = Portfolio.of("ann", {"ETH": 1}, {"USDC": 100})
    assert found(short, PriceOf("BTC")) == (Direction.ALWAYS_BELOW, None)
    assert found(ANN, MoveOf()) == (Direction.NEVER, None)  # all alike: the ratio stands still


def test_without_debt_the_amount_that_may_be_borrowed_is_still_found() -> None:
    free = Portfolio.of("ann", {"ETH": "2.3"}, {})
    assert found(free, AmountOf(Side.BORROW, "USDC")) == (
        Direction.RISES_TO,
        SetAmount(Side.BORROW, "USDC", Decimal(200)),
    )
    assert solve(free, PRICES, POLICY, PriceOf("ETH"), T15) is None


def test_a_group_moves_by_its_betas_and_the_sign_is_that_of_a_return() -> None:
    both = assess(Portfolio.of("a", {"ETH": 1, "STETH": 1}, {"USDC": 100}), PRICES, POLICY)
    move = group_move(both, {"ETH": ONE, "STETH": ONE}, T15)
    assert move is not None
    assert (move.direction, move.fraction) == (Direction.FALLS_TO, Decimal("-0.425"))
    pair = assess(Portfolio.of("a", {"STETH": 1}, {"ETH": "0.5"}), PRICES, POLICY)
    alike = group_move(pair, {"ETH": ONE, "STETH": ONE}, T15)
    assert alike is not None
    assert alike.direction is Direction.NEVER  # it would take prices to nothing
    far = MoveOf({"ETH": ONE, "BTC": Decimal(9)})  # BTC is not held: it does not stand in the way
    assert found(ANN, far)[1] == GroupShock(Decimal("-0.425"), {"ETH": ONE})


def test_headroom_is_what_may_go_without_leaving_the_target() -> None:
    amounts = {(h.kind, h.asset): h.amount for h in headroom(ANN, PRICES, POLICY, Decimal(60))}
    assert amounts == {
        (HeadroomKind.WITHDRAW, "ETH"): Decimal("0.4"),
        (HeadroomKind.BORROW, "USDC"): Decimal(25),
    }
    assert headroom(Portfolio.of("a", {"ETH": 1}, {"USDC": 100}), PRICES, POLICY, T15) == ()
    assert headroom(Portfolio.of("a", {"DOGE": 1}, {"USDC": 100}), PRICES, POLICY, T15) == ()
    [all_of_it] = headroom(Portfolio.of("a", {"ETH": 3}, {}), PRICES, POLICY, T15)
    assert all_of_it.amount == 3


def test_a_liquidation_helps_only_above_weight_times_bonus() -> None:
    # C 180, B 100, HF 1.8; 50 repaid for 55 of collateral at weight 0.9: 130.5 / 50
    account = Portfolio.of("a", {"ETH": 2}, {"USDC": 100}, {"ETH": "0.9"})
    done = partial_liquidation(assess(account, PRICES, POLICY), "ETH", 50, "0.1")
    assert done is not None
    assert (done.after, done.seized_amount, done.improves) == (
        Decimal("2.61"),
        Decimal("0.55"),
        True,
    )
    low = assess(Portfolio.of("a", {"ETH": "1"}, {"USDC": 100}, {"ETH": "0.9"}), PRICES, POLICY)
    worse = partial_liquidation(low, "ETH", 10, "0.1")  # HF 0.9 is below 0.9 * 1.1
    assert worse is not None
    assert not worse.improves
    assert worse.after is not None
    assert worse.after < worse.before
    with pytest.raises(FieldError, match="more than is owed"):
        partial_liquidation(low, "ETH", 101, 0)
    with pytest.raises(FieldError, match="than is held"):
        partial_liquidation(low, "ETH", 95, "0.1")
    with pytest.raises(FieldError, match="not held"):
        partial_liquidation(low, "BTC", 1, 0)


def test_the_repayment_to_a_health_factor_lands_on_it() -> None:
    # C 96, B 100 at weight 0.8 on 120: to HF 1 with bonus 5 %: (100 - 96) / (1 - 0.84) = 25
    account = assess(
        Portfolio.of("a", {"ETH": "1.2"}, {"USDC": 100}, {"ETH": "0.8"}), PRICES, POLICY
    )
    repaid = repayment_to(account, "ETH", 1, "0.05")
    assert repaid == 25
    done = partial_liquidation(account, "ETH", repaid, "0.05")
    assert done is not None
    assert done.after == 1
    assert repayment_to(account, "ETH", "0.9", "0.05") is None  # it is there already


def test_a_curve_is_the_live_assessment_at_every_shock() -> None:
    points = curve(ANN, PRICES, POLICY, ladder("-0.5", "0.5", 3), asset="ETH")
    assert [(p.shock, p.assessment.score) for p in points] == [
        (Decimal("-0.5"), 0),
        (0, 100),
        (Decimal("0.5"), 200),
    ]
    assert curve(ANN, PRICES, POLICY, [0])[0].assessment == assess(ANN, PRICES, POLICY)


unknowns = st.one_of(
    st.builds(PriceOf, assets),
    st.builds(AmountOf, st.sampled_from(Side), assets),
    st.builds(MoveOf, st.none(), st.frozensets(assets, max_size=2)),
    st.builds(
        MoveOf, st.dictionaries(assets, st.decimals("0.1", "2", places=1), min_size=1, max_size=3)
    ),
)


@settings(deadline=None, max_examples=200)
@given(positions, positions, weightings, markets, targets, unknowns)
def test_a_solution_lands_on_its_target(
    collateral: dict,
    borrow: dict,
    weights: dict,
    prices: PriceSnapshot,
    target: Decimal,
    unknown: Unknown,
) -> None:
    portfolio = Portfolio.of("ann", collateral, borrow, weights)
    solution = solve(portfolio, prices, POLICY, unknown, target)
    assert solution is not None
    if solution.edit is None:
        return
    after = assess_under(portfolio, prices, POLICY, Scenario((solution.edit,)))
    assert after == solution.after
    if after.status is Status.NO_DEBT:  # the only amount of debt that is not short of it
        return
    assert at_or_above(after.collateral_usd or T15, after.borrow_usd or T15, target)
    assert after.score is not None
    if Decimal("1e-3") < (after.borrow_usd or 0):
        assert after.score - target < Decimal("1e-20")


@settings(deadline=None)
@given(positions, positions, weightings, markets, targets)
def test_headroom_lands_and_one_step_more_does_not(
    collateral: dict, borrow: dict, weights: dict, prices: PriceSnapshot, target: Decimal
) -> None:
    portfolio = Portfolio.of("ann", collateral, borrow, weights)
    step = Decimal("0.01")
    for one in headroom(portfolio, prices, POLICY, target, step=step):
        side = Side.COLLATERAL if one.kind is HeadroomKind.WITHDRAW else Side.BORROW
        sign = -1 if side is Side.COLLATERAL else 1
        held = portfolio.side(side)[one.asset]
        for amount, expected in ((one.amount, True), (one.amount + step, False)):
            with localcontext(CONTEXT):
                left = held + sign * amount
            if left < 0:
                continue  # all of it may go
            after = assess(portfolio.with_amount(side, one.asset, left), prices, POLICY)
            assert at_or_above(
                after.collateral_usd or 0 * T15, after.borrow_usd or 0 * T15, target
            ) is (expected)


@settings(deadline=None)
@given(positions, positions, weightings, markets)
def test_the_contributions_add_up_to_the_score_exactly(
    collateral: dict, borrow: dict, weights: dict, prices: PriceSnapshot
) -> None:
    assessment = assess(Portfolio.of("ann", collateral, borrow, weights), prices, Policy())
    with localcontext(CONTEXT):
        assert sum(one.points for one in contributions(assessment)) == assessment.score
