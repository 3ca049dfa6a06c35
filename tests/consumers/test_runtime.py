"""The control room's runtime over the real clients and a real broker."""

import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from consumers.book_source import write_book
from consumers.clock import SystemClock
from consumers.health_api import answer
from consumers.pubsub import Publisher, PubSub
from consumers.runtime import Runtime
from consumers.settings import Settings, load
from consumers.stores.values import RunState
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS, provision
from consumers.wire import (
    DeliveryReceipt,
    Encoded,
    PriceTick,
    SettlementEvent,
    encode_price,
    encode_receipt,
    encode_settlement,
)
from core.alerts import Severity, channels_for
from core.policy import Status
from core.portfolio import Portfolio
from embedded.broker import BrokerProcess
from tests.embedded.broker.fixture import broker, project  # noqa: F401
from tests.support import eventually

BOOK = [
    Portfolio.of("0xTestUser123", {"ETH": "1"}, {"USDC": "3100"}),
    Portfolio.of("calm-01", {"ETH": "10"}, {"USDC": "3100"}),
]


class Desk:
    """A publisher in the oracle's place, and a control room."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.pubsub = PubSub(settings.project, settings.emulator_host)
        provision(self.pubsub)
        self.publisher: Publisher = self.pubsub.publisher()
        self.round = 0
        self.runtime = Runtime(settings)

    def prices(self, eth: str) -> None:
        """One complete round."""
        self.round += 1
        meta = {"round": str(self.round), "round_size": "2", "cadence_s": "2"}
        for asset, price in (("ETH", eth), ("USDC", "1.00")):
            now = self.clock.now()
            tick = PriceTick(asset, Decimal(price), "simulated", now, False, meta, ())
            self.publisher.publish(PRICES, encode_price(tick))

    def escrow(self, payer: str, amount: str) -> None:
        """An escrow deployed now."""
        now = self.clock.now()
        eth = Decimal(amount)
        event = SettlementEvent("EscrowDeployed", 1, "0xa", 0, "0xe", payer, "zoe", eth, 1, now)
        self.publisher.publish(SETTLEMENTS, encode_settlement(event))

    def counts(self) -> dict[Status, int]:
        scores = self.runtime.picture().scores
        return {} if scores is None else {s: n for s, n in scores.counts.items() if n}

    def close(self) -> None:
        self.runtime.stop()
        self.publisher.close()
        self.pubsub.close()


Make = Callable[..., Desk]


@pytest.fixture
def make(broker: BrokerProcess, project: str, tmp_path: Path) -> Iterator[Make]:  # noqa: F811
    made: list[Desk] = []
    write_book(tmp_path / "book.csv", BOOK)

    def build(**changes: object) -> Desk:
        settings = {"project": project, "emulator_host": broker.address, "data_dir": tmp_path}
        desk = Desk(load({}, **{**settings, **changes}))
        desk.runtime.start()
        made.append(desk)
        return desk

    yield build
    for desk in made:
        desk.close()


def test_a_round_of_prices_becomes_scores(make: Make) -> None:
    desk = make()
    desk.prices("3941.34")
    eventually(lambda: desk.counts() == {Status.MARGIN_CALL: 1, Status.HEALTHY: 1})
    assessment = desk.runtime.assess("0xTestUser123")
    assert assessment is not None
    assert assessment.liquidation_price_drop_percent == Decimal("9.55")
    eventually(lambda: desk.runtime.ready()[0], what=str(desk.runtime.ready()))
    desk.prices("2000")
    eventually(lambda: desk.counts() == {Status.LIQUIDATION: 1, Status.HEALTHY: 1})


def test_an_undecodable_message_is_quarantined_whole_and_nothing_waits_behind_it(
    make: Make,
) -> None:
    desk = make()
    desk.publisher.publish(PRICES, Encoded(b'{"price', {"asset_symbol": "ETH"}))
    desk.prices("3941.34")
    eventually(lambda: len(desk.runtime.quarantine()) == 1)
    (message,) = desk.runtime.quarantine()
    assert (message.data, message.refused) == (b'{"price', "not JSON")
    eventually(lambda: desk.runtime.picture().prices.messages == 2)


def test_an_escrow_moves_the_score_and_a_restart_remembers_it(make: Make) -> None:
    desk = make()
    desk.prices("4000")
    eventually(lambda: desk.counts() == {Status.MARGIN_CALL: 1, Status.HEALTHY: 1})
    desk.escrow("calm-01", "9.2")  # leaves 0.8 ETH, 3,200 against 3,100
    eventually(lambda: desk.counts() == {Status.MARGIN_CALL: 1, Status.LIQUIDATION: 1})
    transitions = desk.runtime.picture().scores.transitions  # type: ignore[union-attr]
    assert [t.cause for t in transitions] == ["settled −9.2 ETH"]
    desk.runtime.stop()
    again = make()
    positions = again.runtime.picture().positions
    assert positions.book.portfolio("calm-01").collateral == {"ETH": Decimal("0.8")}
    assert (positions.settled, positions.before, positions.elsewhere) == (1, 0, 0)
    assert again.runtime.state()["book"]["settled"] == 1  # type: ignore[index]


def test_a_restart_remembers_what_it_saw(make: Make) -> None:
    desk = make()
    desk.prices("3941.34")
    eventually(lambda: desk.runtime.picture().prices.messages == 2)
    desk.runtime.stop()
    again = make()
    assert again.runtime.picture().prices.assets["ETH"].price == Decimal("3941.34")


def test_a_test_alert_without_a_notifier_is_lost_at_the_notifier(make: Make) -> None:
    desk = make(test_alert_timeout_s=1.0)
    run = desk.runtime.send_test_alert(desk.runtime.preview_test_alert(Severity.HIGH, "ops"), "ops")
    runs = desk.runtime.runs
    eventually(lambda: _state(desk, run.test_id) is RunState.LOST)
    found = runs.get(run.test_id)
    assert found is not None
    assert found.lost_at(desk.clock.now()) == "Notifier received"
    assert found.published_at is not None


def test_a_test_alert_with_receipts_passes(make: Make) -> None:
    desk = make()
    preview = desk.runtime.preview_test_alert(Severity.HIGH, "ops")
    assert "alert-notification-service" in preview.receivers
    run = desk.runtime.send_test_alert(preview, "ops")
    eventually(lambda: desk.runtime.alerts.get(run.alert.event_id) is not None)
    for channel in channels_for(Severity.HIGH):
        now = desk.clock.now()
        receipt = DeliveryReceipt(
            run.alert.event_id, run.test_id, channel, "delivered", None, 1, now, now, "n-1"
        )
        desk.publisher.publish(RECEIPTS, encode_receipt(receipt))
    eventually(lambda: _state(desk, run.test_id) is RunState.PASS)
    desk.runtime.stop()
    again = make()
    assert _state(again, run.test_id) is RunState.PASS, "a restart remembers the receipts"


def _state(desk: Desk, test_id: str) -> RunState | None:
    run = desk.runtime.runs.get(test_id)
    return None if run is None else run.state(desk.clock.now())


REQUEST = {
    "user_id": "0xTestUser123",
    "collateral_positions": {"ETH": 1},
    "borrow_positions": {"USDC": 3100},
}


def test_the_platforms_request_is_answered_and_its_event_published(make: Make) -> None:
    desk = make()
    desk.prices("3941.34")
    eventually(lambda: desk.counts() != {})
    status, reply = answer(desk.runtime, orjson.dumps(REQUEST))
    assert status == 200
    assert (reply["health_score"], reply["status"]) == (27.14, "MARGIN_CALL")
    assert reply["liquidation_price_drop_percent"] == 9.55
    assert reply["collateral_breakdown"]["ETH"]["value_usd"] == 3941.34
    assert reply["margin_event"]["event_type"] == "margin_call"
    assert reply["published"] is True
    event_id = reply["margin_event"]["event_id"]
    eventually(lambda: desk.runtime.alerts.get(event_id) is not None)
    answer(desk.runtime, orjson.dumps(REQUEST))
    eventually(lambda: _deliveries(desk, event_id) == 2, what="the same event, counted")


def _deliveries(desk: Desk, event_id: str) -> int:
    record = desk.runtime.alerts.get(event_id)
    return 0 if record is None else record.deliveries


BAD_REQUESTS: list[tuple[dict[str, object], str]] = [
    ({"collateral_positions": {"ETH": -1}}, "collateral.ETH"),
    ({"borrow_positions": {"USDC": "many"}}, "borrow.USDC"),
    ({"borrow_positions": []}, "borrow_positions"),
    ({"user_id": "<b>"}, "user_id"),
    ({"user_id": 7}, "user_id"),
    ({"leverage": 3}, "leverage"),
    ({"previous_health_score": "x"}, "previous_health_score"),
]


def test_a_bad_request_names_its_field_and_publishes_nothing(make: Make) -> None:
    desk = make()
    desk.prices("3941.34")
    eventually(lambda: desk.counts() != {})
    for change, field in BAD_REQUESTS:
        status, reply = answer(desk.runtime, orjson.dumps({**REQUEST, **change}))
        assert (status, reply["field"]) == (422, field)
    assert desk.runtime.alerts.snapshot().records == ()


def test_an_account_that_cannot_be_priced_is_unknown_and_no_margin_event(make: Make) -> None:
    desk = make()
    desk.prices("3941.34")
    eventually(lambda: desk.counts() != {})
    body = orjson.dumps({**REQUEST, "borrow_positions": {"DOGE": 1_000_000}})
    status, reply = answer(desk.runtime, body)
    assert (status, reply["status"], reply["health_score"]) == (200, "UNKNOWN", None)
    assert reply["margin_event"] is None
    assert "DOGE" in reply["reasons"]


def test_the_state_is_json_and_every_figure_has_an_age(make: Make) -> None:
    desk = make()
    desk.prices("3941.34")
    eventually(lambda: desk.counts() != {})
    state = orjson.loads(orjson.dumps(desk.runtime.state()))
    assert state["channel"]["connected"] is True
    assert state["prices"]["ETH"]["price"] == "3941.34"
    assert state["prices"]["ETH"]["age_s"] >= 0
    assert {f["topic"] for f in state["feeds"]} >= {PRICES, ALERTS, RECEIPTS}


def test_looking_enters_nothing_in_the_interpreters_table_of_names(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table never shrinks, and makes room for what it held for a moment only."""
    desk = make()
    first, entered = desk.runtime.picture(), list[str]()

    def noted(text: str) -> str:
        entered.append(text)
        return text

    monkeypatch.setattr(sys, "intern", noted)
    eventually(lambda: desk.runtime.picture().at > first.at)
    desk.runtime.state()
    assert entered == []


def test_a_killed_broker_is_named_within_five_seconds(make: Make) -> None:
    with BrokerProcess() as mine:
        desk = make(emulator_host=mine.address)
        desk.prices("3941.34")
        eventually(lambda: desk.runtime.picture().channel.connected and desk.counts() != {})
        mine.stop()
        eventually(lambda: desk.runtime.picture().verdict.code == "broker_unreachable", timeout=5)
        assert not desk.runtime.ready()[0]
        mine.start()
        provision(desk.pubsub)
        eventually(lambda: desk.runtime.picture().channel.connected, timeout=15)
        before = desk.runtime.picture().prices.messages

        def flowing() -> bool:
            desk.prices("3900")
            return desk.runtime.picture().prices.messages > before

        eventually(flowing, timeout=15, interval=0.5)
        assert desk.publisher.flush(10)
