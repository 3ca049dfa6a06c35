"""The book is the loop of exact assessments, only faster."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings

from core.book import STATUS_ORDER, Book
from core.errors import FieldError
from core.exact import CONTEXT
from core.margin import assess
from core.policy import Policy, Status
from core.portfolio import Portfolio, PriceSnapshot
from core.position_table import PositionTable
from tests.core.books import books, close, valued
from tests.core.samples import POLICY, snapshot


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


def test_thresholds_that_float32_cannot_hold_are_decided_all_the_same() -> None:
    policy = Policy(healthy=Decimal("1e39"), warning=Decimal("1e30"), margin_call=Decimal(5))
    book = Book.from_portfolios([Portfolio.of("ann", {"USDT": "1e35"}, {"USDC": "0.001"})], policy)
    valuation = book.revalue(snapshot({"USDT": 1, "USDC": 1}))
    assert valuation.counts()[Status.HEALTHY] == 1
    slim = Book.from_portfolios([Portfolio.of("ann", {"USDT": "1e35"}, {"USDC": 1})], policy)
    assert slim.revalue(snapshot({"USDT": 1, "USDC": 1})).counts()[Status.WARNING] == 1


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
