"""A settlement event on the wire: of which escrow, whose money, how much to the last wei."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import orjson

from consumers import wire
from consumers.wire import SettlementEvent
from tests.consumers.wire.bodies import ESCROW, NOW, body, reason


def escrow(attributes: Mapping[str, str] | None = None, **changes: object) -> SettlementEvent:
    value = wire.decode_settlement(body(ESCROW, **changes), attributes or {}, NOW)
    assert isinstance(value, SettlementEvent), value
    return value


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
