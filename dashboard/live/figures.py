"""Figures as the live board writes them: rounded to the safe side, never across a band.

Times leave as epoch milliseconds, never as ages: an age sent is an age that goes stale, so the
browser counts. A `Span` is a piece of a line of small print; one with `at` is such an age.
"""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

from core.exact import CONTEXT

MINUS = "\u2212"
DASH = "\u2013"
Span = dict[str, Any]


def text(value: str) -> Span:
    """Plain words."""
    return {"t": value}


def state(value: str) -> Span:
    """A state in capitals, in its own colour."""
    return {"t": value.replace("_", " "), "s": value}


def age(at: datetime | None, *, market: bool = False) -> Span:
    """How long ago `at` was, counted by the browser; `market` on the market's clock."""
    if at is None:
        return {"t": "never"}
    return {"at": epoch_ms(at), "m": market}


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970, as JavaScript counts."""
    return int(at.timestamp() * 1000)


def maybe_ms(at: datetime | None) -> int | None:
    """The same, where there may be no time."""
    return None if at is None else epoch_ms(at)


def signed(value: Decimal | float, places: int, *, plus: bool = False) -> str:
    """With U+2212 for minus and thousands commas; never a signed zero."""
    shown = f"{abs(value):,.{places}f}"
    if not any(c in "123456789" for c in shown):
        return shown
    if value < 0:
        return MINUS + shown
    return f"+{shown}" if plus else shown


def floored(value: Decimal | None, places: int) -> str:
    """Rounded down: a score, a distance, collateral."""
    return DASH if value is None else signed(_quantized(value, places, ROUND_FLOOR), places)


def ceiled(value: Decimal | None, places: int) -> str:
    """Rounded up: a debt, a cure."""
    return DASH if value is None else signed(_quantized(value, places, ROUND_CEILING), places)


def price(value: Decimal) -> str:
    """As many decimals as the size asks for: 97,412.00, 241.36, 15.482, 1.0000, 0.00001234."""
    size = abs(value)
    for bound, places in ((100, 2), (10, 3), (Decimal("0.01"), 4)):
        if size >= bound:
            return signed(value, places)
    if not size:
        return "0"
    return signed(value, min(12, 3 - size.adjusted()))


def millions(value: float) -> str:
    """For tiles and captions alone, never for a table someone recomputes: `261.78 m`."""
    if abs(value) >= 1e9:
        return f"{signed(value / 1e9, 2)} bn"
    if abs(value) >= 1e6:
        return f"{signed(value / 1e6, 2)} m"
    if abs(value) >= 1e3:
        return f"{signed(value / 1e3, 1)} k"
    return signed(value, 0)


def milliseconds(value: float | None) -> str:
    """`3 ms`, `1.20 s`; a negative one (clocks that disagree) or none is a dash."""
    if value is None or value < 0:
        return DASH
    if value < 10:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def rate(per_second: float | None) -> str:
    """Messages: `4.0 per s`, below one a second `3 per min`."""
    if per_second is None:
        return DASH
    if per_second >= 1:
        return f"{per_second:,.1f} per s"
    per_minute = per_second * 60
    return f"{per_minute:.0f} per min" if per_minute >= 1 or not per_minute else "< 1 per min"


def _quantized(value: Decimal, places: int, rounding: str) -> Decimal:
    with localcontext(CONTEXT):
        return value.quantize(Decimal(1).scaleb(-places), rounding=rounding)
