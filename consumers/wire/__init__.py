"""Bytes to values and back: the only place that knows what the messages look like.

A decoder is total: it answers with a value or with `Refused` and never raises. The body wins over
attributes; an attribute that contradicts it is noted.
"""

from consumers.wire.alerts import alert_contradictions, alert_key, decode_alert, encode_alert
from consumers.wire.fields import Encoded, Refused
from consumers.wire.prices import (
    PriceTick,
    decode_price,
    encode_price,
    price_key,
    price_minute,
    price_series,
)
from consumers.wire.receipts import DeliveryReceipt, decode_receipt, encode_receipt, receipt_key
from consumers.wire.settlement import (
    SettlementEvent,
    decode_settlement,
    encode_settlement,
    settlement_key,
)
from core.alerts import MarginAlert

__all__ = [
    "DeliveryReceipt",
    "Encoded",
    "PriceTick",
    "Refused",
    "SettlementEvent",
    "alert_contradictions",
    "decode_alert",
    "decode_price",
    "decode_receipt",
    "decode_settlement",
    "encode_alert",
    "encode_price",
    "encode_receipt",
    "encode_settlement",
    "key_of",
    "price_minute",
    "price_series",
]


def key_of(value: PriceTick | MarginAlert | SettlementEvent | DeliveryReceipt) -> str:
    """The business key: unique within the value's topic, the same for the same event."""
    if isinstance(value, PriceTick):
        return price_key(value)
    if isinstance(value, MarginAlert):
        return alert_key(value)
    if isinstance(value, SettlementEvent):
        return settlement_key(value)
    return receipt_key(value)
