"""However much comes, every store keeps what it says it keeps, and what counts is not forgotten."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumers.monitoring import BacklogSample
from consumers.settled import Settled
from consumers.stores import (
    AlertStore,
    BacklogStore,
    EscrowStore,
    MessageRing,
    PositionStore,
    PriceStore,
    RunStore,
    Versions,
)
from consumers.stores import alerts as alert_bounds
from consumers.stores import backlogs as backlog_bounds
from consumers.stores import escrows as escrow_bounds
from consumers.stores import messages as ring_bounds
from consumers.stores import positions as position_bounds
from consumers.stores import prices as price_bounds
from consumers.stores import runs as run_bounds
from consumers.stores.oldest import SLACK, Oldest
from consumers.stores.values import Message, Received, TestRun
from consumers.wire import DeliveryReceipt, PriceTick, SettlementEvent
from core.alerts import MarginAlert, Severity
from core.alerts import test_alert as sample_alert
from core.book import Book
from core.policy import Policy
from core.portfolio import Portfolio
from core.settling import Delta

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CADENCE = timedelta(seconds=30)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def received(number: int) -> Received:
    return Received(str(number), at(number), at(number))


def tick(asset: str, seconds: float) -> PriceTick:
    return PriceTick(asset, Decimal(10), "simulated", at(seconds), False, {}, ())


def alert(test_id: str) -> MarginAlert:
    return sample_alert(severity=Severity.HIGH, test_id=test_id, at=T0, policy=Policy(), by="ops")


def receipt(
    channel: str, event_id: str, test_id: str = "T-1", seconds: float = 0
) -> DeliveryReceipt:
    when = at(seconds)
    return DeliveryReceipt(event_id, test_id, channel, "delivered", None, 1, when, when, "n1")


def escrow(number: int, seconds: float) -> SettlementEvent:
    name, when = f"e{number}", at(seconds)
    return SettlementEvent(
        "EscrowDeployed", 1, f"0x{seconds}", 0, name, "p", "q", Decimal(1), 1, when
    )


def change(key: str, user: str, amount: str, seconds: float = 1) -> Settled:
    return Settled(Delta(key, user, "ETH", Decimal(amount)), at(seconds))


def test_of_prices_256_assets_stay_those_that_spoke_last() -> None:
    store = PriceStore(Versions(), CADENCE)
    for number in range(price_bounds.MAX_ASSETS + 10):
        store.apply(tick(f"A{number}", number), received(number))
    store.apply(tick("A0", 0), received(1_000))  # late, and older than all that is kept
    held = store.snapshot()
    assert len(held.assets) == len(store._history) == price_bounds.MAX_ASSETS
    assert held.assets.keys() == {f"A{n + 10}" for n in range(price_bounds.MAX_ASSETS)}
    assert len(held.flags) <= price_bounds.MAX_FLAGS
    assert len(store.take_rounds()) <= price_bounds.MAX_ROUNDS
    assert held.messages == price_bounds.MAX_ASSETS + 11


def test_no_price_of_the_book_is_forgotten_for_names_that_are_made_up() -> None:
    store = PriceStore(Versions(), CADENCE, held=lambda: ("ETH",))
    store.apply(tick("ETH", 0), received(0))
    for number in range(price_bounds.MAX_ASSETS + 1):
        store.apply(tick(f"A{number}", 1 + number), received(1 + number))
    kept = {f"A{n + 1}" for n in range(price_bounds.MAX_ASSETS)}
    assert store.snapshot().assets.keys() == {"ETH", *kept}


@pytest.mark.parametrize("backwards", [False, True])
def test_of_an_alert_32_channels_stay_the_same_ones_in_every_order(backwards: bool) -> None:
    store, one = AlertStore(Versions()), alert("T-1")
    store.apply(one, received(1))
    names = [f"channel-{n:03}" for n in range(200)]
    for name in reversed(names) if backwards else names:
        store.apply_receipt(receipt(name, one.event_id))
    held = store.snapshot()
    channels = [each.channel for each in held.records[0].receipts]
    assert channels == names[: alert_bounds.CHANNELS]
    assert len(held.outcomes) == alert_bounds.OUTCOMES + 1
    assert sum(held.outcomes.values()) == held.receipts == 200


@pytest.mark.parametrize("backwards", [False, True])
def test_of_early_receipts_those_of_the_5000_alerts_heard_of_last_stay(backwards: bool) -> None:
    store, last = AlertStore(Versions()), alert_bounds.KEPT + 10
    for number in reversed(range(last)) if backwards else range(last):
        for channel in ("email", "sms"):
            store.apply_receipt(receipt(channel, f"e{number}", seconds=number))
    assert store._early.keys() == {f"e{number}" for number in range(10, last)}


def test_what_spoke_again_is_not_the_oldest_and_old_entries_go() -> None:
    last = {f"n{number}": number for number in range(10)}
    oldest = Oldest(last.get)
    for again in range(SLACK):
        for number in range(10):
            last[f"n{number}"] = 10 * again + (number + again) % 10
            oldest.spoke(f"n{number}", last[f"n{number}"])
    assert len(oldest) <= SLACK + 20
    first = min(last, key=lambda name: last[name])
    assert oldest.pop() == first
    del last[first]
    assert oldest.pop() == min(last, key=lambda name: last[name])


@pytest.mark.parametrize("backwards", [False, True])
def test_of_alerts_5000_stay_and_of_accounts_told_200000(
    monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    monkeypatch.setattr(alert_bounds, "KEPT", 50)
    monkeypatch.setattr(alert_bounds, "TOLD", 80)
    store = AlertStore(Versions())
    for number in reversed(range(200)) if backwards else range(200):
        one = alert(f"T-{number}")
        object.__setattr__(one, "test", False)
        object.__setattr__(one, "user_id", f"u{number}")
        object.__setattr__(one, "timestamp", at(number))
        object.__setattr__(one, "market_time", at(number))
        store.apply(one, received(number))
    held = store.snapshot()
    assert [r.alert.user_id for r in held.records] == [f"u{n}" for n in range(199, 149, -1)]
    assert held.told.keys() == {f"u{n}" for n in range(120, 200)}
    assert len(store._told_events) == 80
    assert len(store._oldest_record) == 50


def test_of_escrows_the_newest_2000_stay_and_of_events() -> None:
    store = EscrowStore(Versions())
    for number in range(escrow_bounds.KEPT + 50):
        store.apply(escrow(number, number), received(number))
    held = store.snapshot()
    assert len(held.events) == len(held.escrows) == len(store._escrows) == escrow_bounds.KEPT
    assert "e49" not in held.escrows
    assert held.count == escrow_bounds.KEPT + 50


def test_of_backlogs_600_polls_of_1000_subscriptions_stay() -> None:
    store = BacklogStore(Versions())

    def samples(count: int) -> dict[str, BacklogSample]:
        names = [f"s{n:05}" for n in range(count)]
        return {n: BacklogSample(n, 1, 0.0, 0.0, 0.0, 1, T0) for n in names}

    for poll in range(backlog_bounds.KEPT + 5):
        store.apply(samples(2), at(poll))
    assert len(store.snapshot().subscriptions["s00001"].history) == backlog_bounds.KEPT
    store.apply(samples(backlog_bounds.SUBSCRIPTIONS + 100), at(700))
    held = store.snapshot().subscriptions
    assert len(held) == len(store._history) == backlog_bounds.SUBSCRIPTIONS


def test_of_messages_500_stay_or_eight_megabytes_but_always_the_newest() -> None:
    ring, megabyte = MessageRing(), b"x" * (1 << 20)
    for number in range(ring_bounds.KEPT + 50):
        ring.add(Message("t", received(number), "", {}, b"small"))
    assert len(ring.newest(10_000)) == ring_bounds.KEPT
    for number in range(1_000, 1_020):
        ring.add(Message("t", received(number), "", {"k": "v"}, megabyte))
    held = ring.newest(10_000)
    assert sum(len(message.data) for message in held) <= ring_bounds.BYTES
    assert [m.received.message_id for m in held] == [str(n) for n in range(1_019, 1_012, -1)]
    ring.add(Message("t", received(2_000), "", {}, 10 * megabyte))
    assert [m.received.message_id for m in ring.newest(10_000)] == ["2000"]
    assert ring.counts() == {"t": ring_bounds.KEPT + 71}


def test_of_test_runs_200_stay_with_the_channels_of_their_route() -> None:
    store = RunStore(Versions())
    for number in range(run_bounds.KEPT + 20):
        run = TestRun(f"T-{number}", alert(f"T-{number}"), "ops", CADENCE, at(number))
        store.add(run)
        for channel in ("email", *(f"c{n}" for n in range(5))):
            store.receipt(receipt(channel, "e", f"T-{number}"), at(number))
    assert len(store.snapshot()) == len(store._arrived) == run_bounds.KEPT
    assert all(arrived.keys() == {"email"} for arrived in store._arrived.values())


def test_of_changes_the_newest_keys_stay_and_every_change_is_in_the_book(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(position_bounds, "KEPT", 100)
    monkeypatch.setattr(position_bounds, "WAITING", 30)
    book = Book.from_portfolios([Portfolio.of("ann", {"ETH": 1}, {"USDC": 1})], Policy())
    store = PositionStore(Versions(), book, T0)
    for number in range(500):
        store.apply(change(f"k{number}", "ann" if number % 2 else "zoe", "0.5"))
        store.apply(change(f"k{number}", "ann", "0.5"))
        assert len(store._waiting) < 30
    held = store.snapshot()
    assert (held.settled, held.elsewhere) == (250, 250)
    assert held.book.portfolio("ann").collateral == {"ETH": Decimal(126)}
    assert [*store._keys] == [f"k{n}" for n in range(400, 500)]


def test_rates_count_all_that_came_in_the_last_minute_however_many() -> None:
    ring = MessageRing()
    for second in range(90):
        came = Received(str(second), at(second), at(second))
        ring.add_all("t", [(Message("t", came, str(n), {}, b""), n % 2 == 0) for n in range(200)])
    assert ring.rates(at(89)) == {"t": 200.0}
    assert ring.rates(at(119)) == {"t": 100.0}
    assert ring.rates(at(200)) == {"t": 0.0}
    assert len(ring._topics["t"].arrived) <= 2 * ring_bounds.RATE_SECONDS


def test_old_moves_of_escrows_are_not_kept() -> None:
    store = EscrowStore(Versions())
    store.apply_all((escrow(n, n), received(n)) for n in range(20 * escrow_bounds.KEPT))
    assert len(store._oldest) <= 2 * escrow_bounds.KEPT + SLACK
    for again in range(10):
        for n in range(5):
            store.apply(escrow(n, 10**6 + 10 * again + n), received(n))
    names = set(store.snapshot().escrows)
    last = 20 * escrow_bounds.KEPT
    assert names == {*(f"e{n}" for n in range(5)), *(f"e{n}" for n in range(last - 1_995, last))}
