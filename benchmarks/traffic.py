"""What the platform sends, as bytes: the messages that the consumer and broker benches carry."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import Any

from google.cloud.pubsub_v1 import types  # type: ignore[import-untyped]

from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS
from consumers.wire import (
    DeliveryReceipt,
    Encoded,
    PriceTick,
    SettlementEvent,
    encode_alert,
    encode_price,
    encode_receipt,
    encode_settlement,
)
from core.alerts import MarginAlert, Severity
from core.policy import Status

ASSETS = ("BTC", "ETH", "SOL", "AVAX", "LINK", "MATIC", "ARB", "OP", "USDC", "USDT")
REQUEST = 1_000
START = datetime(2026, 11, 1, tzinfo=UTC)


def prices(count: int, first: int = 0) -> Iterator[Encoded]:
    """Rounds of ten assets, as our oracle sends them."""
    for number in range(first, first + count):
        of_round, asset = divmod(number, len(ASSETS))
        metadata = {"round": str(of_round), "round_size": str(len(ASSETS)), "cadence_s": "30"}
        at = START + timedelta(milliseconds=of_round)
        price = Decimal(10_000 + number % 977) / 100
        yield encode_price(PriceTick(ASSETS[asset], price, "bench-oracle", at, metadata=metadata))


def settlements(count: int) -> Iterator[Encoded]:
    """Escrows deployed and approved."""
    for number in range(count):
        yield encode_settlement(
            SettlementEvent(
                event=("EscrowDeployed", "Approved")[number % 2],
                chain_id=1,
                transaction_hash=f"0x{number:062x}",
                log_index=number % 3,
                escrow=f"0xescrow{number // 2 % 500}",
                payer="0xpayer",
                payee="0xpayee",
                amount=Decimal(number % 90 + 1),
                block_number=number,
                timestamp=START + timedelta(milliseconds=number),
            )
        )


def alerts(count: int) -> Iterator[Encoded]:
    """Margin warnings."""
    for number in range(count):
        yield encode_alert(
            MarginAlert(
                event_id=f"bench-{number}",
                event_type="margin_warning",
                user_id=f"account-{number % 400}",
                status=Status.WARNING,
                severity=Severity.MEDIUM,
                message="Health score 41.2 is below 50.",
                timestamp=START + timedelta(milliseconds=number),
                health_score=Decimal("41.2"),
                total_collateral_usd=Decimal("141200.00"),
                total_borrow_usd=Decimal("100000.00"),
            ),
            ALERTS,
        )


def receipts(count: int) -> Iterator[Encoded]:
    """Deliveries by e-mail."""
    for number in range(count):
        at = START + timedelta(milliseconds=number)
        yield encode_receipt(
            DeliveryReceipt(f"bench-{number}", None, "email", "delivered", None, 1, at, at, "bench")
        )


TRAFFIC: Mapping[str, Any] = MappingProxyType(
    {PRICES: prices, SETTLEMENTS: settlements, ALERTS: alerts, RECEIPTS: receipts}
)


def publish(transport: Any, path: str, messages: Iterator[Encoded]) -> int:
    """Publish in full requests, one after the other, past all of the client's batching."""
    sent, raw, request = 0, types.PubsubMessage.pb(), types.PublishRequest.pb()
    while batch := list(islice(messages, REQUEST)):
        transport.publish(
            request(
                topic=path,
                messages=[raw(data=one.data, attributes=one.attributes) for one in batch],
            )
        )
        sent += len(batch)
    return sent
