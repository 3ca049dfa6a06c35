"""The risk engine over the real clients: prices in, alerts out, once each.

One account owes 50 USDC against 1 ETH: at 100 it is HEALTHY, at 74 WARNING, at 55 LIQUIDATION.
"""

import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from consumers.desk import Turn
from consumers.feed import Incoming
from consumers.risk_engine import RiskEngine
from consumers.stores import positions
from consumers.subscription import SubscriptionSpec
from consumers.topology import ALERTS, NOTIFICATIONS, PRICES, SETTLEMENTS
from consumers.trace import add_trace
from consumers.wire import (
    Encoded,
    PriceTick,
    SettlementEvent,
    decode_alert,
    encode_price,
    encode_settlement,
)
from consumers.worker import WorkerState
from core.alerts import MarginAlert
from core.book import Book
from core.portfolio import Portfolio
from embedded.broker import BrokerProcess
from tests.consumers.arrivals import hour
from tests.consumers.worker_room import CLOCK, WorkerRoom
from tests.support import eventually


class Room(WorkerRoom):
    """A broker's project, an oracle's hand, and everything that was told."""

    def __init__(self, broker: BrokerProcess, project: str, folder: Path) -> None:
        self.told: list[MarginAlert] = []
        self._number = 0
        super().__init__(broker, project, folder, SubscriptionSpec(NOTIFICATIONS, ALERTS))

    def engine(self, *, fresh_broker: bool = False) -> RiskEngine:
        """A risk engine on this room's journal; one at a time."""
        book = [Portfolio.of("long-01", {"ETH": 1}, {"USDC": 50})]
        return self.run(
            lambda journal: RiskEngine(
                settings=self.settings,
                pubsub=self.pubsub,
                publisher=self.publisher,
                journal=journal,
                clock=CLOCK,
                book=Book.from_portfolios(book, self.settings.policy),
                as_of=hour(0),
                fresh_broker=fresh_broker,
            )
        )

    def prices(self, eth: str, *, live: bool = False) -> list[str]:
        """One complete round, in a replay an hour of the market after the one before; their ids."""
        self._number += 1
        metadata = {"round": str(self._number), "round_size": "2", "cadence_s": "3600"}
        if not live:
            metadata["replayed_from"] = hour(self._number).isoformat()
        names = list[str]()
        for asset, price in (("ETH", eth), ("USDC", "1")):
            now = CLOCK.now()
            tick = PriceTick(asset, Decimal(price), "test", now, False, metadata, ())
            names.append(self.publisher.publish(PRICES, encode_price(tick)).result(5))
        return names

    def settle(self, event: str, amount: str, log_index: int) -> None:
        """An escrow of `long-01`, seen now."""
        settlement = SettlementEvent(
            event=event,
            chain_id=1,
            transaction_hash="0xa",
            log_index=log_index,
            escrow="0xe1",
            payer="long-01",
            payee="else-01",
            amount=Decimal(amount),
            block_number=1,
            timestamp=CLOCK.now(),
        )
        self.publisher.publish(SETTLEMENTS, encode_settlement(settlement)).result(5)

    def hear(self, incoming: Incoming) -> None:
        """An alert."""
        alert = decode_alert(incoming.data, incoming.attributes, CLOCK.now())
        assert isinstance(alert, MarginAlert)
        self.told.append(alert)


@pytest.fixture
def room(broker: BrokerProcess, project: str, tmp_path: Path) -> Iterator[Room]:
    with Room(broker, project, tmp_path) as made:
        yield made


def _counter(engine: RiskEngine, name: str) -> Callable[[], int]:
    return lambda: engine.status().counters.get(name, 0)


def test_a_fall_becomes_an_alert_and_the_prices_are_acknowledged(room: Room) -> None:
    engine = room.engine()
    room.prices("100")
    room.prices("74")
    eventually(lambda: [a.event_type for a in room.told] == ["margin_warning"])
    (alert,) = room.told
    assert (alert.user_id, alert.health_score, alert.previous_health_score) == (
        "long-01",
        Decimal(48),
        Decimal(100),
    )
    assert (alert.market_time, alert.prices["ETH"].timestamp) == (hour(2), hour(2))
    eventually(lambda: _counter(engine, "alerts_published")() == 1)
    status = engine.status()
    assert status.state is WorkerState.RUNNING
    expected = {"ticks": 4, "rounds": 2, "NEW->HEALTHY": 1, "HEALTHY->WARNING": 1}
    assert expected.items() <= status.counters.items()
    assert engine.statuses["WARNING"] == 1


def test_a_restarted_engine_keeps_its_incidents_and_tells_only_what_is_new(room: Room) -> None:
    room.engine()
    room.prices("74")
    eventually(lambda: len(room.told) == 1)
    room.leave()
    again = room.engine()
    room.prices("73")
    room.prices("55")
    eventually(lambda: len(room.told) == 2)
    assert [(a.event_type, a.sequence) for a in room.told] == [
        ("margin_warning", 1),
        ("liquidation_imminent", 2),
    ]
    assert room.told[0].incident_started_at == room.told[1].incident_started_at
    counters = again.status().counters
    assert not [name for name in counters if name.startswith("NEW->")]
    assert counters["WARNING->LIQUIDATION"] == 1


def test_prices_that_came_while_it_was_away_are_scored_when_it_is_back(room: Room) -> None:
    first = room.engine()
    room.prices("100")
    eventually(lambda: _counter(first, "rounds")() == 1)
    room.leave()
    room.prices("74")
    room.prices("55")
    room.engine()
    eventually(lambda: len(room.told) == 2, 20)
    assert [a.event_type for a in room.told] == ["margin_warning", "liquidation_imminent"]


def test_a_broker_without_memory_is_told_again_under_the_same_ids(room: Room) -> None:
    room.engine()
    room.prices("74")
    eventually(lambda: len(room.told) == 1)
    room.leave()
    room.engine(fresh_broker=True)
    eventually(lambda: len(room.told) == 2)
    assert room.told[0] == room.told[1]


def test_what_an_escrow_takes_is_told_once_and_outlives_a_restart(room: Room) -> None:
    engine = room.engine()
    room.prices("100", live=True)
    eventually(lambda: engine.statuses.get("HEALTHY") == 1)
    for _ in range(2):  # delivered twice, counted once
        room.settle("EscrowDeployed", "0.4", 0)  # 60 against 50
    eventually(lambda: [a.event_type for a in room.told] == ["margin_call"])
    eventually(lambda: _counter(engine, "settlements")() == 2)
    room.leave()
    again = room.engine()
    eventually(lambda: again.statuses.get("MARGIN_CALL") == 1)
    room.settle("EscrowRefunded", "0.4", 1)
    eventually(lambda: len(room.told) == 2)
    assert [a.event_type for a in room.told] == ["margin_call", "margin_recovered"]
    assert again.statuses["HEALTHY"] == 1


def test_what_memory_has_forgotten_of_an_escrow_the_record_still_knows(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "KEPT", 1)
    engine = room.engine()
    room.prices("100", live=True)
    eventually(lambda: engine.statuses.get("HEALTHY") == 1)
    for count, log_index in enumerate((0, 1, 0), start=1):
        room.settle("EscrowDeployed", "0.1", log_index)  # 80 against 50; a third would warn
        eventually(lambda n=count: _counter(engine, "settlements")() == n)  # type: ignore[misc]
    evaluations = _counter(engine, "evaluations")()
    eventually(lambda: _counter(engine, "evaluations")() > evaluations + 1)
    assert (_counter(engine, "settled")(), engine.statuses["HEALTHY"]) == (2, 1)


def test_what_cannot_be_read_is_quarantined_and_blocks_nothing(room: Room) -> None:
    engine = room.engine()
    room.publisher.publish(PRICES, Encoded(b"{", {}))
    room.publisher.publish(SETTLEMENTS, Encoded(b"[]", {}))
    room.prices("74")
    eventually(lambda: len(room.told) == 1)
    eventually(lambda: _counter(engine, "quarantined")() == 2)


def test_the_line_of_a_failure_names_the_first_message_that_goes_back(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Turn, connection: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Turn, "write", failing)
    with capture_logs(processors=[add_trace]) as lines:
        room.engine()
        first, _ = room.prices("100")
        eventually(lambda: "risk_engine_failed" in [line["event"] for line in lines])
    line = next(line for line in lines if line["event"] == "risk_engine_failed")
    assert (line["topic"], line["message_id"]) == (PRICES, first)
    assert len(line["trace_id"]) == 32


def test_it_stops_within_seconds_and_leaves_no_thread(room: Room) -> None:
    engine = room.engine()
    room.prices("100")
    eventually(lambda: _counter(engine, "rounds")() == 1)
    began = CLOCK.monotonic()
    room.leave()
    assert CLOCK.monotonic() - began < 4
    assert engine.status().state is WorkerState.STOPPED
