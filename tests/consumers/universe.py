"""Everything that is ever sent, in the order of publishing: the odd messages of each kind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from consumers.feed import Incoming
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
from core.alerts import test_alert as sample_alert
from core.policy import Policy, Status

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TEST = sample_alert(severity=Severity.HIGH, test_id="T-1", at=T0, policy=Policy(), by="ops")


def at(seconds: float) -> datetime:
    """So long after the first."""
    return T0 + timedelta(seconds=seconds)


def prices() -> list[Encoded]:
    """Rounds with a straggler and one that is never whole, a second source that contradicts, a
    foreign oracle, the same price many times in a row, history."""
    ticks = []
    for number in range(1, 7):
        for asset, price in (("ETH", 3_000 + number % 3), ("BTC", 90_000)):
            meta = {"round": str(number), "round_size": "2", "cadence_s": "2"}
            ticks.append(PriceTick(asset, Decimal(price), "a", at(2 * number), False, meta, ()))
    ticks += [
        PriceTick("ETH", Decimal(2_900), "b", at(12), False, {}, ()),
        PriceTick("ETH", Decimal(3_100), "b", at(12), False, {}, ()),
        PriceTick("ETH", Decimal(3_000), "a", at(12), False, {"round": "7", "round_size": "3"}),
        PriceTick("SOL", Decimal(240), "foreign", at(40), False, {}, ()),
        PriceTick("SOL", Decimal(241), "foreign", at(33), False, {}, ()),
        PriceTick("ETH", Decimal(1_000), "a", at(50), True, {}, ()),
    ]
    return [encode_price(tick) for tick in ticks]


def alert(user: str, status: Status, sequence: int, seconds: float) -> MarginAlert:
    """A real alert, the `sequence`th of its incident."""
    return replace(
        TEST,
        event_id=f"e-{user}-{sequence}",
        event_type=str(status).lower(),
        user_id=user,
        status=status,
        test=False,
        test_id=None,
        timestamp=at(seconds),
        sequence=sequence,
    )


def receipt(event: str, channel: str, outcome: str, attempt: int, notifier: str) -> Encoded:
    """Of one attempt on one channel."""
    delivered = at(30 + attempt) if outcome == "delivered" else None
    test = "T-1" if event == TEST.event_id else None
    return encode_receipt(
        DeliveryReceipt(event, test, channel, outcome, None, attempt, at(30), delivered, notifier)
    )


def alerts() -> list[MarginAlert]:
    """A test, an account that falls twice, two that fall once."""
    return [
        TEST,
        alert("u1", Status.WARNING, 1, 5),
        alert("u1", Status.MARGIN_CALL, 2, 9),
        alert("u2", Status.LIQUIDATION, 1, 7),
        alert("u3", Status.WARNING, 1, 8),
    ]


def receipts() -> list[Encoded]:
    """Failures before and after a delivery, by two notifiers, of the test, of no known alert."""
    return [
        receipt("e-u1-2", "email", "failed", 1, "n1"),
        receipt("e-u1-2", "email", "delivered", 2, "n1"),
        receipt("e-u1-2", "webhook", "delivered", 1, "n1"),
        receipt("e-u1-2", "webhook", "failed", 1, "n2"),
        receipt("e-nobody", "email", "delivered", 1, "n1"),
        receipt(TEST.event_id, "email", "failed", 1, "n1"),
        receipt(TEST.event_id, "email", "delivered", 2, "n1"),
        receipt(TEST.event_id, "webhook", "delivered", 1, "n1"),
    ]


def escrows() -> list[Encoded]:
    """One to its end and refunded after all, one approved, one deployed after both."""

    def event(name: str, escrow: str, block: int, amount: str) -> Encoded:
        sent = f"{escrow}-{block}"
        return encode_settlement(
            SettlementEvent(
                name, 1, sent, 0, escrow, "p", "q", Decimal(amount), block, at(block // 2)
            )
        )

    return [
        event("EscrowDeployed", "0xe1", 1, "1.5"),
        event("Approved", "0xe1", 2, "1.25"),
        event("EscrowReleased", "0xe1", 4, "1.5"),
        event("EscrowRefunded", "0xe1", 5, "1"),
        event("EscrowDeployed", "0xe2", 2, "7"),
        event("Approved", "0xe2", 3, "7"),
        event("EscrowDeployed", "0xe3", 6, "2"),
    ]


def universe() -> list[Incoming]:
    """Everything that is ever sent, in the order of publishing, with three that cannot be read."""
    sent = [(PRICES, each) for each in prices()]
    sent += [(ALERTS, encode_alert(each, ALERTS)) for each in alerts()]
    sent += [(RECEIPTS, each) for each in receipts()]
    sent += [(SETTLEMENTS, each) for each in escrows()]
    sent += [(topic, Encoded(b"{", {})) for topic in (PRICES, ALERTS, SETTLEMENTS)]
    made = []
    for number, (topic, encoded) in enumerate(sent):
        published = at(60 + number)
        came = published + timedelta(milliseconds=12)
        made.append(_incoming(topic, f"{number:03}", encoded, published, came))
    return made


def _incoming(
    topic: str, name: str, encoded: Encoded, published: datetime, came: datetime
) -> Incoming:
    attributes = dict(encoded.attributes)
    return Incoming(
        topic, name, encoded.data, attributes, published, came, None, lambda: None, lambda: None
    )


ALL = universe()
