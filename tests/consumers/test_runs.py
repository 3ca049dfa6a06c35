"""Round trips of test alerts: each hop in ms, and the name of the one that is missing."""

from datetime import UTC, datetime, timedelta

from consumers.stores import RunStore, Versions
from consumers.stores.values import RunState, TestRun
from consumers.wire import DeliveryReceipt
from core.alerts import Severity
from core.alerts import test_alert as sample_alert
from core.policy import Policy

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def ms(n: int) -> datetime:
    return T0 + timedelta(milliseconds=n)


def store() -> RunStore:
    made = RunStore(Versions())
    alert = sample_alert(severity=Severity.HIGH, test_id="T-1", at=T0, policy=Policy(), by="ops")
    made.add(TestRun("T-1", alert, "ops", timedelta(seconds=10), T0))
    return made


def receipt(channel: str, outcome: str = "delivered") -> DeliveryReceipt:
    return DeliveryReceipt("e", "T-1", channel, outcome, None, 1, ms(30), ms(190), "n1")


def test_every_hop_reached_is_pass_with_the_ms_of_each() -> None:
    runs = store()
    runs.published("T-1", ms(6))
    runs.received("T-1", ms(15))
    runs.receipt(receipt("email"), ms(200))
    runs.receipt(receipt("webhook"), ms(214))
    run = runs.snapshot()[0]
    assert run.state(ms(300)) is RunState.PASS
    assert run.total_ms() == 214
    assert [h.ms for h in run.hops(ms(300))] == [0, 6, 9, 24, 160, 24]


def test_a_publish_ack_alone_never_counts_as_delivered() -> None:
    runs = store()
    runs.published("T-1", ms(6))
    assert runs.snapshot()[0].state(ms(9_000)) is RunState.PENDING
    assert runs.snapshot()[0].state(ms(10_001)) is RunState.LOST


def test_lost_names_the_first_hop_that_is_missing() -> None:
    runs = store()
    runs.published("T-1", ms(6))
    runs.received("T-1", ms(15))
    assert runs.snapshot()[0].lost_at(ms(11_000)) == "Notifier received"


def test_one_channel_of_two_is_not_yet_a_round_trip() -> None:
    runs = store()
    runs.published("T-1", ms(6))
    runs.received("T-1", ms(15))
    runs.receipt(receipt("email"), ms(200))
    assert runs.snapshot()[0].state(ms(300)) is RunState.PENDING


def test_a_receipt_after_the_time_is_late_not_lost() -> None:
    runs = store()
    runs.published("T-1", ms(6))
    runs.received("T-1", ms(15))
    for channel in ("email", "webhook"):
        runs.receipt(receipt(channel), ms(12_000))
    assert runs.snapshot()[0].state(ms(13_000)) is RunState.LATE


def test_an_arrival_that_outran_the_publish_ack_is_measured_from_the_building() -> None:
    runs = store()
    runs.received("T-1", ms(4))
    runs.published("T-1", ms(7))
    assert [h.ms for h in runs.snapshot()[0].hops(ms(20))][:3] == [0, 7, 4]


def test_a_channel_that_failed_is_no_pass() -> None:
    runs = store()
    runs.published("T-1", ms(6))
    runs.received("T-1", ms(15))
    runs.receipt(receipt("email"), ms(200))
    runs.receipt(receipt("webhook", "failed"), ms(214))
    run = runs.snapshot()[0]
    assert run.state(ms(300)) is RunState.LOST
    assert run.lost_at(ms(300)) == "Delivered to sink"
