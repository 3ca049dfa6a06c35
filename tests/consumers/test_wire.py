"""The messages on the wire: every sample as it expects, and no input that makes a decoder raise."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers import wire
from consumers.wire import DeliveryReceipt, PriceTick, Refused, SettlementEvent
from core import alerts
from core.alerts import MarginAlert, PriceBasis, Severity
from core.policy import Policy, Status
from tests.support import shared

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DECODERS: Mapping[str, Callable[[bytes, Mapping[str, str], datetime], object]] = {
    "market.prices.v1": wire.decode_price,
    "alerts.margin.v1": wire.decode_alert,
    "settlement.events.v1": wire.decode_settlement,
    "alerts.delivery.v1": wire.decode_receipt,
}
PRICE: dict[str, Any] = {
    "asset_symbol": "ETH",
    "price_usd": "2450.50",
    "source": "chainlink",
    "timestamp": "2025-10-29T12:00:00Z",
}
ALERT: dict[str, Any] = {
    "event_type": "margin_call",
    "user_id": "0xA",
    "health_score": 27.14,
    "status": "MARGIN_CALL",
    "severity": "high",
    "message": "x",
    "timestamp": "2025-10-29T12:00:00Z",
}
ESCROW: dict[str, Any] = {
    "event": "EscrowDeployed",
    "blockNumber": 1,
    "transactionHash": "0xabc",
    "logIndex": 0,
    "args": {"escrow": "0xe1", "payer": "0xp1", "payee": "0xq1", "amount": "1"},
    "chain_id": 1,
    "timestamp": "2025-10-29T12:00:00Z",
}
RECEIPT = DeliveryReceipt(
    event_id="margin_call-1",
    test_id=None,
    channel="email",
    outcome="delivered",
    reason=None,
    attempt=1,
    received_at=NOW,
    delivered_at=NOW + timedelta(milliseconds=12),
    notifier="notifier-1",
)


def body(base: dict[str, Any], **changes: object) -> bytes:
    return json.dumps({**base, **changes}).encode()


def price(attributes: Mapping[str, str] | None = None, **changes: object) -> PriceTick:
    tick = wire.decode_price(body(PRICE, **changes), attributes or {}, NOW)
    assert isinstance(tick, PriceTick), tick
    return tick


def alert(attributes: Mapping[str, str] | None = None, **changes: object) -> MarginAlert:
    value = wire.decode_alert(body(ALERT, **changes), attributes or {}, NOW)
    assert isinstance(value, MarginAlert), value
    return value


def escrow(attributes: Mapping[str, str] | None = None, **changes: object) -> SettlementEvent:
    value = wire.decode_settlement(body(ESCROW, **changes), attributes or {}, NOW)
    assert isinstance(value, SettlementEvent), value
    return value


def reason(decoded: object) -> str:
    assert isinstance(decoded, Refused), decoded
    return decoded.reason


@pytest.mark.parametrize("topic", ["market.prices.v1", "alerts.margin.v1", "settlement.events.v1"])
def test_every_shared_sample_comes_out_as_it_expects(topic: str) -> None:
    wrong = []
    for line in shared(f"wire/{topic}.jsonl").read_text(encoding="utf-8").splitlines():
        sample = json.loads(line)
        data = (
            base64.b64decode(sample["data_b64"])
            if "data_b64" in sample
            else sample["data"].encode()
        )
        decoded = DECODERS[topic](data, sample["attributes"], NOW)
        got = f"quarantine: {decoded.reason}" if isinstance(decoded, Refused) else "ok"
        if got != sample["expect"]:
            wrong.append((sample["note"], sample["expect"], got))
    assert wrong == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["ETH", "test:x", "NaN", "1e9999", "-0", "2025-10-29T12:00:00+00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)
NAMES = sorted(
    {*PRICE, *ALERT, *ESCROW, *ESCROW["args"], "metadata", "historical", "test", "test_id"}
    | {"prices", "sequence", "event_id", "market_time", "outcome", "channel", "attempt", "reason"}
)


@pytest.mark.parametrize("topic", DECODERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), attributes=st.dictionaries(st.text(), st.text(), max_size=2))
def test_no_bytes_make_a_decoder_raise(topic: str, data: bytes, attributes: dict[str, str]) -> None:
    assert isinstance(DECODERS[topic](data, attributes, NOW), Refused)


@pytest.mark.parametrize("topic", DECODERS)
@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4))
def test_no_field_of_any_type_makes_a_decoder_raise(topic: str, changes: dict[str, object]) -> None:
    bases: Mapping[str, dict[str, Any]] = {
        "market.prices.v1": PRICE,
        "alerts.margin.v1": ALERT,
        "settlement.events.v1": ESCROW,
        "alerts.delivery.v1": orjson.loads(wire.encode_receipt(RECEIPT).data),
    }
    decoded = DECODERS[topic](body(bases[topic], **changes), {}, NOW)
    if not isinstance(decoded, Refused):
        assert wire.key_of(decoded)  # type: ignore[arg-type]


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


ALERT_VALUE = MarginAlert(
    event_id="margin_call-0123456789abcdef",
    event_type="margin_call",
    user_id="0xA",
    status=Status.MARGIN_CALL,
    severity=Severity.HIGH,
    message="MARGIN CALL",
    timestamp=NOW,
    published_at=NOW,
    health_score=Decimal("27.14"),
    previous_health_score=Decimal("51.2"),
    previous_status=Status.HEALTHY,
    total_collateral_usd=Decimal("3941.34"),
    total_borrow_usd=Decimal("3100.0"),
    liquidation_price_drop_percent=Decimal("9.55"),
    policy_version="2026-11",
    prices={"ETH": PriceBasis(Decimal("3941.34"), NOW)},
    sequence=2,
    incident_started_at=NOW,
    market_time=NOW,
)


def test_an_alert_survives_the_wire() -> None:
    encoded = wire.encode_alert(ALERT_VALUE, "alerts.margin.v1")
    assert wire.decode_alert(encoded.data, encoded.attributes, NOW) == ALERT_VALUE
    sent = orjson.loads(encoded.data)
    assert sent["health_score"] == 27.14
    assert sent["topic"] == "alerts.margin.v1"
    assert sent["prices"] == {"ETH": {"price": "3941.34", "timestamp": "2026-11-24T12:00:00Z"}}
    assert "test" not in sent
    assert encoded.attributes == {
        "event_type": "margin_call",
        "user_id": "0xA",
        "severity": "high",
        "health_status": "MARGIN_CALL",
    }


def test_a_sent_score_never_crosses_its_band() -> None:
    low = replace(ALERT_VALUE, status=Status.LIQUIDATION, health_score=Decimal("14.9999"))
    assert orjson.loads(wire.encode_alert(low, "t").data)["health_score"] == 14.99


def test_a_recovery_without_debt_has_no_score() -> None:
    free = replace(ALERT_VALUE, status=Status.NO_DEBT, health_score=None)
    encoded = wire.encode_alert(free, "t")
    assert wire.decode_alert(encoded.data, encoded.attributes, NOW) == free
    assert reason(wire.decode_alert(body(ALERT, health_score=None), {}, NOW)) == "health_score"


def test_a_test_alert_carries_its_marks_in_body_and_attribute() -> None:
    sent = alerts.test_alert(
        severity=Severity.HIGH, test_id="7f0c", at=NOW, policy=Policy(), by="operator"
    )
    encoded = wire.encode_alert(sent, "alerts.margin.v1")
    got = wire.decode_alert(encoded.data, encoded.attributes, NOW)
    assert isinstance(got, MarginAlert)
    assert (got.test, got.test_id, got.user_id) == (True, "7f0c", "test:control-room")
    assert encoded.attributes["test"] == "true"


@pytest.mark.parametrize("mark", [{"test": True}, {"test_id": "x"}, {}])
def test_a_mark_on_a_real_account_is_refused(mark: dict[str, object]) -> None:
    attributes = {} if mark else {"test": "true"}
    decoded = wire.decode_alert(body(ALERT, **mark), attributes, NOW)
    assert reason(decoded) == "test alert for a real account"


def test_the_reserved_prefix_without_a_mark_is_refused() -> None:
    decoded = wire.decode_alert(body(ALERT, user_id="test:ops", test=False), {}, NOW)
    assert reason(decoded) == "test account without a test mark"
    assert alert({"test": "true"}, user_id="test:ops").test


def test_an_alert_without_an_id_gets_the_same_id_each_time() -> None:
    first, again = alert(published_at="2025-10-29T12:00:01Z"), alert()
    assert first.event_id == again.event_id
    assert first.event_id.startswith("legacy-")
    assert alert(timestamp="2025-10-29T12:00:30Z").event_id != first.event_id


def test_older_amounts_are_read_and_the_newer_names_win() -> None:
    old = alert(collateral_usd=1000.0, borrow_usd=800.0)
    assert (old.total_collateral_usd, old.total_borrow_usd) == (Decimal(1000), Decimal(800))
    assert alert(collateral_usd=1, total_collateral_usd=2).total_collateral_usd == 2


def test_a_long_message_is_cut() -> None:
    assert alert(message="A" * 200_000).message == "A" * 2_000 + "…"


def test_contradicting_attributes_of_an_alert_are_noted() -> None:
    notes = wire.alert_contradictions(alert(), {"severity": "low", "user_id": "0xA"})
    assert notes == ("attribute severity contradicts",)


def test_legacy_names_fold_and_an_attribute_names_the_event_only_when_the_body_does_not() -> None:
    assert escrow(event="PaymentReleased").event == "EscrowReleased"
    assert escrow({"event_name": "PaymentRefunded"}, event=None).event == "EscrowRefunded"
    told = escrow({"event_type": "EscrowRefunded"})
    assert told.event == "EscrowDeployed"
    assert told.notes == ("attribute event_type contradicts",)
    assert escrow({"event_name": "PaymentReleased"}, event="EscrowReleased").notes == ()


def test_wei_become_ether_exactly_and_a_float_is_refused() -> None:
    def amount(value: object) -> object:
        args = {**ESCROW["args"], "amount": value}
        decoded = wire.decode_settlement(body(ESCROW, args=args), {}, NOW)
        return decoded.amount if isinstance(decoded, SettlementEvent) else reason(decoded)

    assert amount("1000000000000000000") == 1
    assert str(amount("123456789012345678901234567890123")) == "123456789012345.678901234567890123"
    assert amount(2**53) == Decimal(2**53).scaleb(-18)
    assert amount(2**53 + 1) == "amount"
    assert amount(1.0) == "amount"
    assert amount("1.5") == "amount"
    assert amount(True) == "amount"
    assert amount("9" * 34) == "amount"


def test_an_event_must_name_those_whom_it_moves_money_for() -> None:
    def without(event: str, *names: str) -> object:
        args = {name: value for name, value in ESCROW["args"].items() if name not in names}
        return wire.decode_settlement(body(ESCROW, event=event, args=args), {}, NOW)

    assert reason(without("EscrowDeployed", "payer")) == "payer"
    assert reason(without("EscrowReleased", "payee")) == "payee"
    assert isinstance(without("EscrowReleased", "payer"), SettlementEvent)
    approval = without("Approved", "payer", "payee", "amount")
    assert isinstance(approval, SettlementEvent)
    assert approval.amount is None
    assert reason(without("EscrowRefunded", "amount")) == "amount"


def test_an_event_that_an_escrow_emitted_itself_is_that_escrows() -> None:
    decoded = escrow(event="Approved", args=None, contract_address="0xe9")
    assert (decoded.escrow, decoded.contract) == ("0xe9", "0xe9")


def test_a_settlement_event_survives_the_wire_and_its_key_is_its_place_on_the_chain() -> None:
    sent = escrow(address="0xFactory")
    encoded = wire.encode_settlement(sent)
    assert wire.decode_settlement(encoded.data, encoded.attributes, NOW) == sent
    assert orjson.loads(encoded.data)["args"]["amount"] == "1"
    assert wire.key_of(sent) == "1/0xabc/0"


def test_a_chains_own_transaction_hash_is_longer_than_an_id_and_read() -> None:
    found = "0x" + "8f" * 32
    encoded = wire.encode_settlement(replace(escrow(address="0xFactory"), transaction_hash=found))
    event = wire.decode_settlement(encoded.data, encoded.attributes, NOW)
    assert isinstance(event, SettlementEvent)
    assert event.transaction_hash == found
    assert wire.key_of(event) == f"1/{found}/0"
    base = orjson.loads(encoded.data)
    for wrong in (found + "8f", "0x" + "zz" * 32, "x" * 65):
        refused = wire.decode_settlement(body(base, transactionHash=wrong), {}, NOW)
        assert reason(refused) == "transactionHash"


def test_a_receipt_survives_the_wire() -> None:
    encoded = wire.encode_receipt(RECEIPT)
    assert wire.decode_receipt(encoded.data, encoded.attributes, NOW) == RECEIPT
    assert wire.key_of(RECEIPT) == "margin_call-1/email/1/delivered"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"outcome": "done"}, "outcome"),
        ({"delivered_at": None}, "delivered_at"),
        ({"event_id": "<b>"}, "event_id"),
        ({"attempt": -1}, "attempt"),
        ({"channel": None}, "channel"),
    ],
)
def test_a_receipt_that_proves_nothing_is_refused(changes: dict[str, object], why: str) -> None:
    base = orjson.loads(wire.encode_receipt(RECEIPT).data)
    assert reason(wire.decode_receipt(body(base, **changes), {}, NOW)) == why
