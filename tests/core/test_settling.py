"""Settlement in a book: counted once, in any order, and as exact as the book itself."""

from decimal import Decimal
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.book import STATUS_ORDER, Book
from core.policy import Status
from core.portfolio import Portfolio
from core.settling import Delta
from tests.core.books import ASSETS, books, close
from tests.core.samples import POLICY, snapshot


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
