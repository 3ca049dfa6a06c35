"""R13: whatever the order messages come in, and however often, the stores end in the same state.

What is compared is all that pages and metrics show but the counts of repetitions, and the flags,
which tell how messages came.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.clock import SystemClock
from consumers.feed import Incoming
from consumers.filling import Stores
from consumers.intake import Intake
from consumers.journal import Journal
from consumers.stores import (
    AlertStore,
    EscrowStore,
    MessageRing,
    PositionStore,
    PriceStore,
    RunStore,
    Versions,
    history,
)
from consumers.stores.values import TestRun
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
from core.book import Book
from core.policy import Policy, Status
from core.portfolio import Portfolio
from tests.consumers.memory_journal import MemoryJournal
from tests.support import FakeClock, eventually

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOK = Book.from_portfolios(
    [Portfolio.of(user, {"ETH": "100"}, {"USDC": "1"}) for user in ("p", "q")], Policy()
)
TEST = sample_alert(severity=Severity.HIGH, test_id="T-1", at=T0, policy=Policy(), by="ops")


def at(seconds: float) -> datetime:
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
    delivered = at(30 + attempt) if outcome == "delivered" else None
    test = "T-1" if event == TEST.event_id else None
    return encode_receipt(
        DeliveryReceipt(event, test, channel, outcome, None, attempt, at(30), delivered, notifier)
    )


def alerts() -> list[MarginAlert]:
    return [
        TEST,
        alert("u1", Status.WARNING, 1, 5),
        alert("u1", Status.MARGIN_CALL, 2, 9),
        alert("u2", Status.LIQUIDATION, 1, 7),
        alert("u3", Status.WARNING, 1, 8),
    ]


def receipts() -> list[Encoded]:
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


@dataclass
class House:
    """All stores behind one intake."""

    intake: Intake
    stores: Stores

    def state(self) -> dict[str, Any]:
        """All that is shown, without the marks of how it came."""
        prices, told = self.stores.prices.snapshot(), self.stores.alerts.snapshot()
        escrows, held = self.stores.escrows.snapshot(), self.stores.positions.snapshot()
        day = timedelta(days=1)
        return {
            "prices": dict(prices.assets),
            "history": {a: self.stores.prices.history(a, day) for a in prices.assets},
            "market": prices.market,
            "counts": (prices.rounds, prices.messages, prices.historical, told.receipts),
            "alerts": [replace(record, deliveries=1) for record in told.records],
            "told": {user: replace(record, deliveries=1) for user, record in told.told.items()},
            "outcomes": dict(told.outcomes),
            "escrows": (escrows.events, dict(escrows.escrows), escrows.count),
            "book": [held.book.portfolio(user) for user in held.book.users],
            "settled": (held.settled, held.before, held.elsewhere, held.last_at),
            "runs": self.stores.runs.snapshot(),
        }


def house(journal: Any) -> House:
    versions = Versions()
    stores = Stores(
        PriceStore(versions, timedelta(seconds=2)),
        AlertStore(versions),
        EscrowStore(versions),
        PositionStore(versions, BOOK, at(0)),
        RunStore(versions),
        MessageRing(),
    )
    stores.runs.add(TestRun("T-1", TEST, "ops", timedelta(seconds=10), T0))
    return House(Intake(journal, stores, FakeClock(at(300))), stores)


def after(messages: Sequence[Incoming]) -> House:
    made = house(MemoryJournal())
    for message in messages:
        made.intake.handle(message)
    return made


@settings(max_examples=1_000, deadline=None)
@given(order=st.lists(st.sampled_from(range(len(ALL))), min_size=1, max_size=2 * len(ALL)))
def test_some_messages_in_any_order_with_duplicates_leave_the_same_state(order: list[int]) -> None:
    once = [ALL[number] for number in sorted(set(order))]
    assert after([ALL[number] for number in order]).state() == after(once).state()


@settings(max_examples=200, deadline=None)
@given(order=st.permutations(range(len(ALL))))
def test_all_messages_in_any_order_leave_the_same_state(order: list[int]) -> None:
    assert after([ALL[number] for number in order]).state() == after(ALL).state()


def test_the_state_that_is_compared_holds_what_was_sent() -> None:
    state = after(ALL).state()
    assert {a: (p.price, p.ticks) for a, p in state["prices"].items()} == {
        "ETH": (3_100, 9),
        "BTC": (90_000, 6),
        "SOL": (240, 2),
    }
    assert state["prices"]["BTC"].unchanged == 5
    assert state["counts"] == (6, 18, 1, 8)
    assert state["market"].as_of == at(40)
    assert {user: r.alert.status for user, r in state["told"].items()} == {
        "u1": Status.MARGIN_CALL,
        "u2": Status.LIQUIDATION,
        "u3": Status.WARNING,
    }
    assert [(r.channel, r.outcome) for r in state["told"]["u1"].receipts] == [
        ("email", "delivered"),
        ("webhook", "delivered"),
    ]
    assert {e.escrow: (e.stage, e.events) for e in state["escrows"][1].values()} == {
        "0xe1": ("refunded", 4),
        "0xe2": ("approved", 2),
        "0xe3": ("deployed", 1),
    }
    assert state["settled"][:3] == (4, 1, 0)
    assert [p.collateral["ETH"] for p in state["book"]] == [Decimal("92"), Decimal("101.5")]
    (run,) = state["runs"]
    assert run.receipt_at == ALL[30].received_at, "the last channel's first receipt"


def test_the_real_journal_and_a_restart_leave_the_same_state(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db", SystemClock())
    journal.start()
    made = house(journal)
    backwards = [*reversed(ALL), *ALL]
    for message in backwards:
        made.intake.handle(message)
    ring = made.stores.ring
    eventually(lambda: sum(ring.counts().values()) == len(backwards))
    assert made.state() == after(ALL).state()
    again = house(journal)
    again.intake.warm()
    assert again.state() == after(ALL).state()
    journal.stop()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_full_history_is_the_same_in_any_order(data: st.DataObject) -> None:
    points = [(second * 700, float(second % 3)) for second in range(60)]
    order = data.draw(st.permutations(points))
    fine, coarse, history.FINE, history.COARSE = history.FINE, history.COARSE, 10, 3
    try:
        straight, shuffled = history.PriceHistory(), history.PriceHistory()
        for point in points:
            straight.add(*point)
        for point in order:
            shuffled.add(*point)
    finally:
        history.FINE, history.COARSE = fine, coarse
    day = timedelta(days=1)
    assert shuffled.window(day) == straight.window(day)
    assert shuffled.unchanged == straight.unchanged


@pytest.mark.parametrize("kept", [1, 2, 3])
@settings(max_examples=100, deadline=None)
@given(order=st.permutations(range(5)))
def test_a_full_list_of_alerts_is_the_same_in_any_order(kept: int, order: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consumers.stores.alerts.KEPT", kept)
        offset = len(prices())
        straight = after([ALL[offset + n] for n in range(5)]).state()
        shuffled = after([ALL[offset + n] for n in order]).state()
    assert len(straight["alerts"]) == kept
    assert shuffled == straight
