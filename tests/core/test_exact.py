"""Which numbers come in, and that nothing is rounded across a threshold."""

from decimal import Decimal, Inexact, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FieldError
from core.exact import CONTEXT, Number, amount_of, decimal_of, money, plain, quotient


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3941.34", "3941.34"),
        (" 1e3 ", "1000"),
        (".5", "0.5"),
        ("-0.20", "-0.2"),
        (0.1, "0.1"),
        (np.float64(0.1), "0.1"),
        (7, "7"),
        ("1e40", "1e40"),
        ("1e-40", "1e-40"),
        ("0E-9999", "0"),
        ("1." + "0" * 100, "1"),
        ("9" * 40 + "." + "9" * 40, "9" * 40 + "." + "9" * 40),
    ],
)
def test_a_number_means_what_its_sender_wrote(written: Number, meant: str) -> None:
    assert decimal_of(written, "x") == Decimal(meant)


@pytest.mark.parametrize(
    "written",
    [
        True,
        "",
        "  ",
        "NaN",
        "inf",
        float("nan"),
        float("-inf"),
        Decimal("sNaN"),
        "1e41",
        "9e-41",
        10**41,
        pytest.param(10**5_000, id="an int too long to print"),
        "1_000",
        "1,5",
        "0x10",
        "\u0661",  # a digit, but not one of ours
        "1." + "1" * 80,
        "1e99999",
        "9" * 300,
        None,
        [1],
    ],
)
def test_what_is_no_plain_number_of_our_size_is_refused_by_name(written: Number) -> None:
    with pytest.raises(FieldError) as caught:
        decimal_of(written, "collateral.ETH")
    assert caught.value.field == "collateral.ETH"


def test_an_amount_is_not_negative() -> None:
    assert amount_of("0", "x") == 0
    with pytest.raises(FieldError, match="x: must not be negative"):
        amount_of("-0.1", "x")


sizes = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 10**80 - 1),
    st.integers(-119, -80),
)


@given(st.lists(st.tuples(sizes, sizes, sizes, sizes), min_size=1, max_size=4))
def test_sums_of_products_of_such_numbers_are_never_rounded(
    terms: list[tuple[Decimal, Decimal, Decimal, Decimal]],
) -> None:
    with localcontext(CONTEXT) as context:
        context.traps[Inexact] = True
        total = sum((w * q * p * s for w, q, p, s in terms), Decimal(10) ** 120)
        assert total * Decimal("1e40") > total


def test_a_quotient_is_cut_and_never_reaches_what_it_is_below() -> None:
    almost = Decimal("49." + "9" * 70)
    assert quotient(almost, Decimal(1)) < 50
    assert str(quotient(Decimal(1), Decimal(3))) == "0." + "3" * 50
    assert str(quotient(Decimal(1), Decimal(3), up=True)) == "0." + "3" * 49 + "4"
    assert str(quotient(Decimal(-1), Decimal(3))) == "-0." + "3" * 49 + "4"


def test_money_is_rounded_to_the_nearest_and_never_minus_nothing() -> None:
    assert str(money(Decimal("9.5454"))) == "9.55"
    assert str(money(Decimal("-0.001"))) == "0.00"
    assert str(money(Decimal("1E+30"))) == "1" + "0" * 30 + ".00"
    assert plain(Decimal("15.00")) == "15"


def test_a_number_too_long_to_be_computed_is_refused_and_never_rounded() -> None:
    with pytest.raises(FieldError, match="more than 80 digits"):
        decimal_of(Decimal("1." + "0" * 1500 + "1"), "x")
    assert decimal_of(Decimal("1." + "0" * 1500), "x") == 1
