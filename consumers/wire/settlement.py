"""`settlement.events.v1`: the life of an escrow, as relayers saw it on the chain."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from consumers.wire import fields
from consumers.wire.fields import Encoded, Refused, RefusedError

DEPLOYED = "EscrowDeployed"
APPROVED = "Approved"
RELEASED = "EscrowReleased"
REFUNDED = "EscrowRefunded"
EVENTS: Mapping[str, str] = {
    DEPLOYED: DEPLOYED,
    APPROVED: APPROVED,
    RELEASED: RELEASED,
    REFUNDED: REFUNDED,
    "ApprovalGranted": APPROVED,
    "PaymentReleased": RELEASED,
    "PaymentRefunded": REFUNDED,
}
# Whom the event must name for its effect on the book to be known.
PARTIES: Mapping[str, frozenset[str]] = {
    DEPLOYED: frozenset({"payer", "payee"}),
    APPROVED: frozenset(),
    RELEASED: frozenset({"payee"}),
    REFUNDED: frozenset({"payer"}),
}
WEI = re.compile(r"\d{1,33}", re.ASCII)  # under 1e15 ETH
MAX_EXACT_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class SettlementEvent:
    """One event of one escrow; `event` is one of `EVENTS`' values, legacy names folded.

    `amount` is in ETH, exact, None only where an approval names none. `payer`, `payee` and
    `contract` are "" where the relayer does not tell and the event has no need of it.
    """

    event: str
    chain_id: int
    transaction_hash: str
    log_index: int
    escrow: str
    payer: str
    payee: str
    amount: Decimal | None
    block_number: int
    timestamp: datetime
    contract: str = ""
    notes: tuple[str, ...] = ()


def decode_settlement(
    data: bytes, attributes: Mapping[str, str], now: datetime
) -> SettlementEvent | Refused:
    """The event in a message, or the reason for quarantine. Never raises.

    Two shapes: camel case with `args`, and snake case at the top level.
    """
    try:
        return _read(fields.body_of(data), attributes, now)
    except RefusedError as error:
        return Refused(error.reason)


def encode_settlement(event: SettlementEvent) -> Encoded:
    """The canonical shape; the amount in wei as a string."""
    args: dict[str, str] = {"escrow": event.escrow}
    if event.payer:
        args["payer"] = event.payer
    if event.payee:
        args["payee"] = event.payee
    if event.amount is not None:
        args["amount"] = _wei(event.amount)
    body = {
        "event": event.event,
        "address": event.contract or event.escrow,
        "blockNumber": event.block_number,
        "transactionHash": event.transaction_hash,
        "logIndex": event.log_index,
        "args": args,
        "chain_id": event.chain_id,
        "timestamp": fields.stamp(event.timestamp),
    }
    return Encoded(orjson.dumps(body), {"event_type": event.event})


def settlement_key(event: SettlementEvent) -> str:
    """Where on which chain it was logged: the same log has the same effect once."""
    return f"{event.chain_id}/{event.transaction_hash}/{event.log_index}"


def _read(body: dict[str, Any], attributes: Mapping[str, str], now: datetime) -> SettlementEvent:
    args = body.get("args")
    inner = args if type(args) is dict else body
    event = _event(body, attributes)
    contract = _first(body, "address", "contract_address")
    escrow = inner.get("escrow")
    if escrow is None and event != DEPLOYED:
        escrow = contract  # the escrow itself emitted it
    at, well_formed = fields.timestamp(body.get("timestamp"), "timestamp", now)
    notes = () if well_formed else (fields.MALFORMED_TIMESTAMP,)
    return SettlementEvent(
        event=event,
        chain_id=fields.integer(_first(body, "chain_id", "chainId"), "chain_id"),
        transaction_hash=fields.transaction_hash(
            _first(body, "transactionHash", "transaction_hash"), "transactionHash"
        ),
        log_index=fields.integer(_first(body, "logIndex", "log_index"), "logIndex"),
        escrow=fields.name(escrow, "escrow"),
        payer=_party(inner.get("payer"), "payer", event),
        payee=_party(inner.get("payee"), "payee", event),
        amount=_amount(inner.get("amount"), event),
        block_number=fields.integer(_first(body, "blockNumber", "block_number"), "blockNumber"),
        timestamp=at,
        contract="" if contract is None else fields.name(contract, "address"),
        notes=notes + _contradiction(event, attributes),
    )


def _first(body: dict[str, Any], *names: str) -> object:
    for name in names:
        if body.get(name) is not None:
            return body[name]
    return None


def _event(body: dict[str, Any], attributes: Mapping[str, str]) -> str:
    name = _first(body, "event", "event_type", "event_name")
    if name is None:
        name = attributes.get("event_type") or attributes.get("event_name")
    event = EVENTS.get(name) if type(name) is str else None
    if event is None:
        raise RefusedError("event")
    return event


def _contradiction(event: str, attributes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"attribute {name} contradicts"
        for name in ("event_type", "event_name")
        if (said := attributes.get(name)) is not None and EVENTS.get(said, said) != event
    )


def _party(value: object, field: str, event: str) -> str:
    if value is None and field not in PARTIES[event]:
        return ""
    return fields.name(value, field)


def _wei(eth: Decimal) -> str:
    return format(Decimal(f"{eth:f}E18").to_integral_value(), "f")  # by text: scaleb would round


def _amount(value: object, event: str) -> Decimal | None:
    """Wei to ETH, exactly. A float has already lost wei, and so has an integer above 2**53."""
    if value is None and event == APPROVED:
        return None
    if type(value) is int and 0 <= value <= MAX_EXACT_INTEGER:
        text = str(value)
    elif type(value) is str and WEI.fullmatch(value) is not None:
        text = value
    else:
        raise RefusedError("amount")
    return Decimal(f"{text}E-18")
