"""Stores: the newest good price wins, one event counts once, whatever the order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumers.stores import AlertStore, EscrowStore, PriceStore, Versions
from consumers.stores.history import FINE, PriceHistory
from consumers.stores.values import Market, Received
from consumers.wire import DeliveryReceipt, PriceTick, SettlementEvent
from core.alerts import MarginAlert, Severity
from core.alerts import test_alert as sample_alert
from core.policy import Policy

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CADENCE = timedelta(seconds=30)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def received(seconds: float, number: int = 1) -> Received:
    return Received(str(number), at(seconds), at(seconds + 0.01))


def tick(asset: str, price: str, seconds: float, **metadata: str) -> PriceTick:
    historical = metadata.pop("historical", "") == "true"
    return PriceTick(asset, Decimal(price), "simulated", at(seconds), historical, metadata, ())


def alert(test_id: str = "T-1") -> MarginAlert:
    return sample_alert(severity=Severity.HIGH, test_id=test_id, at=T0, policy=Policy(), by="ops")


def receipt(channel: str, event_id: str, attempt: int = 1) -> DeliveryReceipt:
    return DeliveryReceipt(event_id, "T-1", channel, "delivered", None, attempt, T0, T0, "n1")


class TestPrices:
    def test_an_older_price_never_moves_the_live_one(self) -> None:
        store = PriceStore(Versions(), CADENCE)
        store.apply(tick("ETH", "3000", 10), received(10))
        store.apply(tick("ETH", "2000", 5), received(11, 2))
        snapshot = store.snapshot()
        assert snapshot.assets["ETH"].price == 3000
        assert "went back 5 s" in snapshot.flags[0].what

    def test_a_historical_price_belongs_to_history_only(self) -> None:
        store = PriceStore(Versions(), CADENCE)
        store.apply(tick("ETH", "1800", 99, historical="true"), received(99))
        assert store.snapshot().assets == {}
        assert store.snapshot().historical == 1

    def test_a_round_closes_when_all_of_it_came(self) -> None:
        store = PriceStore(Versions(), CADENCE)
        store.apply(tick("ETH", "3000", 1, round="7", round_size="2"), received(1))
        assert store.take_rounds() == []
        store.apply(tick("BTC", "90000", 1, round="7", round_size="2"), received(1, 2))
        (closed,) = store.take_rounds()
        assert closed.complete
        assert set(closed.assets) == {"ETH", "BTC"}

    def test_a_newer_round_closes_one_that_lost_a_message(self) -> None:
        store = PriceStore(Versions(), CADENCE)
        store.apply(tick("ETH", "3000", 1, round="7", round_size="2"), received(1))
        store.apply(tick("ETH", "3100", 3, round="8", round_size="2"), received(3, 2))
        (closed,) = store.take_rounds()
        assert not closed.complete
        assert closed.assets["ETH"].price == 3000

    def test_a_straggler_of_an_older_round_closes_nothing(self) -> None:
        store = PriceStore(Versions(), CADENCE)
        for number, asset, seconds in ((1, "ETH", 1), (2, "ETH", 3), (1, "BTC", 1), (2, "BTC", 3)):
            metadata = {"round": str(number), "round_size": "2"}
            store.apply(tick(asset, "10", seconds, **metadata), received(seconds, seconds))
        rounds = store.take_rounds()
        assert [r.complete for r in rounds] == [False, True]
        assert rounds[-1].market.as_of == at(3)

    def test_a_replay_runs_on_its_own_clock(self) -> None:
        store = PriceStore(Versions(), CADENCE)
        meta = {"replayed_from": "2022-05-09T12:00:00Z", "speed": "3600", "cadence_s": "3600"}
        store.apply(tick("LUNA", "60", 1, round="1", round_size="1", **meta), received(1))
        market = store.snapshot().market
        assert market.replay
        half_a_second_later = store.snapshot().assets["LUNA"].received.received_at + timedelta(
            seconds=0.5
        )
        assert market.now(half_a_second_later) == datetime(2022, 5, 9, 12, 30, tzinfo=UTC)
        assert store.snapshot().assets["LUNA"].cadence == timedelta(hours=1)

    def test_a_tick_that_moves_by_a_third_is_flagged_and_taken(self) -> None:
        store = PriceStore(Versions(), CADENCE)
        store.apply(tick("LUNA", "60", 1), received(1))
        store.apply(tick("LUNA", "40", 2), received(2, 2))
        assert store.snapshot().flags[0].what == "moved -33.3 % in one tick"

    def test_a_replay_that_ended_stands_still(self) -> None:
        market = Market(True, 3600, T0, T0, ended=True)
        assert market.now(at(100)) == T0


class TestHistory:
    def test_it_is_bounded_and_keeps_the_newest(self) -> None:
        history = PriceHistory()
        for i in range(FINE + 500):
            history.add(i * 1000, float(i))
        points = history.window(timedelta(days=1), most=100)
        assert len(points) <= 100
        assert points[-1] == ((FINE + 499) * 1000, float(FINE + 499))

    def test_a_window_holds_only_its_time(self) -> None:
        history = PriceHistory()
        for i in range(100):
            history.add(i * 1000, 1.0)
        assert [p[0] for p in history.window(timedelta(seconds=2))] == [97_000, 98_000, 99_000]

    def test_no_point_is_handed_out_that_never_was(self) -> None:
        history = PriceHistory()
        for second in (59, 61, 63):
            history.add(second * 1000, float(second))
        points = history.window(timedelta(hours=1))
        assert points == ((59_000, 59.0), (61_000, 61.0), (63_000, 63.0))


class TestAlerts:
    def test_the_same_event_twice_is_one_record_times_two(self) -> None:
        store = AlertStore(Versions())
        store.apply(alert(), received(1))
        store.apply(alert(), received(2, 2))
        (record,) = store.snapshot().records
        assert record.deliveries == 2

    def test_a_receipt_may_outrun_its_alert(self) -> None:
        store = AlertStore(Versions())
        event_id = alert().event_id
        store.apply_receipt(receipt("email", event_id))
        store.apply(alert(), received(1))
        store.apply_receipt(receipt("webhook", event_id))
        (record,) = store.snapshot().records
        assert record.settled
        assert [r.channel for r in record.receipts] == ["email", "webhook"]

    def test_a_publish_ack_alone_settles_nothing(self) -> None:
        store = AlertStore(Versions())
        store.apply(alert(), received(1))
        assert not store.snapshot().records[0].settled

    def test_what_an_account_was_told_outlives_the_list(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("consumers.stores.alerts.KEPT", 2)
        store = AlertStore(Versions())
        for number in range(4):
            told = replace(alert(f"T-{number}"), test=False, test_id=None, user_id=f"u-{number}")
            store.apply(replace(told, event_id=f"e-{number}"), received(number, number))
        store.apply_receipt(receipt("email", "e-0"))
        store.apply_receipt(receipt("webhook", "e-0"))
        snapshot = store.snapshot()
        assert len(snapshot.records) == 2
        assert set(snapshot.told) == {"u-0", "u-1", "u-2", "u-3"}
        assert snapshot.told["u-0"].settled
        again = replace(alert("T-0"), test=False, test_id=None, user_id="u-0", event_id="e-0")
        store.apply(again, received(9, 9))
        assert store.snapshot().told["u-0"].settled, "a repetition takes no receipt away"

    def test_a_test_alert_tells_nobody_of_an_account(self) -> None:
        store = AlertStore(Versions())
        store.apply(alert(), received(1))
        assert store.snapshot().told == {}


class TestEscrows:
    def event(self, name: str, seconds: float) -> SettlementEvent:
        return SettlementEvent(
            name, 1, "0xabc", 0, "0xe1", "p", "q", Decimal("1.5"), 7, at(seconds)
        )

    def test_the_furthest_stage_wins_in_any_order(self) -> None:
        store = EscrowStore(Versions())
        store.apply(self.event("EscrowReleased", 3), received(1))
        store.apply(self.event("EscrowDeployed", 1), received(2, 2))
        state = store.snapshot().escrows["0xe1"]
        assert (state.stage, state.events, state.updated) == ("released", 2, at(3))
