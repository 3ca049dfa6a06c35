"""Stress: one account exactly, and a book whose counts equal the loop of exact assessments."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bands import CODE, STATUS_ORDER
from core.book import Book
from core.book_stress import book_stress, shocked
from core.edits import Shock
from core.errors import FieldError
from core.margin import assess
from core.policy import Status
from core.portfolio import Portfolio
from core.presets import PRESETS
from core.stress import Hedges, Shocks, stress
from tests.core.samples import POLICY, snapshot

PRICES = snapshot({"ETH": 100, "BTC": 1000, "USDC": 1})
SHOCKS = Shocks.of({"ETH": "-0.3", "BTC": "-0.2"}, {"ETH": "0.3", "BTC": "0.2"})


def account(collateral: dict, borrow: dict, user_id: str = "ann") -> Portfolio:
    return Portfolio.of(user_id, collateral, borrow)


def test_what_is_held_is_revalued_and_the_worse_side_counts() -> None:
    found = stress(account({"ETH": 10}, {"USDC": 500}), PRICES, SHOCKS)
    assert (found.value_usd, found.value_down, found.value_up) == (1000, 700, 1300)
    assert (found.stressed_value, found.risk_factor) == (700, Decimal("1.4"))


def test_a_hedge_counts_only_its_profit_or_loss() -> None:
    # 10 ETH held, 8 sold short: down 700 + 240, up 1300 - 240
    found = stress(account({"ETH": 10}, {}), PRICES, SHOCKS, Hedges.of({"ETH": -8}))
    assert (found.value_usd, found.value_down, found.value_up) == (1000, 940, 1060)


def test_a_short_book_is_worse_when_prices_rise() -> None:
    found = stress(account({"USDC": 1000}, {"USDC": 500}), PRICES, SHOCKS, Hedges.of({"BTC": -2}))
    assert (found.value_down, found.value_up, found.stressed_value) == (1400, 600, 600)
    assert found.risk_factor == Decimal("1.2")


def test_cash_does_not_move() -> None:
    found = stress(account({"ETH": 1}, {"USDC": 50}), PRICES, SHOCKS, Hedges.of({}, "25.5"))
    assert (found.value_down, found.value_up) == (Decimal("95.5"), Decimal("155.5"))


def test_an_asset_without_a_shock_has_none_and_weights_play_no_part() -> None:
    held = Portfolio.of("ann", {"USDC": 100}, {"USDC": 50}, {"USDC": "0.5"})
    found = stress(held, PRICES, SHOCKS)
    assert (found.value_down, found.value_up) == (100, 100)


def test_a_pegged_asset_may_fall_in_both_matrices() -> None:
    both = Shocks.of({"USDC": "-0.1"}, {"USDC": "-0.1"})
    found = stress(account({"USDC": 100}, {"ETH": "0.5"}), PRICES, both)
    assert found.stressed_value == found.value_down == found.value_up == 90
    assert found.risk_factor == Decimal("1.8")


def test_without_a_borrow_there_is_a_value_and_no_factor() -> None:
    found = stress(account({"ETH": 1}, {}), PRICES, SHOCKS)
    assert (found.stressed_value, found.borrow_usd, found.risk_factor) == (70, 0, None)


def test_an_unpriced_holding_has_no_value_and_is_named() -> None:
    found = stress(account({"ETH": 1, "DOGE": 5}, {"USDC": 1}), PRICES, SHOCKS)
    assert (found.value_down, found.stressed_value, found.risk_factor) == (None, None, None)
    assert dict(found.reasons) == {"DOGE": "no price"}


def test_an_unpriced_debt_has_no_factor_and_is_named() -> None:
    found = stress(account({"ETH": 1}, {"DOGE": 5}), PRICES, SHOCKS)
    assert (found.stressed_value, found.borrow_usd, found.risk_factor) == (70, None, None)
    assert dict(found.reasons) == {"DOGE": "no price"}


def test_a_hedge_needs_a_price_only_where_it_moves() -> None:
    quiet = stress(account({"ETH": 1}, {}), PRICES, SHOCKS, Hedges.of({"DOGE": 1}))
    assert quiet.stressed_value == 70
    moving = Shocks.of({"DOGE": "-0.5"}, {})
    assert stress(account({"ETH": 1}, {}), PRICES, moving, Hedges.of({"DOGE": 1})).reasons


@pytest.mark.parametrize(
    ("down", "up", "field"),
    [
        ({"ETH": "-1.01"}, {}, "shocks_down.ETH"),
        ({}, {"ETH": "NaN"}, "shocks_up.ETH"),
        ({}, {"eth": 0, "ETH": 0}, "shocks_up.ETH"),
        ({"ETH": True}, {}, "shocks_down.ETH"),
    ],
)
def test_a_shock_that_cannot_be_is_refused_by_name(down: dict, up: dict, field: str) -> None:
    with pytest.raises(FieldError) as refused:
        Shocks.of(down, up)
    assert refused.value.field == field


amounts = st.decimals("0.001", "1000", places=3)
fractions = st.decimals("-0.9", "2", places=4)


@given(st.dictionaries(st.sampled_from(["ETH", "BTC", "USDC"]), amounts, min_size=1), fractions)
def test_stress_is_exact_whatever_the_digits(held: dict[str, Decimal], shock: Decimal) -> None:
    found = stress(account(held, {}), PRICES, Shocks.of({"ETH": shock}, {}))
    worth = {a: amount * PRICES.points[a].price for a, amount in held.items()}
    assert found.value_up == found.value_usd == sum(worth.values())
    assert found.value_down == sum(worth.values()) + worth.get("ETH", 0) * shock


# the book


def book(count: int = 40) -> Book:
    """Some without debt, one unpriced, the rest with 133 USD or more of ETH per 100 of debt."""
    held = [
        account({"ETH": i + 1}, {"USDC": 50 * (i % 7) * (i + 1) / 4}, f"u{i}") for i in range(count)
    ]
    held += [account({"DOGE": 1}, {"USDC": 1}, "dog"), account({}, {"USDC": 1}, "nothing")]
    return Book.from_portfolios(held, POLICY)


def loop(held: Book, shocks: dict[str, Decimal]) -> list[int]:
    """The counts by the exact assessment of every account."""
    case = shocked(PRICES, shocks)
    found = Counter(assess(p, case, POLICY).status for p in held.portfolios)
    return [found[status] for status in STATUS_ORDER]


def test_counts_of_the_book_are_those_of_the_exact_loop() -> None:
    held = book()
    scenarios = {one.name: dict(one.shocks_for(held.assets)) for one in PRESETS}
    found = book_stress(held, PRICES, scenarios)
    for row, shocks in zip(found.counts, scenarios.values(), strict=True):
        assert row.tolist() == loop(held, shocks)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.decimals("-0.99", "3", places=2), min_size=1, max_size=120))
def test_counts_are_exact_on_the_thresholds_themselves(shocks: list[Decimal]) -> None:
    # 115, 130 and 150 USD of ETH against 100: round shocks of their multiples land on the bands
    sizes = ("1.15", "1.3", "1.5", "2.3", "2.6", "3", "4.6", "5.2", "6")
    held = Book.from_portfolios(
        [account({"ETH": size}, {"USDC": 100}, f"u{size}") for size in sizes], POLICY
    )
    scenarios = {f"s{i}": {"ETH": shock} for i, shock in enumerate(shocks)}
    found = book_stress(held, PRICES, scenarios)
    assert found.counts.tolist() == [loop(held, shock) for shock in scenarios.values()]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.decimals("0.9", "1.7", places=8), min_size=1, max_size=30),
    st.sampled_from(["-0.5", "-0.999999999", "1e9", "0", "-0.1234567"]),
)
def test_counts_are_exact_however_near_a_threshold_and_however_far_the_move(
    sizes: list[Decimal], shock: str
) -> None:
    near = [
        Decimal(k) + size.scaleb(-7)
        for k in ("1.15", "1.3", "1.5")
        for size in (*sizes, Decimal(0))
    ]
    held = Book.from_portfolios(
        [
            account({"ETH": size / (1 + Decimal(shock))}, {"USDC": 100}, f"u{i}")
            for i, size in enumerate([*sizes, *near])
        ],
        POLICY,
    )
    shocks = {"ETH": Decimal(shock)}
    assert book_stress(held, PRICES, {"move": shocks}).counts[0].tolist() == loop(held, shocks)


def test_sizes_beyond_single_precision_are_counted() -> None:
    held = Book.from_portfolios(
        [
            account({"BTC": "1e36"}, {"USDC": "1e39"}, "large"),
            account({"ETH": "1e-40"}, {"USDC": "1e-38"}, "small"),
            account({"BTC": "1e36"}, {"USDC": "1e-38"}, "rich"),
            account({"BTC": "1e-40"}, {"USDC": "1e38"}, "poor"),
        ],
        POLICY,
    )
    for shock in ("0", "0.15", "0.3", "0.5"):
        shocks = {"ETH": Decimal(shock), "BTC": Decimal(shock)}
        assert book_stress(held, PRICES, {"s": shocks}).counts[0].tolist() == loop(held, shocks)


def test_a_fall_to_exactly_the_threshold_keeps_the_better_band() -> None:
    held = Book.from_portfolios([account({"ETH": "2.3"}, {"USDC": 100})], POLICY)
    found = book_stress(held, PRICES, {"half": {"ETH": Decimal("-0.5")}})
    assert found.of("half")[Status.MARGIN_CALL] == 1


def test_blocks_of_accounts_and_scenarios_make_no_difference() -> None:
    # 2,100 accounts and 510 scenarios: more than one block of each
    held = Book.from_portfolios(
        [account({"ETH": 1 + i % 11}, {"USDC": 300}, f"u{i}") for i in range(2100)], POLICY
    )
    falls = {f"s{i}": {"ETH": Decimal(-i).scaleb(-3)} for i in range(510)}
    found = book_stress(held, PRICES, falls)
    assert found.counts.sum(axis=1).tolist() == [2100] * 510
    for fall in ("s250", "s505"):
        assert found.counts[int(fall[1:])].tolist() == loop(held, falls[fall])
    calm = held.revalue(PRICES)
    assert found.of("s0") == calm.counts()
    assert found.collateral_usd[0] == pytest.approx(calm.collateral.sum())
    assert found.borrow_usd[509] == pytest.approx(630_000)


def test_a_book_in_which_nothing_is_owed_is_counted_too() -> None:
    held = Book.from_portfolios([account({"ETH": 1}, {})], POLICY)
    found = book_stress(held, PRICES, {"crash": {"ETH": Decimal("-0.5")}})
    assert found.counts[0, CODE[Status.NO_DEBT]] == found.counts.sum() == 1


def test_no_scenario_gives_no_row() -> None:
    assert book_stress(book(), PRICES, {}).counts.shape == (0, len(STATUS_ORDER))


def test_a_scenario_that_takes_a_price_to_zero_is_refused_by_name() -> None:
    with pytest.raises(FieldError, match=r"crash\.ETH"):
        book_stress(book(), PRICES, {"crash": {"ETH": Decimal(-1)}})


def test_shocked_prices_are_those_of_the_what_if() -> None:
    case = Shock("ETH", Decimal("-0.1")).on((account({}, {}), PRICES))[1]
    assert shocked(PRICES, {"ETH": Decimal("-0.1")}).points == case.points
