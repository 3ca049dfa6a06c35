"""Exact arithmetic: which numbers come in, and the contexts in which they are computed.

A number of at most 80 digits within 1e-40..1e40 has no digit below 1e-119. A weight times an
amount times a price times a shock, summed, then times a threshold spans fewer than 700 places, so
CONTEXT never rounds a sum or a product of such numbers. Quotients may not end: they are cut, and
the side to which they are cut is chosen so that no cut quotient crosses a threshold.
"""

import re
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)

from core.errors import FieldError

Number = str | int | Decimal | float
"""What a sender may write a number as."""

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
LARGEST = Decimal("1e40")
SMALLEST = Decimal("1e-40")
MOST_DIGITS = 80

_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
CONTEXT = Context(prec=1000, rounding=ROUND_HALF_EVEN, traps=_TRAPS)
"""Enter it with `localcontext(CONTEXT)` before adding or multiplying what must stay exact."""

_QUOTIENTS = {
    rounding: Context(prec=50, rounding=rounding, traps=_TRAPS)
    for rounding in (ROUND_FLOOR, ROUND_CEILING)
}
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_LONGEST = 240


def quotient(numerator: Decimal, denominator: Decimal, *, up: bool = False) -> Decimal:
    """The quotient to 50 significant digits, cut downwards, or upwards with `up`.

    A quotient cut downwards stays below every threshold that the true one is below, and on or
    above every threshold (of up to 50 digits) that the true one is on or above.
    """
    return _QUOTIENTS[ROUND_CEILING if up else ROUND_FLOOR].divide(numerator, denominator)


def decimal_of(value: Number, field: str) -> Decimal:
    """The exact decimal that a sender wrote; a float means its shortest spelling (0.1 is 0.1).

    Raises FieldError naming `field` for a bool, an empty text, what is no plain number, NaN,
    infinity, more than 80 digits, and magnitudes outside 1e-40..1e40 (zero is allowed).
    """
    number = _parse(value, field)
    if not number.is_finite():
        raise FieldError(field, "must be a finite number")
    if not number:
        return ZERO  # whatever exponent it was written with
    if not SMALLEST <= number.copy_abs() <= LARGEST:  # abs() would round
        raise FieldError(field, "must be zero or of a size between 1e-40 and 1e40")
    return number if len(number.as_tuple().digits) <= MOST_DIGITS else _shortened(number, field)


def _shortened(number: Decimal, field: str) -> Decimal:
    """The same value without zeros at its end; FieldError where it is still too long."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # it is finite
    while not digits[-1]:
        digits, exponent = digits[:-1], exponent + 1
        if len(digits) <= MOST_DIGITS:
            return Decimal((sign, digits, exponent))
    raise FieldError(field, f"has more than {MOST_DIGITS} digits")


def amount_of(value: Number, field: str) -> Decimal:
    """As `decimal_of`, and not negative."""
    number = decimal_of(value, field)
    if number < 0:
        raise FieldError(field, "must not be negative")
    return number


def _parse(value: Number, field: str) -> Decimal:
    if isinstance(value, bool):
        raise FieldError(field, "must be a number, not true or false")
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(float.__repr__(value))
    if isinstance(value, int):
        # compared as an int: a huge one refuses to become digits
        return Decimal(value) if abs(value) <= 10**40 else LARGEST * 10
    if not isinstance(value, str):
        raise FieldError(field, "must be a number")
    return _parse_text(value.strip(), field)


def _parse_text(text: str, field: str) -> Decimal:
    if not text:
        raise FieldError(field, "is empty")
    if len(text) > _LONGEST or not _PLAIN.fullmatch(text):
        raise FieldError(field, "is not a plain finite number")
    return Decimal(text)


def money(value: Decimal, places: int = 2, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """`value` with exactly `places` decimals, for display and for the platform's rounded fields."""
    with localcontext(CONTEXT):
        return value.quantize(ONE.scaleb(-places), rounding=rounding) + ZERO  # never -0.00


def plain(value: Decimal) -> str:
    """The shortest plain spelling: 15 for 15.00, 1500 for 1.5E+3."""
    with localcontext(CONTEXT):
        return f"{value.normalize():f}"
