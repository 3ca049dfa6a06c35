"""What one asks of a valued book: concentration, liquidations at risk."""

import pytest
from hypothesis import given, settings

from core.book import Book
from core.concentration import concentration, liquidations_at_risk
from core.errors import FieldError
from core.portfolio import Portfolio
from tests.core.samples import POLICY, snapshot
from tests.core.test_book import books, valued


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
