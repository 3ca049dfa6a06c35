"""Readers of single fields: a JSON value in, a bounded value out, or the reason why not.

Bounds hold everywhere: ids `[A-Za-z0-9._:-]{1,64}`, symbols `[A-Z0-9._-]{1,32}` after folding,
timestamps RFC 3339 and at most 24 h ahead. Every reader raises `RefusedError` and nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
HASH = re.compile(r"0x[0-9a-fA-F]{64}")
SYMBOL = re.compile(r"[A-Z0-9._-]{1,32}")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
INTEGER = re.compile(r"\d{1,19}", re.ASCII)
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|\+00:00Z|[+-]\d\d:\d\d)", re.ASCII
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(hours=24)
MAX_NUMBER_TEXT = 80  # the digits that core computes with
SMALLEST = Decimal("1e-40")
LARGEST = Decimal("1e40")
MALFORMED_TIMESTAMP = "malformed timestamp"
RECENT = 1_024  # texts that come again and again, as a round's timestamp does, are read once


@dataclass(frozen=True, slots=True)
class Encoded:
    """A message ready to be published: JSON bytes and string attributes."""

    data: bytes
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a message cannot be read; it belongs in quarantine with this reason."""

    reason: str


class RefusedError(ValueError):
    """A field, or the body, cannot be read. Stays inside `wire`, which answers with `Refused`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def body_of(data: bytes) -> dict[str, Any]:
    """The JSON object of a body. orjson refuses NaN, 1e999, bad UTF-8 and deep nesting."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RefusedError("not JSON") from error
    if type(body) is not dict:
        raise RefusedError("not an object")
    return body


def identifier(value: object, field: str) -> str:
    """An id, a name of a source, an event type: inert text."""
    if type(value) is not str or ID.fullmatch(value) is None:
        raise RefusedError(field)
    return value


def name(value: object, field: str) -> str:
    """An identifier that comes again and again, as a source or a channel does."""
    if type(value) is not str or len(value) > 64 or not _is_id(value):
        raise RefusedError(field)
    return value


@lru_cache(RECENT)
def _is_id(text: str) -> bool:
    return ID.fullmatch(text) is not None


def transaction_hash(value: object, field: str) -> str:
    """An id, or the 32 bytes of a transaction on a chain in hex, longer than an id may be."""
    if type(value) is str and HASH.fullmatch(value) is not None:
        return value
    return identifier(value, field)


def symbol(value: object, field: str) -> str:
    """An asset's symbol, folded to upper case."""
    folded = _folded(value) if type(value) is str and len(value) <= 32 else None
    if folded is None:
        raise RefusedError(field)
    return folded


@lru_cache(RECENT)
def _folded(text: str) -> str | None:
    folded = text.upper() if text.isascii() else ""  # some letters beyond ASCII fold into it
    return None if SYMBOL.fullmatch(folded) is None else folded


def timestamp(value: object, field: str, now: datetime) -> tuple[datetime, bool]:
    """An RFC 3339 time as UTC, and whether it came well formed.

    A known producer bug writes an offset and a Z ("...+00:00Z"): read, and said to be malformed.
    """
    read = _read_time(value) if type(value) is str and len(value) <= 40 else None
    if read is None or read[0] - now > AHEAD:
        raise RefusedError(field)
    return read


@lru_cache(RECENT)
def _read_time(text: str) -> tuple[datetime, bool] | None:
    if RFC_3339.fullmatch(text) is None:
        return None
    well_formed = not text.endswith("+00:00Z")
    try:
        at = datetime.fromisoformat((text if well_formed else text[:-1]).upper())
        if at.tzinfo is not UTC:
            at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if at < EPOCH else (at, well_formed)


def number(value: object, field: str) -> Decimal:
    """A finite number: text stays exact, a JSON number keeps its shortest text.

    Magnitude 1e-40 to 1e40, or zero.
    """
    if type(value) is float:
        # In floats, which are quicker: their order is that of their shortest texts.
        if value and not 1e-40 <= abs(value) <= 1e40:
            raise RefusedError(field)
        return Decimal(repr(value))
    if type(value) is str:
        if len(value) > MAX_NUMBER_TEXT or NUMBER.fullmatch(value) is None:
            raise RefusedError(field)
        result = Decimal(value)
    elif type(value) is int:
        result = Decimal(value)
    else:
        raise RefusedError(field)
    if result and not SMALLEST <= abs(result) <= LARGEST:
        raise RefusedError(field)
    return result


def optional_number(value: object, field: str) -> Decimal | None:
    """As `number`; null and absent are None."""
    return None if value is None else number(value, field)


def integer(value: object, field: str) -> int:
    """A whole number from 0 to 2**63 - 1: a JSON integer or its decimal text."""
    if type(value) is int:
        result = value
    elif type(value) is str and INTEGER.fullmatch(value) is not None:
        result = int(value)
    else:
        raise RefusedError(field)
    if not 0 <= result < 2**63:
        raise RefusedError(field)
    return result


def flag(value: object, field: str) -> bool:
    """True or false; null and absent are false."""
    if value is None:
        return False
    if type(value) is not bool:
        raise RefusedError(field)
    return value


@lru_cache(RECENT)
def stamp(at: datetime) -> str:
    """A time as the platform writes it: UTC with Z."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat()[:-6] + "Z"  # -6: "+00:00"
