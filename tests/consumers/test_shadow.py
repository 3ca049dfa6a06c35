"""The shadow: what should have happened, beside what did."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from consumers.shadow import Shadow
from consumers.stores import AlertStore, Versions
from consumers.stores.values import AlertRecord, Received
from core.alerts import Incident, MarginAlert, step
from core.book import Book
from core.margin import assess
from core.policy import Policy, Status
from core.portfolio import Portfolio, PricePoint, PriceSnapshot
from core.settling import Delta

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GRACE = timedelta(seconds=10)
POLICY = Policy()
BOOK = Book.from_portfolios(
    [
        Portfolio.of("ann", {"ETH": "1"}, {"USDC": "2000"}),  # 50 % at 3,000
        Portfolio.of("bob", {"ETH": "1"}, {"USDC": "1000"}),  # 200 % at 3,000
    ],
    POLICY,
)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def prices(eth: str, seconds: float = 0) -> PriceSnapshot:
    points = {
        "ETH": PricePoint("ETH", Decimal(eth), at(seconds), "p-1"),
        "USDC": PricePoint("USDC", Decimal(1), at(seconds), "p-2"),
    }
    return PriceSnapshot(f"s-{eth}", at(seconds), points)


def told(eth: str, seconds: float) -> AlertRecord:
    """What the risk engine would have published for ann."""
    snapshot = prices(eth, seconds)
    assessment = assess(BOOK.portfolio("ann"), snapshot, POLICY)
    incident: Incident | None
    incident, alert = step(None, assessment, policy=POLICY, at=at(seconds), market_time=at(seconds))
    assert incident is not None
    assert isinstance(alert, MarginAlert)
    return AlertRecord(alert, Received("1", at(seconds), at(seconds)))


def test_a_fall_through_a_threshold_is_a_transition_with_its_cause_and_an_alert_due() -> None:
    shadow = Shadow(BOOK, GRACE)
    shadow.see(BOOK, prices("3000"), at(0), at(0))
    shadow.see(BOOK, prices("2700", 30), at(30), at(30))
    (transition,) = shadow.transitions()
    assert (transition.user_id, transition.before, transition.after) == (
        "ann",
        Status.HEALTHY,
        Status.WARNING,
    )
    assert transition.cause == "ETH −10.00 %"


def test_a_change_of_positions_is_a_cause_of_its_own() -> None:
    shadow = Shadow(BOOK, GRACE)
    shadow.see(BOOK, prices("3000"), at(0), at(0))
    paid = BOOK.settle([Delta("1/0xa/0", "ann", "ETH", Decimal("-0.2"))])
    shadow.see(paid, prices("3000"), at(1), at(0))
    (transition,) = shadow.transitions()
    assert (transition.user_id, transition.cause) == ("ann", "settled −0.2 ETH")


def test_silence_is_named_once_the_grace_is_over() -> None:
    shadow = Shadow(BOOK, GRACE)
    valuation = shadow.see(BOOK, prices("2700"), at(0), at(0))
    assert shadow.not_told(valuation, {}, at(0))[0] == ()
    late, since = shadow.not_told(valuation, {}, at(11))
    assert [a.user_id for a in late] == ["ann"]
    assert since == {"ann": at(0)}


def test_an_account_that_was_told_of_its_band_is_not_owed_anything() -> None:
    shadow = Shadow(BOOK, GRACE)
    record = told("2700", 0)
    valuation = shadow.see(BOOK, prices("2700"), at(0), at(0))
    shadow.not_told(valuation, {"ann": record}, at(0))
    assert shadow.not_told(valuation, {"ann": record}, at(60))[0] == ()


def test_told_of_a_milder_band_is_not_told() -> None:
    shadow = Shadow(BOOK, GRACE)
    record = told("2700", 0)
    valuation = shadow.see(BOOK, prices("2400"), at(0), at(0))
    shadow.not_told(valuation, {"ann": record}, at(0))
    (owed,) = shadow.not_told(valuation, {"ann": record}, at(11))[0]
    assert owed.status is Status.MARGIN_CALL


def test_an_old_price_makes_unknown_and_nothing_is_due() -> None:
    shadow = Shadow(BOOK, GRACE)
    shadow.see(BOOK, prices("3000"), at(0), at(0))
    stale = replace(prices("2000"), unusable={"ETH": "2 min 20 s old"})
    valuation = shadow.see(BOOK, stale, at(30), at(30))
    assert valuation.counts()[Status.UNKNOWN] == 2
    assert shadow.not_told(valuation, {}, at(90))[0] == ()
    assert all(t.after is Status.UNKNOWN for t in shadow.transitions())


def test_after_a_restart_what_was_told_is_remembered_and_not_due_again() -> None:
    record = told("2700", 0)
    store = AlertStore(Versions())
    store.apply(record.alert, record.received)
    shadow = Shadow(BOOK, GRACE)
    shadow.remember({"ann": record})
    shadow.see(BOOK, prices("2700"), at(5), at(5))
    (due,) = shadow.ledger(store.get, {"ann": record}, at(5))
    assert (due.record, due.at) == (record, at(0))
    shadow.see(BOOK, prices("2699"), at(6), at(6))
    assert len(shadow.ledger(store.get, {"ann": record}, at(6))) == 1
    assert shadow.ledger(store.get, {"ann": record}, at(3601)) == ()


def test_an_alert_is_in_the_ledger_whether_it_came_before_the_first_look_or_after() -> None:
    record, ledgers = told("2700", 0), []
    for before in (True, False):
        store, shadow = AlertStore(Versions()), Shadow(BOOK, GRACE)
        if before:
            store.apply(record.alert, record.received)
        shadow.remember(store.snapshot().told)
        shadow.see(BOOK, prices("2700"), at(1), at(0))
        if not before:
            store.apply(record.alert, record.received)
        ledgers.append(shadow.ledger(store.get, store.snapshot().told, at(2)))
    early, late = ([(due.alert.event_id, due.record) for due in ledger] for ledger in ledgers)
    assert early == late == [(record.alert.event_id, record)]


def test_what_was_told_an_hour_before_the_first_look_or_of_another_band_is_not_in_the_ledger() -> (
    None
):
    store, shadow = AlertStore(Versions()), Shadow(BOOK, GRACE)
    shadow.remember({"ann": told("2700", 0)})
    shadow.see(BOOK, prices("2700"), at(3_601), at(3_601))
    assert shadow.ledger(store.get, {}, at(3_601)) == ()
    graver = Shadow(BOOK, GRACE)
    graver.remember({"ann": told("2700", 0)})
    graver.see(BOOK, prices("2400"), at(5), at(5))
    (due,) = graver.ledger(store.get, {}, at(5))
    assert (due.alert.status, due.record) == (Status.MARGIN_CALL, None)


def test_the_ledger_finds_the_alert_that_came_for_what_was_due() -> None:
    shadow = Shadow(BOOK, GRACE)
    shadow.see(BOOK, prices("2700"), at(0), at(0))
    store = AlertStore(Versions())
    assert [d.record for d in shadow.ledger(store.get, {}, at(1))] == [None]
    record = told("2700", 0)
    store.apply(record.alert, record.received)
    (due,) = shadow.ledger(store.get, {}, at(2))
    assert due.record is not None
    assert due.record.alert.event_id == due.alert.event_id
