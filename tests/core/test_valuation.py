"""What one asks of a valued book: distances, falls, bins, concentration, liquidations at risk."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings

from core.book import Book
from core.concentration import concentration, liquidations_at_risk
from core.errors import FieldError
from core.portfolio import Portfolio
from tests.core.books import book_of, books, valued
from tests.core.samples import POLICY, snapshot


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


def test_the_histogram_holds_every_scored_account() -> None:
    valuation = valued((1, 100), ("1.15", 100), ("1.3", 100), ("1.5", 100), (9, 0))
    assert list(valuation.histogram([15, 30, 50])) == [1, 1, 1, 1]


def test_movers_are_the_accounts_whose_status_changed() -> None:
    book = book_of((3, 100), ("1.51", 100))
    high, low = (book.revalue(snapshot({"ETH": eth, "USDC": 1})) for eth in (100, 99))
    assert list(high.movers(low)) == [1]
    assert list(high.movers(high)) == []


@settings(max_examples=80, deadline=None)
@given(books())
def test_shares_of_accounts_and_of_assets_add_up_to_the_whole(case: tuple) -> None:
    portfolios, prices, policy = case
    found = concentration(Book.from_portfolios(portfolios, policy).revalue(prices), 3)
    for shares in (found.accounts, found.assets):
        assert len(shares) <= 4
        if found.total_usd > 0:
            assert sum(share.percent for share in shares) == pytest.approx(100, abs=1e-9)
            assert sum(share.usd for share in shares) == pytest.approx(found.total_usd)
        else:
            assert shares == ()


def test_the_largest_come_first_and_the_others_last() -> None:
    found = concentration(valued((1, 100), (5, 100), (3, 0), (1, 0)), 2)
    assert [(s.name, s.usd, s.percent) for s in found.accounts] == [
        ("u1", 500.0, 50.0),
        ("u2", 300.0, 30.0),
        (None, 200.0, 20.0),
    ]
    assert [(s.name, s.percent) for s in found.assets] == [("ETH", 100.0)]
    assert found.effective_accounts == pytest.approx(100 / 36)


def test_what_lacks_a_price_is_named_and_left_out_of_both() -> None:
    accounts = [
        Portfolio.of("ann", {"ETH": 1, "LUNA": 9}, {}),
        Portfolio.of("bob", {"ETH": 1}, {"USDC": 1}),
    ]
    found = concentration(Book.from_portfolios(accounts, POLICY).revalue(snapshot({"ETH": 10})))
    assert found.unpriced == ("LUNA",)
    assert found.total_usd == 10.0
    assert [(s.name, s.usd) for s in found.assets] == [("ETH", 10.0)]
    assert [(s.name, s.usd) for s in found.accounts] == [("bob", 10.0)]


def test_liquidations_at_risk_are_those_of_the_kth_worst_fall() -> None:
    valuation = valued((1, 100), ("1.15", 100), ("2.3", 100), (9, 0))
    falls = [0.0] * 90 + [0.01] * 5 + [0.51] * 5
    mild = liquidations_at_risk(valuation, falls, "0.9")
    assert (mild.rank, mild.count, mild.fall) == (10, 100, 0.01)
    assert (mild.accounts, mild.collateral_usd, mild.borrow_usd) == (2, 215.0, 200.0)
    worst = liquidations_at_risk(valuation, falls, "0.95")
    assert (worst.rank, worst.accounts, worst.collateral_usd) == (5, 3, 445.0)
    calm = liquidations_at_risk(valuation, falls, "0.5")
    assert (calm.fall, calm.accounts) == (0.0, 1)


def test_liquidations_at_risk_agree_with_the_drop_curve() -> None:
    valuation = valued((1, 100), ("1.15", 100), ("1.5", 100), ("2.3", 100), (9, 0))
    for drop in (0.0, 0.01, 0.2, 0.3, 0.6):
        at_risk = liquidations_at_risk(valuation, [drop], "0.99")
        assert at_risk.collateral_usd == valuation.drop_curve([drop])[0]


def test_falls_that_cannot_be_are_refused() -> None:
    valuation = valued((1, 100))
    for falls in ([], [float("nan")], [1.5]):
        with pytest.raises(FieldError):
            liquidations_at_risk(valuation, falls, "0.9")
