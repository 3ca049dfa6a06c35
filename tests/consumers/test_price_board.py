"""The newest price of an asset is never moved by what is late, repeated or history."""

from datetime import timedelta
from decimal import Decimal

from consumers.price_board import PriceBoard
from consumers.stores.prices import MAX_ASSETS
from tests.consumers.arrivals import NOON, Arrivals, hour

CADENCE = timedelta(seconds=30)


def test_a_newer_price_moves_it_and_an_older_or_equal_one_does_not() -> None:
    board, mail = PriceBoard(CADENCE), Arrivals()
    later = NOON + timedelta(seconds=2)
    assert board.take(mail.price("ETH", "100", at=NOON))
    assert not board.take(mail.price("ETH", "1", at=NOON - timedelta(seconds=1)))
    assert not board.take(mail.price("ETH", "2", at=NOON))
    assert board.take(mail.price("ETH", "101", at=later))
    assert (board.prices["ETH"].price, board.prices["ETH"].as_of) == (Decimal(101), later)


def test_history_never_moves_it() -> None:
    board, mail = PriceBoard(CADENCE), Arrivals()
    assert not board.take(mail.price("ETH", "100", historical=True))
    assert board.prices == {}


def test_each_asset_has_the_cadence_its_message_names_or_the_settings() -> None:
    board, mail = PriceBoard(CADENCE), Arrivals()
    board.take(mail.price("ETH", "1", cadence_s=3600))
    board.take(mail.price("BTC", "1"))
    assert board.prices["ETH"].cadence == timedelta(hours=1)
    assert board.prices["BTC"].cadence == CADENCE


def test_a_clock_that_runs_ahead_does_not_lock_out_the_prices_that_follow() -> None:
    board, mail = PriceBoard(CADENCE), Arrivals()
    ahead = mail.price("ETH", "100", at=NOON)
    fast = type(ahead)(
        type(ahead.tick)(
            "ETH",
            Decimal(100),
            "t",
            NOON + timedelta(hours=20),
            historical=False,
            metadata={},
            notes=(),
        ),
        ahead.incoming,
    )
    board.take(fast)
    assert board.prices["ETH"].as_of == NOON
    assert board.take(mail.price("ETH", "101", at=NOON + timedelta(seconds=2)))


def test_a_replay_is_judged_on_the_original_time() -> None:
    board, mail = PriceBoard(CADENCE), Arrivals()
    board.take(mail.price("ETH", "1", number=1, replayed_from=hour(0)))
    board.take(mail.price("BTC", "1", number=2, replayed_from=hour(1)))
    assert board.prices["ETH"].as_of == hour(0)
    assert board.moment(NOON) == hour(1)


def test_a_live_price_after_a_replay_sets_the_clock_back_to_the_walls() -> None:
    board, mail = PriceBoard(CADENCE), Arrivals()
    board.take(mail.price("ETH", "1", number=1, replayed_from=hour(0)))
    board.take(mail.price("ETH", "2", number=2))
    assert board.moment(NOON) == NOON


def test_of_assets_that_the_book_does_not_hold_256_stay_that_spoke_last() -> None:
    board, mail = PriceBoard(CADENCE), Arrivals()
    for number in range(MAX_ASSETS + 3):
        board.take(mail.price(f"A{number}", "1", at=NOON + timedelta(seconds=number)))
    assert board.trim(("A1", "BTC")) == ("A0", "A2")
    assert board.prices.keys() == {"A1", *(f"A{n + 3}" for n in range(MAX_ASSETS))}
    assert board.trim(("A1", "BTC")) == ()
