"""`market.prices.v1`: one price of one asset, from one oracle."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson

from consumers.wire import fields
from consumers.wire.fields import Encoded, Refused, RefusedError

NOT_FINITE = re.compile(r"[+-]?(?:s?nan|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
CEILING = Decimal("1e15")
MAX_METADATA = 32
MAX_METADATA_TEXT = 256
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class PriceTick:
    """A price in USD, exact, of one unit of `asset`, as `source` saw it at `timestamp`.

    Never changed. `historical` ticks belong to history only and never move the live price. `notes`
    say what was odd but readable. The properties read what our own oracle adds in `metadata`; a
    foreign oracle sends none of it.
    """

    asset: str
    price: Decimal
    source: str
    timestamp: datetime
    historical: bool = False
    metadata: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    notes: tuple[str, ...] = ()

    @property
    def round(self) -> int | None:
        """The oracle round this tick belongs to: one consistent set of prices."""
        return _count(self.metadata.get("round"))

    @property
    def round_size(self) -> int | None:
        """How many messages the round has."""
        return _count(self.metadata.get("round_size"))

    @property
    def cadence_s(self) -> float | None:
        """Seconds of market time until this asset's next price is expected."""
        return _positive(self.metadata.get("cadence_s"))

    @property
    def replayed_from(self) -> datetime | None:
        """The original time of a replayed price: the market's clock."""
        text = self.metadata.get("replayed_from")
        if text is None:
            return None
        try:
            return fields.timestamp(text, "replayed_from", self.timestamp)[0]
        except RefusedError:
            return None

    @property
    def speed(self) -> float | None:
        """Market seconds for each wall second in a replay."""
        return _positive(self.metadata.get("speed"))

    @property
    def last(self) -> bool:
        """Whether this is of a replay's final round."""
        return self.metadata.get("last") == "true"


def decode_price(data: bytes, attributes: Mapping[str, str], now: datetime) -> PriceTick | Refused:
    """The tick in a message, or the reason for quarantine. Never raises."""
    try:
        body = fields.body_of(data)
        asset = fields.symbol(body.get("asset_symbol"), "asset_symbol")
        price = _price(body.get("price_usd"))
        source = fields.name(body.get("source"), "source")
        at, well_formed = fields.timestamp(body.get("timestamp"), "timestamp", now)
        if "historical" in body:
            historical = fields.flag(body["historical"], "historical")
        else:
            historical = attributes.get("historical") == "true"
        metadata, notes = _metadata(body.get("metadata"))
    except RefusedError as error:
        return Refused(error.reason)
    if not well_formed:
        notes = (fields.MALFORMED_TIMESTAMP, *notes)
    if attributes:
        notes += _contradictions(asset, source, historical, attributes)
    return PriceTick(asset, price, source, at, historical, metadata, notes)


def encode_price(tick: PriceTick) -> Encoded:
    """The platform's own form: the price as a string, so that it stays exact."""
    body: dict[str, object] = {
        "asset_symbol": tick.asset,
        "price_usd": format(tick.price, "f"),
        "source": tick.source,
        "timestamp": fields.stamp(tick.timestamp),
    }
    attributes = {"asset_symbol": tick.asset, "source": tick.source}
    if tick.historical:
        body["historical"] = True
        attributes["historical"] = "true"
    else:
        body["metadata"] = dict(tick.metadata)
    return Encoded(orjson.dumps(body), attributes)


def price_key(tick: PriceTick) -> str:
    """The same observation has the same key, however often it is sent.

    The price is part of it: two different prices with one timestamp are two observations.
    """
    of = "history" if tick.historical else tick.metadata.get("round", "")
    return f"{tick.asset}/{tick.source}/{of}/{fields.stamp(tick.timestamp)}/{tick.price!s}"


def price_series(key: str) -> str:
    """Which series a price of this key belongs to: asset and source, history apart."""
    asset, source, rest = key.split("/", 2)
    return f"{asset}/{source}/history" if rest.startswith("history/") else f"{asset}/{source}"


def price_minute(key: str) -> str:
    """The series of a price, and the minute of its producer's clock."""
    return f"{price_series(key)} {key.rsplit('/', 2)[1][:16]}"  # 16: "2026-11-23T12:00"


def _contradictions(
    asset: str, source: str, historical: bool, attributes: Mapping[str, str]
) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if attributes.get("asset_symbol", asset).upper() != asset:
        notes += ("attribute asset_symbol contradicts",)
    if attributes.get("source", source) != source:
        notes += ("attribute source contradicts",)
    if "historical" in attributes and (attributes["historical"] == "true") is not historical:
        notes += ("attribute historical contradicts",)
    return notes


def _price(value: object) -> Decimal:
    if type(value) is str:
        if len(value) > fields.MAX_NUMBER_TEXT or fields.NUMBER.fullmatch(value) is None:
            finite = NOT_FINITE.fullmatch(value) is None
            raise RefusedError("price_usd" if finite else "price not finite")
        price = Decimal(value)
    elif type(value) is float or type(value) is int:
        price = Decimal(repr(value))
    else:
        raise RefusedError("price_usd")
    if fields.SMALLEST <= price < CEILING:
        return price
    raise RefusedError("price not positive" if price <= 0 else "price out of range")


def _metadata(value: object) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """What is flat and short is kept, as text; the rest is left out, and that is noted."""
    if value is None or value == {}:
        return NOTHING, ()
    if type(value) is not dict:
        return NOTHING, ("metadata left out",)
    if _plain(value):
        return MappingProxyType(value), ()
    kept = {
        key: text
        for key, entry in value.items()
        if (text := _text(entry)) is not None and len(key) <= MAX_METADATA_TEXT
    }
    if len(kept) == len(value) <= MAX_METADATA:
        return MappingProxyType(kept), ()
    first = dict(list(kept.items())[:MAX_METADATA])
    return MappingProxyType(first), ("metadata left out",)


def _plain(metadata: dict[str, Any]) -> bool:
    """Whether all of it can be kept as it is."""
    for key, value in metadata.items():
        if type(value) is not str or not len(value) <= MAX_METADATA_TEXT >= len(key):
            return False
    return len(metadata) <= MAX_METADATA


def _text(value: object) -> str | None:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return repr(value)
    if type(value) is str and len(value) <= MAX_METADATA_TEXT:
        return value
    return None


@lru_cache(fields.RECENT)
def _count(text: str | None) -> int | None:
    if text is None or fields.INTEGER.fullmatch(text) is None:
        return None
    return int(text)


@lru_cache(fields.RECENT)
def _positive(text: str | None) -> float | None:
    if text is None or fields.NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if 0 < value < math.inf else None
