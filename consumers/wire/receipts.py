"""`alerts.delivery.v1`: what became of one alert on one channel, as a notifier tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from consumers.wire import fields
from consumers.wire.fields import Encoded, Refused, RefusedError

OUTCOMES = frozenset({"delivered", "failed", "skipped"})
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """One attempt on one channel. `skipped` (not configured, for instance) is never delivered.

    `received_at`: when the notifier got the alert. `delivered_at`: when the channel was done with
    it, None when it was not delivered.
    """

    event_id: str
    test_id: str | None
    channel: str
    outcome: str
    reason: str | None
    attempt: int
    received_at: datetime
    delivered_at: datetime | None
    notifier: str


def decode_receipt(
    data: bytes, attributes: Mapping[str, str], now: datetime
) -> DeliveryReceipt | Refused:
    """The receipt in a message, or the reason for quarantine. Never raises."""
    del attributes  # nothing but the body counts
    try:
        return _read(fields.body_of(data), now)
    except RefusedError as error:
        return Refused(error.reason)


def encode_receipt(receipt: DeliveryReceipt) -> Encoded:
    """The receipt as JSON; channel and outcome also as attributes, for filters."""
    delivered_at = receipt.delivered_at
    body = {
        "event_id": receipt.event_id,
        "test_id": receipt.test_id,
        "channel": receipt.channel,
        "outcome": receipt.outcome,
        "reason": receipt.reason,
        "attempt": receipt.attempt,
        "received_at": fields.stamp(receipt.received_at),
        "delivered_at": None if delivered_at is None else fields.stamp(delivered_at),
        "notifier": receipt.notifier,
    }
    return Encoded(orjson.dumps(body), {"channel": receipt.channel, "outcome": receipt.outcome})


def receipt_key(receipt: DeliveryReceipt) -> str:
    """One per alert, channel, attempt and outcome: a second notifier's success is not lost."""
    return f"{receipt.event_id}/{receipt.channel}/{receipt.attempt}/{receipt.outcome}"


def _read(body: dict[str, Any], now: datetime) -> DeliveryReceipt:
    outcome = body.get("outcome")
    if type(outcome) is not str or outcome not in OUTCOMES:
        raise RefusedError("outcome")
    test_id = body.get("test_id")
    return DeliveryReceipt(
        event_id=fields.identifier(body.get("event_id"), "event_id"),
        test_id=None if test_id is None else fields.identifier(test_id, "test_id"),
        channel=fields.name(body.get("channel"), "channel"),
        outcome=outcome,
        reason=_reason(body.get("reason")),
        attempt=fields.integer(body.get("attempt"), "attempt"),
        received_at=fields.timestamp(body.get("received_at"), "received_at", now)[0],
        delivered_at=_delivered_at(body.get("delivered_at"), outcome, now),
        notifier=fields.name(body.get("notifier"), "notifier"),
    )


def _delivered_at(value: object, outcome: str, now: datetime) -> datetime | None:
    if value is None and outcome != "delivered":
        return None
    return fields.timestamp(value, "delivered_at", now)[0]


def _reason(value: object) -> str | None:
    if value is None:
        return None
    if type(value) is not str:
        raise RefusedError("reason")
    return value if len(value) <= MAX_REASON else value[:MAX_REASON] + "…"
