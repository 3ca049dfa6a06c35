"""Words and figures as the pages write them. What the live board writes too comes from there."""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from types import MappingProxyType

from core.exact import money, plain
from core.policy import Status
from core.staleness import Freshness
from core.wording import ages, plural
from dashboard.live.figures import (
    DASH,
    MINUS,
    ceiled,
    epoch_ms,
    floored,
    millions,
    milliseconds,
    price,
    rate,
    signed,
)

__all__ = (
    "DASH",
    "MINUS",
    "ages",
    "amount",
    "ceiled",
    "change",
    "clock",
    "clock_ms",
    "epoch_ms",
    "floored",
    "freshness_word",
    "joined",
    "millions",
    "milliseconds",
    "moment",
    "percent",
    "plural",
    "price",
    "rate",
    "signed",
    "status_word",
    "tone",
    "toward_zero",
)

STATUS_GLYPHS = MappingProxyType(
    {
        Status.LIQUIDATION: "☒",
        Status.MARGIN_CALL: "◆",
        Status.WARNING: "▲",
        Status.HEALTHY: "●",
        Status.NO_DEBT: "○",
        Status.UNKNOWN: "?",
    }
)
FRESHNESS_GLYPHS = MappingProxyType(
    {
        Freshness.FRESH: "●",
        Freshness.LATE: "◕",
        Freshness.STALE: "◔",
        Freshness.DEAD: "⊗",
        Freshness.NEVER: "◌",
    }
)
_TONES = MappingProxyType(
    {
        "LIQUIDATION": "liq",
        "MARGIN_CALL": "call",
        "WARNING": "warn",
        "HEALTHY": "ok",
        "FRESH": "ok",
        "LATE": "warn",
        "STALE": "call",
        "DEAD": "liq",
        "OK": "ok",
        "WARN": "warn",
        "STALL": "call",
        "REWIND": "call",
        "STOP": "liq",
        "PASS": "ok",
        "LOST": "liq",
    }
)


def tone(state: str) -> str:
    """The colour class of a state written in capitals: ok, warn, call, liq or none."""
    return _TONES.get(state, "none")


def status_word(status: Status) -> str:
    """Shape and word, for a cell that holds text alone: `◆ MARGIN_CALL`."""
    return f"{STATUS_GLYPHS[status]} {status.value}"


def freshness_word(freshness: Freshness) -> str:
    """Shape and word: `◔ STALE`."""
    return f"{FRESHNESS_GLYPHS[freshness]} {freshness.value}"


def clock(at: datetime | None) -> str:
    """The time of day, UTC: `14:12:38`."""
    return DASH if at is None else f"{at:%H:%M:%S}"


def clock_ms(at: datetime | None) -> str:
    """The time of day to the millisecond, UTC: `14:12:26.104`."""
    return DASH if at is None else f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"


def moment(at: datetime | None, now: datetime) -> str:
    """The time of day, with its date where that is not today's: `22 Nov 14:12:38`."""
    if at is None or at.date() == now.date():
        return clock(at)
    return f"{at:%d %b %Y %H:%M:%S}" if at.year != now.year else f"{at:%d %b %H:%M:%S}"


def percent(value: Decimal | float | None, places: int = 2, *, plus: bool = True) -> str:
    """`−1.61 %`, `+0.92 %`, `0.00 %`; none is a dash, never a zero."""
    return DASH if value is None else f"{signed(value, places, plus=plus)} %"


def change(now: float | None, before: float | None) -> str:
    """By how many percent a price moved; a dash where one of the two is not known."""
    if now is None or not before:
        return DASH
    return percent((now / before - 1) * 100)


def amount(value: Decimal | None, places: int = 8) -> str:
    """Units of an asset: all their decimals, at least two, at most `places`, thousands commas."""
    if value is None:
        return DASH
    written = -int(value.normalize().as_tuple().exponent) if value else 0
    return signed(value, max(2, min(places, written)))


def toward_zero(value: Decimal | None, places: int) -> str:
    """Cut, not rounded: what stands behind a floored score, a change that is never overstated."""
    return DASH if value is None else signed(money(value, places, ROUND_DOWN), places)


def units(value: Decimal) -> str:
    """The shortest plain spelling of an exact figure, as an input takes it."""
    return plain(value)


def joined(names: tuple[str, ...] | list[str], none: str = "none") -> str:
    """`email, sms, webhook`."""
    return ", ".join(names) if names else none


def span(length: timedelta) -> str:
    """A length of time without its zero parts: `15 min`, `1 h`, `2 min 30 s`."""
    text = ages(length)
    for zero in (" 00 s", " 00 min", " 0 h"):
        text = text.removesuffix(zero)
    return text


def price_at(value: Decimal, *, up: bool) -> str:
    """A price that something hangs on, rounded up or down to as many places as its size asks."""
    size = abs(value)
    places = 2 if size >= 100 else 3 if size >= 10 else 4 if size >= Decimal("0.01") else 8
    return ceiled(value, places) if up else floored(value, places)


def step_of(value: Decimal) -> Decimal:
    """The step in which units of an asset at this price are told: worth at most about a dollar."""
    return Decimal(1).scaleb(-max(2, min(8, value.adjusted() + 1)))
