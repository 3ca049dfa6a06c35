"""A price on the wire: exact, of one asset and moment, or refused with its reason."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from consumers import wire
from consumers.wire import PriceTick, fields
from tests.consumers.wire.bodies import NOW, PRICE, body, reason


def price(attributes: Mapping[str, str] | None = None, **changes: object) -> PriceTick:
    tick = wire.decode_price(body(PRICE, **changes), attributes or {}, NOW)
    assert isinstance(tick, PriceTick), tick
    return tick


def test_text_of_a_price_stays_exact_and_a_number_keeps_its_shortest_text() -> None:
    assert str(price(price_usd="0.000000012345678901234567").price) == "1.2345678901234567E-8"
    assert price(price_usd=2450.1).price == Decimal("2450.1")
    assert price(price_usd=3).price == Decimal(3)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("0", "price not positive"),
        (-1, "price not positive"),
        ("-Infinity", "price not finite"),
        ("1e15", "price out of range"),
        ("1e-41", "price out of range"),
        ("1e99999", "price_usd"),
        ("1_000", "price_usd"),
        ("٣", "price_usd"),
        (" 1", "price_usd"),
        ("9" * 81, "price_usd"),
        ([], "price_usd"),
        (None, "price_usd"),
    ],
)
def test_price_that_is_no_price_is_refused_with_its_reason(value: object, why: str) -> None:
    assert reason(wire.decode_price(body(PRICE, price_usd=value), {}, NOW)) == why


def test_symbol_is_folded_and_nothing_beyond_ascii_folds_into_it() -> None:
    assert price(asset_symbol="wsteth").asset == "WSTETH"
    assert reason(wire.decode_price(body(PRICE, asset_symbol="ß"), {}, NOW)) == "asset_symbol"
    assert reason(wire.decode_price(body(PRICE, asset_symbol="A" * 33), {}, NOW)) == "asset_symbol"


def test_a_text_too_long_for_a_symbol_is_not_remembered() -> None:
    before = fields._folded.cache_info().currsize
    assert reason(wire.decode_price(body(PRICE, asset_symbol="Q" * 999), {}, NOW)) == "asset_symbol"
    assert fields._folded.cache_info().currsize == before


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25T12:00:00.000001Z",
        "2025-10-29T12:00:00",
        "2025-10-29",
        "1969-12-31T23:59:59Z",
        "2025-02-30T00:00:00Z",
        "2025-10-29T12:00:00+01:00Z",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_timestamp_beyond_a_day_ahead_or_without_an_offset_is_refused(text: str) -> None:
    assert reason(wire.decode_price(body(PRICE, timestamp=text), {}, NOW)) == "timestamp"


def test_offset_and_z_is_read_and_noted() -> None:
    tick = price(timestamp="2025-10-29T12:00:00+00:00Z")
    assert tick.timestamp == datetime(2025, 10, 29, 12, 0, tzinfo=UTC)
    assert tick.notes == ("malformed timestamp",)
    assert price(timestamp="2025-10-29T13:00:00+01:00").notes == ()


def test_body_wins_over_attributes_and_the_contradiction_is_noted() -> None:
    tick = price({"asset_symbol": "BTC", "source": "pyth", "historical": "true"}, historical=False)
    assert (tick.asset, tick.source, tick.historical) == ("ETH", "chainlink", False)
    assert tick.notes == (
        "attribute asset_symbol contradicts",
        "attribute source contradicts",
        "attribute historical contradicts",
    )


def test_historical_mark_counts_from_the_attribute_when_the_body_is_silent() -> None:
    assert price({"historical": "true"}).historical


def test_metadata_of_our_oracle_is_read_and_nonsense_in_it_is_nothing() -> None:
    ours = price(
        metadata={
            "round": "7",
            "round_size": 10,
            "cadence_s": "3600",
            "replayed_from": "2022-05-09T04:00:00Z",
            "speed": "3600",
            "last": "true",
        }
    )
    assert (ours.round, ours.round_size, ours.cadence_s, ours.speed) == (7, 10, 3600.0, 3600.0)
    assert ours.replayed_from == datetime(2022, 5, 9, 4, 0, tzinfo=UTC)
    assert ours.last
    odd = price(metadata={"round": "-1", "cadence_s": "0", "replayed_from": "x", "deep": {"a": 1}})
    assert (odd.round, odd.cadence_s, odd.replayed_from, odd.last) == (None, None, None, False)
    assert odd.notes == ("metadata left out",)


def test_a_price_survives_the_wire_and_keeps_its_key() -> None:
    sent = PriceTick(
        asset="ETH",
        price=Decimal("0.000000012345678901234567"),
        source="oracle",
        timestamp=datetime(2026, 11, 24, 11, 59, 0, 123456, tzinfo=UTC),
        metadata={"round": "1"},
    )
    encoded = wire.encode_price(sent)
    got = wire.decode_price(encoded.data, encoded.attributes, NOW)
    assert got == sent
    assert isinstance(got, PriceTick)
    assert wire.key_of(got) == wire.key_of(sent)
    assert wire.key_of(replace(sent, price=Decimal(1))) != wire.key_of(sent)
    past = replace(sent, historical=True, metadata={})
    encoded = wire.encode_price(past)
    assert wire.decode_price(encoded.data, encoded.attributes, NOW) == past
    assert encoded.attributes["historical"] == "true"
    assert b"metadata" not in encoded.data
