"""The book is the loop of exact assessments, only faster."""

from decimal import Decimal, localcontext
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.book import STATUS_ORDER, Book, Valuation
from core.columns import Columns
from core.errors import FieldError
from core.exact import CONTEXT, Number
from core.margin import assess
from core.policy import Policy, Status
from core.portfolio import Portfolio, PriceSnapshot
from core.position_table import PositionTable
from core.settling import Delta
from tests.core.samples import POLICY, snapshot

ASSETS = ("ETH", "BTC", "SOL", "USDC", "USDT", "LINK")

amounts = st.decimals(
    min_value="0.000001", max_value="1000000", places=6, allow_nan=False, allow_infinity=False
)
wild = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 10**18),
    st.integers(-40, 20),
)
weights = st.sampled_from([Decimal(1), Decimal("0.83"), Decimal("0.5"), Decimal(0)])
sides = st.dictionaries(st.sampled_from(ASSETS), st.one_of(amounts, wild), max_size=5)
prices_of = st.fixed_dictionaries(dict.fromkeys(ASSETS, amounts))


@st.composite
def on_a_threshold(draw: st.DrawFn, prices: dict[str, Decimal]) -> tuple[dict, dict]:
    """One collateral and one borrow whose score is a threshold to the last digit."""
    a, b = draw(st.sampled_from(ASSETS)), draw(st.sampled_from(ASSETS))
    scale = draw(amounts)
    threshold = draw(st.sampled_from(POLICY.thresholds()))
    with localcontext(CONTEXT):  # C = scale * p_a * p_b * k, B = scale * p_a * p_b
        return {a: scale * prices[b] * (1 + threshold / 100)}, {b: scale * prices[a]}


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Portfolio], PriceSnapshot, Policy]:
    prices = draw(prices_of)
    policy = Policy(weights={"ETH": draw(weights), "SOL": draw(weights)})
    unusable = dict.fromkeys(draw(st.sets(st.sampled_from(ASSETS), max_size=2)), "stale")
    free = draw(st.lists(st.tuples(sides, sides), max_size=12))
    exact = draw(st.lists(on_a_threshold(prices), max_size=6))
    own = {asset: Decimal(1) for asset in ASSETS}
    portfolios = [Portfolio.of(f"u{i}", c, b) for i, (c, b) in enumerate(free)]
    portfolios += [Portfolio.of(f"t{i}", c, b, own) for i, (c, b) in enumerate(exact)]
    return portfolios, snapshot(prices, unusable=unusable), policy


@settings(max_examples=150, deadline=None)
@given(books())
def test_the_book_is_the_loop_of_exact_assessments(
    case: tuple[list[Portfolio], PriceSnapshot, Policy],
) -> None:
    portfolios, prices, policy = case
    valuation = Book.from_portfolios(portfolios, policy).revalue(prices)
    for row, portfolio in enumerate(portfolios):
        exact = assess(portfolio, prices, policy)
        assert STATUS_ORDER[valuation.status[row]] is exact.status
        close(valuation.collateral[row], exact.collateral_usd)
        close(valuation.borrow[row], exact.borrow_usd)
        if exact.score is None:
            assert np.isnan(valuation.score[row])
        else:
            error = 1e-9 * max(1.0, abs(float(exact.score)))
            assert abs(valuation.score[row] - float(exact.score)) <= error


def close(value: float, exact: Decimal | None) -> None:
    if exact is None:
        assert np.isnan(value)
    else:
        assert value == pytest.approx(float(exact), rel=1e-9, abs=0)


@pytest.mark.parametrize("threshold", POLICY.thresholds())
def test_every_account_exactly_on_a_threshold_is_on_its_upper_side(
    threshold: Decimal,
) -> None:
    portfolios = []
    for i in range(1, 2_001):
        owed = Decimal(i * i * 7) / Decimal(1000)
        with localcontext(CONTEXT):
            held = owed * Decimal("0.9997") * (100 + threshold) / 100
        portfolios.append(Portfolio.of(f"u{i}", {"USDT": held}, {"USDC": owed}))
    valuation = Book.from_portfolios(portfolios, POLICY).revalue(
        snapshot({"USDT": "1.00", "USDC": "0.9997"})
    )
    expected = {50: Status.HEALTHY, 30: Status.WARNING, 15: Status.MARGIN_CALL}[int(threshold)]
    assert valuation.counts()[expected] == 2_000
    assert (valuation.score >= float(threshold)).all()
    assert (valuation.distance() == 0).all()


def book_of(*accounts: tuple[Number, Number], **policy: Decimal) -> Book:
    """Accounts u0, u1, … of (ETH held, USDC owed)."""
    portfolios = [
        Portfolio.of(f"u{i}", {"ETH": c}, {"USDC": b}) for i, (c, b) in enumerate(accounts)
    ]
    return Book.from_portfolios(portfolios, Policy(**policy))


def valued(*accounts: tuple[Number, Number], eth: Number = 100) -> Valuation:
    return book_of(*accounts).revalue(snapshot({"ETH": eth, "USDC": 1}))


def test_an_account_a_hair_under_a_threshold_is_under_it_in_floats_too() -> None:
    hair = Decimal("1.14999999999999999999999999999999")  # as a float this is 1.15
    valuation = valued((hair, 100), ("1.15", 100))
    assert [STATUS_ORDER[code] for code in valuation.status] == [
        Status.LIQUIDATION,
        Status.MARGIN_CALL,
    ]
    assert valuation.score[0] < 15 <= valuation.score[1]


def test_an_unpriced_asset_makes_its_holders_unknown_and_nobody_else() -> None:
    portfolios = [
        Portfolio.of("holds", {"LUNA": 1}, {"USDC": 1}),
        Portfolio.of("owes", {"ETH": 1}, {"LUNA": 1}),
        Portfolio.of("neither", {"ETH": 1}, {"USDC": 1}),
        Portfolio.of("no-debt", {"LUNA": 1}, {}),
    ]
    book = Book.from_portfolios(portfolios, POLICY)
    valuation = book.revalue(
        snapshot({"ETH": 2, "USDC": 1, "LUNA": 9}, unusable={"LUNA": "stale 3 h"})
    )
    assert [STATUS_ORDER[code] for code in valuation.status] == [
        Status.UNKNOWN,
        Status.UNKNOWN,
        Status.HEALTHY,
        Status.NO_DEBT,
    ]
    assert np.isnan(valuation.collateral[[0, 3]]).all()
    assert valuation.collateral_by_status()[Status.HEALTHY] == 2.0
    assert list(book.holders("LUNA")) == [0, 1, 3]
    assert list(book.holders("DOGE")) == []


def test_an_account_of_many_assets_counts_them_all() -> None:
    many = {f"A{i}": 1 for i in range(40)}
    few = [Portfolio.of(f"u{i}", {"A0": 1}, {"USDC": 1}) for i in range(100)]
    few.insert(50, Portfolio.of("many", many, {"USDC": 10}))
    book = Book.from_portfolios(few, POLICY)
    valuation = book.revalue(snapshot({**many, "USDC": 1}))
    assert valuation.collateral[book.index_of("many")] == 40.0
    assert valuation.score[book.index_of("many")] == 300.0
    assert list(book.holders("A39")) == [50]
    assert len(book.holders("A0")) == 101


def test_an_empty_book_has_nobody_in_any_status() -> None:
    valuation = Book.from_portfolios([], POLICY).revalue(snapshot({}))
    assert set(valuation.counts().values()) == {0}
    assert list(valuation.nearest(5)) == []
    assert list(valuation.drop_curve([0.5])) == [0.0]


def test_the_same_account_twice_and_a_test_account_are_refused() -> None:
    ann = Portfolio.of("ann", {}, {})
    with pytest.raises(FieldError, match="given twice"):
        Book.from_portfolios([ann, ann], POLICY)
    with pytest.raises(FieldError, match="reserved"):
        Book.from_portfolios([Portfolio.of("test:x", {}, {})], POLICY)
    with pytest.raises(FieldError, match="not in the book"):
        Book.from_portfolios([ann], POLICY).portfolio("bob")


def test_a_valuation_cannot_be_changed() -> None:
    valuation = valued((2, 100))
    with pytest.raises(ValueError, match="read-only"):
        valuation.score[0] = 0


def test_distance_is_counted_to_the_lower_end_of_the_own_band() -> None:
    distance = valued(("1.60", 100), ("1.35", 100), ("1.16", 100), ("1.1", 100), (1, 0)).distance()
    assert distance[:3] == pytest.approx([10, 5, 1])
    assert np.isnan(distance[3:]).all()


def test_the_fallen_come_first_then_the_nearest_to_falling() -> None:
    valuation = valued((3, 100), ("1.1", 100), ("1.31", 100), ("0.9", 100), ("1.31", 100), (1, 0))
    assert list(valuation.nearest(4)) == [3, 1, 2, 4]
    assert list(valuation.nearest(1)) == [3]
    assert list(valuation.nearest(3)) == [3, 1, 2]
    assert list(valuation.nearest(99)) == [3, 1, 2, 4, 0]


def test_the_uniform_drop_to_the_next_band_is_negative_for_the_fallen() -> None:
    drop = valued((3, 100), ("1.5", 100), ("0.92", 100), (0, 100), (1, 0)).uniform_drop()
    assert drop[:4] == pytest.approx([0.5, 0.0, -0.25, -np.inf])
    assert np.isnan(drop[4])


def test_the_drop_curve_starts_at_what_is_fallen_now_and_counts_present_prices() -> None:
    valuation = valued((1, 100), ("1.15", 100), ("2.3", 100), (9, 0))
    curve = valuation.drop_curve([0.0, 0.01, 0.49, 0.51])
    assert list(curve) == [100.0, 215.0, 215.0, 445.0]


def test_an_account_exactly_at_the_end_of_a_fall_is_not_fallen() -> None:
    # 0.9 * C is 1.15 * B to the last digit, for amounts that floats cannot hold
    units = [n * Decimal("0.0142857") for n in range(1, 200)]
    book = Book.from_portfolios(
        [Portfolio.of(f"u{n}", {"USDT": 23 * n}, {"USDC": 18 * n}) for n in units], POLICY
    )
    valuation = book.revalue(snapshot({"USDT": 1, "USDC": 1}))
    assert list(valuation.drop_curve(["0.1"])) == [0.0]
    assert len(valuation.fallen_after("0.1")) == 0
    hair = Decimal("0.1000000000000000000000001")
    assert list(valuation.drop_curve([hair])) == [pytest.approx(valuation.collateral.sum())]
    assert len(valuation.fallen_after(hair)) == len(book)


def test_an_account_exactly_on_an_edge_is_in_the_bin_above() -> None:
    book = Book.from_portfolios(
        [
            Portfolio.of(f"u{n}", {"USDT": Decimal(n) * 7 / 4}, {"USDC": n})
            for n in map(Decimal, (f"0.{i:03}" for i in range(1, 200)))
        ],
        POLICY,
    )
    valuation = book.revalue(snapshot({"USDT": "0.1", "USDC": "0.1"}))
    assert list(valuation.histogram([50, 75, 100])) == [0, 0, 199, 0]
    assert list(valuation.histogram(["75", "75.0000000000000000001"])) == [0, 199, 0]


def test_thresholds_that_float32_cannot_hold_are_decided_all_the_same() -> None:
    policy = Policy(healthy=Decimal("1e39"), warning=Decimal("1e30"), margin_call=Decimal(5))
    book = Book.from_portfolios([Portfolio.of("ann", {"USDT": "1e35"}, {"USDC": "0.001"})], policy)
    valuation = book.revalue(snapshot({"USDT": 1, "USDC": 1}))
    assert valuation.counts()[Status.HEALTHY] == 1
    slim = Book.from_portfolios([Portfolio.of("ann", {"USDT": "1e35"}, {"USDC": 1})], policy)
    assert slim.revalue(snapshot({"USDT": 1, "USDC": 1})).counts()[Status.WARNING] == 1


def test_the_histogram_holds_every_scored_account() -> None:
    valuation = valued((1, 100), ("1.15", 100), ("1.3", 100), ("1.5", 100), (9, 0))
    assert list(valuation.histogram([15, 30, 50])) == [1, 1, 1, 1]


def test_movers_are_the_accounts_whose_status_changed() -> None:
    book = book_of((3, 100), ("1.51", 100))
    high, low = (book.revalue(snapshot({"ETH": eth, "USDC": 1})) for eth in (100, 99))
    assert list(high.movers(low)) == [1]
    assert list(high.movers(high)) == []


def test_settlement_is_counted_once_and_in_any_order() -> None:
    book = Book.from_portfolios(
        [
            Portfolio.of("ann", {"ETH": 2}, {"USDC": 100}),
            Portfolio.of("bob", {"BTC": 1}, {"USDC": 10}),
        ],
        POLICY,
    )
    deltas = [
        Delta("1:a:0", "ann", "ETH", Decimal("-0.5")),
        Delta("1:b:0", "bob", "eth", Decimal("0.5")),
        Delta("1:c:0", "nobody", "ETH", Decimal(7)),
    ]
    forth = book.settle(deltas)
    back = book.settle(deltas[::-1]).settle(deltas)
    prices = snapshot({"ETH": 100, "BTC": 9, "USDC": 1})
    for settled in (forth, back):
        assert settled.portfolio("ann").collateral == {"ETH": Decimal("1.5")}
        assert settled.portfolio("bob").collateral == {"BTC": 1, "ETH": Decimal("0.5")}
        assert settled.revalue(prices).score == pytest.approx([50.0, 490.0])
        assert settled.settled == {"1:a:0", "1:b:0"}
    assert book.portfolio("ann").collateral == {"ETH": 2}
    assert book.revalue(prices).score[0] == 100.0
    assert forth.settle(deltas) is forth
    sealed = forth.sealed()
    assert (sealed.portfolio("ann"), sealed.settled) == (forth.portfolio("ann"), frozenset())
    assert sealed.settle(deltas[:1]).portfolio("ann").collateral == {"ETH": 1}


def test_an_account_that_paid_more_than_it_has_is_unknown_until_the_rest_arrives() -> None:
    book = Book.from_portfolios([Portfolio.of("ann", {"ETH": 1}, {"USDC": 100})], POLICY)
    prices = snapshot({"ETH": 150, "USDC": 1})
    short = book.settle([Delta("k1", "ann", "ETH", Decimal(-3))])
    valuation = short.revalue(prices)
    assert STATUS_ORDER[valuation.status[0]] is Status.UNKNOWN
    assert np.isnan(valuation.score[0])
    assert np.isnan(valuation.collateral[0])
    exact = valuation.assess("ann")
    assert (exact.status, exact.score, exact.reasons) == (
        Status.UNKNOWN,
        None,
        {"ETH": "net amount is negative (-2)"},
    )
    whole = short.settle([Delta("k2", "ann", "ETH", Decimal(3))])
    assert whole.revalue(prices).score[0] == 50.0
    assert whole.assess("ann", prices).status is Status.HEALTHY


deltas_of = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(ASSETS),
        st.decimals(-3, 3, places=3, allow_nan=False, allow_infinity=False),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(books(), deltas_of, st.randoms(use_true_random=False))
def test_a_settled_book_is_the_loop_of_exact_assessments(
    case: tuple, moves: list, order: Random
) -> None:
    portfolios, prices, policy = case
    book = Book.from_portfolios(portfolios, policy)
    deltas = [
        Delta(f"k{i}", portfolios[row % len(portfolios)].user_id, asset, amount)
        for i, (row, asset, amount) in enumerate(moves)
        if portfolios
    ]
    shuffled = [*deltas, *deltas[:3]]
    order.shuffle(shuffled)
    one, many = book.settle(deltas), book
    for delta in shuffled:
        many = many.settle([delta])
    for settled in (one, many):
        valuation = settled.revalue(prices)
        for row, user in enumerate(settled.users):
            exact = settled.assess(user, prices)
            assert STATUS_ORDER[valuation.status[row]] is exact.status
            close(valuation.collateral[row], exact.collateral_usd)
            close(valuation.borrow[row], exact.borrow_usd)
    assert [*one.portfolios] == [*many.portfolios]
    assert one.assets == many.assets


def test_a_book_from_a_table_is_the_book_of_its_accounts() -> None:
    table = PositionTable(
        users=("ann", "bob", "cem"),
        assets=("ETH", "USDC"),
        places=(18, 2),
        rows=np.array([0, 0, 1]),
        ids=np.array([0, 1, 0], np.uint8),
        owed=np.array([False, True, False]),
        units=np.array([1_500_000_000_000_000_000, 10_000, 1]),
    )
    policy = Policy(weights={"ETH": Decimal("0.5")})
    book = Book.from_table(table, policy)
    same = Book.from_portfolios(book.portfolios, policy)
    assert book.portfolio("ann") == Portfolio.of("ann", {"ETH": "1.5"}, {"USDC": 100})
    assert book.portfolio("cem") == Portfolio.of("cem", {}, {})
    prices = snapshot({"ETH": 200, "USDC": 1})
    for one in (book, same):
        valuation = one.revalue(prices)
        assert [STATUS_ORDER[code] for code in valuation.status] == [
            Status.HEALTHY,
            Status.NO_DEBT,
            Status.NO_DEBT,
        ]
        assert valuation.collateral[1] == pytest.approx(1e-16)


def test_a_table_out_of_order_is_refused() -> None:
    with pytest.raises(FieldError, match="rows"):
        PositionTable(
            ("ann", "bob"),
            ("ETH",),
            (0,),
            np.array([1, 0]),
            np.array([0, 0]),
            np.array([False, False]),
            np.array([1, 1]),
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(0, 8), st.integers(1, 9), max_size=7), max_size=15),
    st.data(),
)
def test_columns_give_back_the_table_they_were_made_of(
    positions: list, data: st.DataObject
) -> None:
    rows = [row for row, held in enumerate(positions) for _ in held]
    ids = [asset for held in positions for asset in held]
    amounts = [float(n) for held in positions for n in held.values()]
    columns = Columns.of(
        np.array(rows, np.intp), np.array(ids, np.intp), np.array(amounts), len(positions), 9
    )
    assert as_dicts(columns, len(positions)) == positions
    order = data.draw(st.permutations(range(len(positions))))[: len(positions) // 2 + 1]
    taken = columns.take(np.array(order, np.intp))
    assert as_dicts(taken, len(order)) == [positions[i] for i in order]
    units = columns.units(9)
    assert list(units) == [sum(held.get(a, 0) for held in positions) for a in range(9)]


def as_dicts(columns: Columns, accounts: int) -> list[dict[int, float]]:
    held: list[dict[int, float]] = [{} for _ in range(accounts)]
    for row, asset, amount in zip(*columns.table(), strict=True):
        held[row][int(asset)] = amount
    return held
