"""Levels put back into the assessment land where they say."""

from dataclasses import replace
from decimal import Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from core.exact import CONTEXT
from core.levels import STEP, CureKind, Direction, cures, trigger_price, triggers, uniform_drop
from core.margin import assess, at_or_above
from core.policy import Status
from core.portfolio import Portfolio, PriceSnapshot
from tests.core.accounts import markets, positions, targets, weightings
from tests.core.samples import POLICY, snapshot

T15, T30 = Decimal(15), Decimal(30)
PRICES = snapshot({"ETH": 100, "USDC": 1, "BTC": 50})


def account(collateral: dict, borrow: dict, **weights: str) -> Portfolio:
    return Portfolio.of("ann", collateral, borrow, weights or None)


def trigger(portfolio: Portfolio, asset: str, target: Decimal = T15) -> tuple:
    found = trigger_price(assess(portfolio, PRICES, POLICY), asset, target)
    assert found is not None
    return found.direction, found.price


def test_collateral_falls_to_its_trigger() -> None:
    # 2 ETH against 100: 115 USD are needed, so 57.5 an ETH
    assert trigger(account({"ETH": 2}, {"USDC": 100}), "ETH") == (
        Direction.FALLS_TO,
        Decimal("57.5"),
    )


def test_debt_rises_to_its_trigger() -> None:
    # 230 USD of ETH carry 200 USD of debt at 115 percent: 1 BTC from 50 to 200
    assert trigger(account({"ETH": "2.3"}, {"BTC": 1}), "BTC") == (Direction.RISES_TO, Decimal(200))


def test_below_the_target_the_trigger_is_where_it_recovers() -> None:
    assert trigger(account({"ETH": 1}, {"USDC": 100}), "ETH") == (
        Direction.RECOVERS_AT,
        Decimal(115),
    )
    assert trigger(account({"ETH": "1.15"}, {"BTC": 4}), "BTC") == (
        Direction.RECOVERS_AT,
        Decimal(25),
    )


def test_an_asset_that_alone_cannot_bring_the_account_down_never_triggers() -> None:
    assert trigger(account({"ETH": 2, "BTC": 1}, {"USDC": 100}), "BTC") == (Direction.NEVER, None)
    assert trigger(account({"ETH": 2}, {"USDC": 100}), "DOGE") == (Direction.NEVER, None)


def test_an_asset_that_alone_cannot_save_the_account_leaves_it_always_below() -> None:
    assert trigger(account({"ETH": 1}, {"USDC": 100, "BTC": 1}), "BTC") == (
        Direction.ALWAYS_BELOW,
        None,
    )
    assert trigger(account({"ETH": 1}, {"USDC": 100}), "DOGE") == (Direction.ALWAYS_BELOW, None)


def test_an_asset_on_both_sides_that_cancels_has_no_trigger() -> None:
    both = account({"ETH": "1.15", "USDC": 200}, {"ETH": 1})
    assert trigger(both, "ETH") == (Direction.NEVER, None)


def test_an_account_without_a_score_has_no_levels() -> None:
    for portfolio in (account({"ETH": 1}, {}), account({"LUNA": 1}, {"USDC": 1})):
        assessment = assess(portfolio, PRICES, POLICY)
        assert triggers(assessment, POLICY.thresholds()) == ()
        assert uniform_drop(assessment, T15) is None
        assert cures(portfolio, PRICES, POLICY, T15) == ()


def test_the_uniform_drop_is_positive_with_room_and_negative_without() -> None:
    roomy = assess(account({"ETH": "2.3"}, {"USDC": 100}), PRICES, POLICY)
    short = assess(account({"ETH": "0.92"}, {"USDC": 100}), PRICES, POLICY)
    empty = assess(account({}, {"USDC": 100}), PRICES, POLICY)
    assert uniform_drop(roomy, T15) == Decimal("0.5")
    assert uniform_drop(short, T15) == Decimal("-0.25")
    assert uniform_drop(empty, T15) is None


def amounts_of(portfolio: Portfolio, target: Decimal, **options: object) -> dict:
    found = cures(portfolio, PRICES, POLICY, target, **options)  # type: ignore[arg-type]
    return {(cure.kind, cure.asset): cure.amount for cure in found}


def test_the_cures_of_a_shortfall_of_thirty_usd() -> None:
    short = account({"ETH": 1}, {"USDC": 100})  # 130 needed, 100 there
    found = amounts_of(short, T30)
    assert found[CureKind.ADD, "ETH"] == Decimal("0.3")
    assert found[CureKind.REPAY, "USDC"] == Decimal("23.07692308")  # 30 / 1.3, up
    assert found[CureKind.SELL, "ETH"] == Decimal(1)  # sell all, owe nothing


def test_a_cure_is_rounded_up_to_the_step_of_its_asset() -> None:
    short = account({"ETH": 1}, {"USDC": 100})
    cent = amounts_of(short, T30, steps={"USDC": Decimal("0.01")})
    assert cent[CureKind.REPAY, "USDC"] == Decimal("23.08")


def test_weighted_collateral_cures_with_its_weight() -> None:
    short = account({"ETH": 1}, {"USDC": 100}, ETH="0.5")  # counts 50, 115 needed
    found = amounts_of(short, T15)
    assert found[CureKind.ADD, "ETH"] == Decimal("1.3")
    assert found[CureKind.SELL, "ETH"] == Decimal(1)  # 65 / (1.15 - 0.5) = 100 USD
    assert amounts_of(short, T15, add_with=["USDC"])[CureKind.ADD, "USDC"] == Decimal(65)


def test_a_sale_that_loses_more_than_it_wins_is_not_offered() -> None:
    short = account({"ETH": "1.1"}, {"USDC": 100})
    assert (CureKind.SELL, "ETH") in amounts_of(short, T15)
    assert (CureKind.SELL, "ETH") not in amounts_of(short, T15, fee=Decimal("0.2"))


def test_a_healthy_account_needs_no_cure() -> None:
    assert cures(account({"ETH": 3}, {"USDC": 100}), PRICES, POLICY, T30) == ()


def at_price(prices: PriceSnapshot, asset: str, price: Decimal) -> PriceSnapshot:
    point = replace(prices.points[asset], price=price)
    return replace(prices, points={**prices.points, asset: point})


@settings(deadline=None)
@given(positions, positions, weightings, markets, targets)
def test_a_trigger_put_back_gives_the_threshold(
    collateral: dict, borrow: dict, weights: dict, prices: PriceSnapshot, target: Decimal
) -> None:
    portfolio = Portfolio.of("ann", collateral, borrow, weights)
    for found in triggers(assess(portfolio, prices, POLICY), [target]):
        if found.price is None or not Decimal("1e-30") < found.price < Decimal("1e30"):
            continue
        there = assess(portfolio, at_price(prices, found.asset, found.price), POLICY)
        assert there.score is not None
        assert abs(there.score - target) < Decimal("1e-20")
        assert at_or_above(there.collateral_usd or T15, there.borrow_usd or T15, target)
        beyond = {True: "0.999999999", False: "1.000000001"}[
            there.collateral_usd is not None and moves_up(portfolio, found.asset, target)
        ]
        with localcontext(CONTEXT):
            over = assess(
                portfolio, at_price(prices, found.asset, found.price * Decimal(beyond)), POLICY
            )
        assert over.score is not None
        assert over.score < target


long_numbers = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(10**40, 10**45),
    st.integers(39, 41),
)


@settings(deadline=None)
@given(st.lists(long_numbers, min_size=4, max_size=4), st.sampled_from(POLICY.thresholds()))
def test_a_trigger_of_many_digits_put_back_is_on_the_good_side(
    numbers: list[Decimal], target: Decimal
) -> None:
    held, owed, eth, usdc = numbers
    prices = snapshot({"ETH": eth, "USDC": usdc})
    portfolio = Portfolio.of("ann", {"ETH": held}, {"USDC": owed})
    for found in triggers(assess(portfolio, prices, POLICY), [target]):
        assert found.price is not None
        there = assess(portfolio, at_price(prices, found.asset, found.price), POLICY)
        assert there.score is not None
        assert 0 <= there.score - target < Decimal("1e-30")


def moves_up(portfolio: Portfolio, asset: str, target: Decimal) -> bool:
    """Whether a higher price of the asset is good for the account, seen from the target."""
    weight = POLICY.weight_of(portfolio, asset)
    held = weight * portfolio.collateral.get(asset, 0)
    return bool(held > portfolio.borrow.get(asset, 0) * (1 + target / 100))


@settings(deadline=None)
@given(positions, positions, weightings, markets, targets, st.sampled_from(["0", "0.003"]))
def test_a_cure_lands_and_one_step_less_does_not(
    collateral: dict, borrow: dict, weights: dict, prices: PriceSnapshot, target: Decimal, fee: str
) -> None:
    portfolio = Portfolio.of("ann", collateral, borrow, weights)
    before = assess(portfolio, prices, POLICY)
    found = cures(portfolio, prices, POLICY, target, fee=Decimal(fee))
    assert before.status is not Status.UNKNOWN
    for cure in found:
        assert reaches(portfolio, prices, cure.kind, cure.asset, cure.amount, fee, target)
        less = cure.amount - STEP
        assert not reaches(portfolio, prices, cure.kind, cure.asset, less, fee, target)


def reaches(
    portfolio: Portfolio,
    prices: PriceSnapshot,
    kind: CureKind,
    asset: str,
    amount: Decimal,
    fee: str,
    target: Decimal,
) -> bool:
    """Do what a cure says by hand, and look at the score."""
    collateral, borrow = dict(portfolio.collateral), dict(portfolio.borrow)
    with localcontext(CONTEXT):
        if kind is CureKind.ADD:
            collateral[asset] += amount
        if kind is CureKind.REPAY:
            borrow[asset] -= amount
        if kind is CureKind.SELL:
            collateral[asset] -= amount
        proceeds = amount * prices.points[asset].price * (1 - Decimal(fee))
        after = assess(Portfolio("ann", collateral, borrow, portfolio.weights), prices, POLICY)
        owed = after.borrow_usd
        assert owed is not None
        assert after.collateral_usd is not None
        if kind is CureKind.SELL:
            owed -= proceeds
        return 100 * (after.collateral_usd - owed) >= target * owed
