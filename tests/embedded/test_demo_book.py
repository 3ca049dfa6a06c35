"""The demo book shows every status at the first prices, in believable sizes, and stays the same."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from consumers.book_source import load_book
from core.book import Book
from core.policy import Policy, Status
from core.portfolio import Portfolio, PricePoint, PriceSnapshot
from embedded.demo_book import build_book, ensure_book
from embedded.market import LISTINGS
from embedded.replay import read_replay
from tests.support import shared

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PRICES = {one.asset: one.price for one in LISTINGS}


def _shares(portfolios: tuple[Portfolio, ...], prices: dict[str, Decimal]) -> dict[Status, float]:
    known = {"USDC": Decimal(1), "USDT": Decimal(1), **prices}
    points = {a: PricePoint(a, price, NOW, "t") for a, price in known.items()}
    counts = (
        Book.from_portfolios(portfolios, Policy()).revalue(PriceSnapshot("s", NOW, points)).counts()
    )
    owing = len(portfolios) - counts[Status.NO_DEBT]
    return {status: 100 * count / owing for status, count in counts.items()}


def _assert_shaped(shares: dict[Status, float]) -> None:
    assert shares[Status.HEALTHY] == pytest.approx(85, abs=1)
    assert shares[Status.WARNING] == pytest.approx(10, abs=1)
    assert shares[Status.MARGIN_CALL] == pytest.approx(4, abs=0.5)
    assert shares[Status.LIQUIDATION] == pytest.approx(1, abs=0.5)
    assert shares[Status.UNKNOWN] == 0
    assert 0 < shares[Status.NO_DEBT] < 5


def test_the_simulated_markets_book_has_the_shares_it_promises() -> None:
    _assert_shaped(_shares(build_book(PRICES, 1_000, 7), PRICES))


@pytest.mark.parametrize("name", ["2022-05-luna-hourly.csv", "2022-11-ftx-hourly.csv"])
def test_a_replays_book_is_made_at_its_first_prices(name: str) -> None:
    prices = read_replay(shared(f"market/{name}"), NOW).first_prices()
    book = build_book(prices, 1_000, 7)
    _assert_shaped(_shares(book, prices))
    held = {asset for one in book for asset in one.assets}
    assert held >= set(prices)


def test_eight_assets_or_more_and_mostly_stablecoin_debt() -> None:
    book = build_book(PRICES, 1_000, 7)
    debts = Counter("stable" if a in ("USDC", "USDT") else "crypto" for p in book for a in p.borrow)
    assert len({a for p in book for a in p.collateral}) >= 8
    assert debts["stable"] > 5 * debts["crypto"] > 0


def test_ids_are_unique_words_with_a_number() -> None:
    users = [one.user_id for one in build_book(PRICES, 1_000, 7)]
    assert len(set(users)) == 1_000
    assert "wren-02" in users


def test_amounts_are_exact_with_two_to_eight_decimals() -> None:
    for one in build_book(PRICES, 200, 7):
        for amount in (*one.collateral.values(), *one.borrow.values()):
            assert -8 <= int(amount.as_tuple().exponent) <= -2


def test_the_same_seed_gives_the_same_book_and_another_seed_another() -> None:
    assert build_book(PRICES, 50, 7) == build_book(PRICES, 50, 7)
    assert build_book(PRICES, 50, 7) != build_book(PRICES, 50, 8)


def test_a_restart_keeps_its_book(tmp_path: Path) -> None:
    path = tmp_path / "book.csv"
    assert ensure_book(path, PRICES, 20, 7)
    kept = path.read_text()
    assert not ensure_book(path, PRICES, 30, 8)
    assert path.read_text() == kept
    assert load_book(path).portfolios == build_book(PRICES, 20, 7)


def test_a_small_book_still_shows_every_status() -> None:
    shares = _shares(build_book(PRICES, 10, 7), PRICES)
    assert all(shares[s] > 0 for s in (Status.WARNING, Status.MARGIN_CALL, Status.LIQUIDATION))
