"""Rounding goes to the safe side, and minus is a minus."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from dashboard.live import figures


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        ("27.176", 2, "27.17"),
        ("14.9996", 2, "14.99"),
        ("-0.001", 2, "\u22120.01"),
        ("1234567.9", 0, "1,234,567"),
        ("0", 2, "0.00"),
    ],
)
def test_floors(value: str, places: int, shown: str) -> None:
    assert figures.floored(Decimal(value), places) == shown


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        ("1234567.1", 0, "1,234,568"),
        ("-0.219", 2, "\u22120.21"),
        ("5", 0, "5"),
        ("-0.001", 2, "0.00"),
    ],
)
def test_ceils_and_has_no_signed_zero(value: str, places: int, shown: str) -> None:
    assert figures.ceiled(Decimal(value), places) == shown


def test_unknown_is_a_dash_and_never_a_zero() -> None:
    assert figures.floored(None, 2) == figures.ceiled(None, 0) == figures.DASH
    assert figures.milliseconds(None) == figures.rate(None) == figures.DASH


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("97412", "97,412.00"),
        ("241.36", "241.36"),
        ("15.482", "15.482"),
        ("1", "1.0000"),
        ("0.00001234", "0.00001234"),
        ("0", "0"),
    ],
)
def test_a_price_has_the_decimals_its_size_asks_for(value: str, shown: str) -> None:
    assert figures.price(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("per_second", "shown"),
    [(4.0, "4.0 per s"), (0.05, "3 per min"), (0.001, "< 1 per min"), (0.0, "0 per min")],
)
def test_rates(per_second: float, shown: str) -> None:
    assert figures.rate(per_second) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(3.04, "3.0 ms"), (164.2, "164 ms"), (1204, "1.20 s"), (-5, "\u2013")]
)
def test_milliseconds_do_not_hide_a_skew_as_zero(value: float, shown: str) -> None:
    assert figures.milliseconds(value) == shown


def test_an_age_is_sent_as_its_moment() -> None:
    at = datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert figures.age(at, market=True) == {"at": 2000, "m": True}
    assert figures.age(None) == {"t": "never"}
