"""R13: whatever the order messages come in, and however often, the stores end in the same state.

What is compared is all that pages and metrics show but the counts of repetitions, and the flags,
which tell how messages came.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.clock import SystemClock
from consumers.feed import Incoming
from consumers.journal import Journal
from consumers.stores import history
from core.policy import Status
from tests.consumers.house import House, house
from tests.consumers.memory_journal import MemoryJournal
from tests.consumers.universe import ALL, at, prices
from tests.support import eventually


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
    lines = {line.key: line for line in ring.newest(1_000) if line.refused is None}
    recalled = {line.key: line for line in again.stores.ring.newest(1_000)}
    assert recalled.keys() == lines.keys()
    assert {line.topic for line in recalled.values()} == {line.topic for line in lines.values()}
    assert sum(again.stores.ring.counts().values()) == 0, "shown again, not counted again"
    assert again.stores.ring.latency(SystemClock().now()) == {}
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
