"""One account, exact."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.exact import CONTEXT, LARGEST, SMALLEST, Number
from core.margin import Assessment, assess, classify, floor_score
from core.policy import Policy, Status
from core.portfolio import Portfolio, PriceSnapshot
from tests.core.samples import NOON, POLICY, scored, snapshot

PRICES = snapshot({"ETH": "3941.34", "USDC": "1.00", "BTC": 90_000})


def judged(
    collateral: Mapping[str, Number],
    borrow: Mapping[str, Number],
    prices: PriceSnapshot = PRICES,
    policy: Policy = POLICY,
) -> Assessment:
    return assess(Portfolio.of("ann", collateral, borrow), prices, policy)


def test_the_platforms_own_example() -> None:
    found = judged({"ETH": 1}, {"USDC": 3100})
    assert found.score == Decimal("27.14")
    assert found.status is Status.MARGIN_CALL
    assert found.liquidation_price_drop_percent == Decimal("9.55")
    assert found.health_factor == Decimal("1.2714")
    assert (found.collateral_usd, found.borrow_usd) == (Decimal("3941.34"), 3100)
    assert (found.snapshot_id, found.policy_version) == ("s1", POLICY.version)


@pytest.mark.parametrize(
    ("score", "status"),
    [
        ("50", Status.HEALTHY),
        ("49.9999999999999999999999999999", Status.WARNING),
        ("30", Status.WARNING),
        ("29.9999999999999999999999999999", Status.MARGIN_CALL),
        ("15", Status.MARGIN_CALL),
        ("14.9999999999999999999999999999", Status.LIQUIDATION),
        ("0", Status.LIQUIDATION),
        ("-100", Status.LIQUIDATION),
    ],
)
def test_a_band_begins_exactly_on_its_threshold(score: str, status: Status) -> None:
    found = scored(score)
    assert found.status is status
    assert found.score == Decimal(score)


def test_without_a_debt_there_is_no_score_and_no_price_is_needed() -> None:
    found = judged({"ETH": 2}, {})
    assert (found.status, found.score, found.health_factor) == (Status.NO_DEBT, None, None)
    assert found.collateral_usd == Decimal("7882.68")
    assert found.liquidation_price_drop_percent == 0
    unpriced = judged({"LUNA": 1, "ETH": 1}, {})
    assert (unpriced.status, unpriced.collateral_usd) == (Status.NO_DEBT, None)
    assert judged({}, {}).status is Status.NO_DEBT


def test_a_debt_without_collateral_is_a_liquidation_at_minus_a_hundred() -> None:
    found = judged({}, {"USDC": 1})
    assert (found.status, found.score) == (Status.LIQUIDATION, -100)
    assert found.liquidation_price_drop_percent == 0


@pytest.mark.parametrize(
    ("collateral", "borrow"),
    [
        ({"ETH": 1}, {"DOGE": 1_000_000}),
        ({"DOGE": 1}, {"USDC": 1}),
        ({"ETH": 9, "DOGE": 1}, {"USDC": 1}),
    ],
)
def test_a_missing_price_is_unknown_and_neither_healthy_nor_a_liquidation(
    collateral: dict, borrow: dict
) -> None:
    found = judged(collateral, borrow)
    assert (found.status, found.score, found.health_factor) == (Status.UNKNOWN, None, None)
    assert found.reasons == {"DOGE": "no price"}
    assert found.liquidation_price_drop_percent is None


def test_a_side_that_is_fully_priced_keeps_its_total_when_the_other_is_not() -> None:
    found = judged({"ETH": 1}, {"DOGE": 1})
    assert (found.collateral_usd, found.borrow_usd) == (Decimal("3941.34"), None)


def test_a_stale_price_is_shown_and_not_computed_with() -> None:
    prices = replace(PRICES, unusable={"ETH": "stale 2 min 20 s"})
    line, _ = judged({"ETH": 1}, {"USDC": 1}, prices).lines
    assert (line.price, line.value_usd) == (Decimal("3941.34"), None)
    assert line.reason == "stale 2 min 20 s"


def test_collateral_counts_with_its_weight_and_debt_in_full() -> None:
    policy = Policy(weights={"ETH": Decimal("0.5"), "USDC": Decimal("0.5")})
    found = judged({"ETH": 1}, {"USDC": 1000}, policy=policy)
    assert found.collateral_usd == Decimal("1970.67")
    assert found.borrow_usd == 1000
    assert [(x.value_usd, x.counted_usd) for x in found.lines] == [
        (Decimal("3941.34"), Decimal("1970.67")),
        (1000, 1000),
    ]


def test_the_same_asset_may_be_held_and_owed() -> None:
    assert judged({"ETH": 3}, {"ETH": 2}).score == 50


def test_the_oldest_price_under_an_account_is_named() -> None:
    eth = replace(PRICES.points["ETH"], as_of=NOON - timedelta(minutes=2))
    prices = replace(PRICES, points={**PRICES.points, "ETH": eth})
    assert judged({"BTC": 1, "ETH": 1}, {"USDC": 1}, prices).oldest is eth
    assert judged({}, {}).oldest is None


def test_a_shown_score_never_crosses_a_band() -> None:
    assert floor_score(Decimal("14.9996")) == "14.99"
    assert floor_score(Decimal("27.14")) == "27.14"
    assert floor_score(Decimal("-0.001")) == "-0.01"


def test_a_score_that_does_not_end_is_cut_on_the_side_of_its_status() -> None:
    almost = "1.4" + "9" * 39
    found = judged({"USDC": almost}, {"USDC": 1})
    assert found.status is Status.WARNING
    assert found.score is not None
    assert found.score < 50


amounts = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 10**30),
    st.integers(-34, 4),
)
sides = st.dictionaries(st.sampled_from(["ETH", "BTC", "USDC"]), amounts, min_size=1)
markets = st.fixed_dictionaries(dict.fromkeys(["ETH", "BTC", "USDC"], amounts))


@settings(deadline=None)
@given(sides, sides, markets)
def test_the_lines_add_up_and_the_status_is_what_the_exact_fraction_says(
    collateral: dict, borrow: dict, market: dict
) -> None:
    found = judged(collateral, borrow, snapshot(market))
    assert found.collateral_usd is not None
    assert found.borrow_usd is not None
    assert found.score is not None
    with localcontext(CONTEXT):
        counted = [line.counted_usd or 0 for line in found.lines]
        assert sum(counted) == found.collateral_usd + found.borrow_usd
    held, owed = found.collateral_usd.as_integer_ratio(), found.borrow_usd.as_integer_ratio()
    left, right = held[0] * owed[1], owed[0] * held[1]  # C : B, in integers
    bands = [
        s
        for s, k in ((Status.HEALTHY, 150), (Status.WARNING, 130), (Status.MARGIN_CALL, 115))
        if 100 * left >= k * right
    ]
    assert found.status is (bands[0] if bands else Status.LIQUIDATION)
    assert Status(found.status) is classify_by_score(found.score)


def classify_by_score(score: Decimal) -> Status:
    """The published score on its own must name the published status."""
    return classify(score + 100, Decimal(100), POLICY)


@settings(deadline=None)
@given(sides, sides, markets, st.sampled_from(["ETH", "BTC", "USDC"]))
def test_more_collateral_never_lowers_the_score(
    collateral: dict, borrow: dict, market: dict, asset: str
) -> None:
    with localcontext(CONTEXT):
        more = {**collateral, asset: collateral.get(asset, 0) + 1}
    prices = snapshot(market)
    before, after = (
        assess(Portfolio("ann", held, borrow), prices, POLICY) for held in (collateral, more)
    )
    assert before.score is not None
    assert after.score is not None
    assert after.score >= before.score


@settings(deadline=None)
@given(sides, sides, markets, st.integers(-5, 5))
def test_units_and_order_do_not_matter(
    collateral: dict, borrow: dict, market: dict, exponent: int
) -> None:
    """Counting ETH in thousandths at a thousandth of the price changes nothing."""

    def scaled(amounts: dict, power: int) -> dict:
        return {a: x.scaleb(power) if a == "ETH" else x for a, x in reversed(amounts.items())}

    with localcontext(CONTEXT):
        assume(SMALLEST <= market["ETH"].scaleb(-exponent) <= LARGEST)
        before = assess(Portfolio("ann", collateral, borrow), snapshot(market), POLICY)
        after = assess(
            Portfolio("ann", scaled(collateral, exponent), scaled(borrow, exponent)),
            snapshot(scaled(market, -exponent)),
            POLICY,
        )
    assert (after.score, after.status) == (before.score, before.status)


@settings(deadline=None)
@given(sides, sides, markets, st.sampled_from(["ETH", "BTC", "USDC"]))
def test_a_higher_price_of_what_is_only_held_never_lowers_the_score(
    collateral: dict, borrow: dict, market: dict, asset: str
) -> None:
    assume(asset not in borrow and market[asset] <= LARGEST / 2)
    with localcontext(CONTEXT):
        dearer = {**market, asset: market[asset] * 2}
    account = Portfolio("ann", collateral, borrow)
    before, after = (assess(account, snapshot(prices), POLICY) for prices in (market, dearer))
    assert before.score is not None
    assert after.score is not None
    assert after.score >= before.score
