"""What may enter an account, and which prices may be used."""

from decimal import Decimal

import pytest

from core.errors import FieldError
from core.portfolio import Portfolio, PricePoint, PriceSnapshot, Side
from tests.core.samples import NOON, snapshot


def test_symbols_are_folded_and_empty_positions_dropped() -> None:
    ann = Portfolio.of("ann", {"eth": 1, "BTC": 0}, {"usdc": "3100"}, {"eth": "0.8"})
    assert ann.collateral == {"ETH": 1}
    assert ann.borrow == {"USDC": 3100}
    assert ann.weights == {"ETH": Decimal("0.8")}
    assert ann.assets == {"ETH", "USDC"}


def test_an_account_cannot_be_changed_through_what_it_was_made_of() -> None:
    held = {"ETH": 1}
    ann = Portfolio.of("ann", held, {})
    held["ETH"] = 9
    assert ann.collateral == {"ETH": 1}
    with pytest.raises(TypeError):
        ann.collateral["ETH"] = Decimal(9)  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("ann", {"ETH": -1}, {}), "collateral.ETH"),
        (("ann", {}, {"usdc": "NaN"}), "borrow.usdc"),
        (("ann", {"ETH": True}, {}), "collateral.ETH"),
        (("ann", {"ETH": ""}, {}), "collateral.ETH"),
        (("ann", {"E H": 1}, {}), "collateral.E H"),
        (("ann", {"eth": 1, "ETH": 1}, {}), "collateral.ETH"),
        (("ann", {}, {}, {"ETH": "1.01"}), "weights.ETH"),
        (("ann", {}, {}, {"ETH": -1}), "weights.ETH"),
        (("ann", [("ETH", 1)], {}), "collateral"),
        (("", {}, {}), "user_id"),
        (("a\nb", {}, {}), "user_id"),
        ((7, {}, {}), "user_id"),
    ],
)
def test_what_cannot_be_held_is_refused_by_name(arguments: tuple, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        Portfolio.of(*arguments)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_a_changed_position_leaves_the_account_it_came_from() -> None:
    ann = Portfolio.of("ann", {"ETH": 1}, {})
    assert ann.with_amount(Side.COLLATERAL, "ETH", Decimal(0)).collateral == {}
    assert ann.with_amount(Side.BORROW, "USDC", Decimal(5)).borrow == {"USDC": 5}
    assert ann.collateral == {"ETH": 1}
    with pytest.raises(FieldError, match=r"borrow\.USDC"):
        ann.with_amount(Side.BORROW, "USDC", Decimal(-1))


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "1e-400", "1e41"])
def test_a_price_that_is_not_a_sane_number_above_zero_is_not_used(price: str) -> None:
    point = PricePoint("ETH", Decimal(price), NOON, "t")
    assert PriceSnapshot("s", NOON, {"ETH": point}).fault("ETH") is not None


def test_a_missing_or_stale_price_is_not_used_and_says_why() -> None:
    prices = snapshot({"ETH": 1, "BTC": 2}, unusable={"BTC": "stale 2 min 20 s"})
    assert prices.fault("ETH") is None
    assert prices.fault("BTC") == "stale 2 min 20 s"
    assert prices.fault("SOL") == "no price"
