"""One message of each kind as it is on the wire, to be changed field by field."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from consumers.wire import DeliveryReceipt, Refused

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
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
    """The JSON of it with these fields changed."""
    return json.dumps({**base, **changes}).encode()


def reason(decoded: object) -> str:
    """Why it was refused; that it was not is a failure."""
    assert isinstance(decoded, Refused), decoded
    return decoded.reason
