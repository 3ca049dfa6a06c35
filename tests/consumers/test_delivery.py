"""Every channel of an alert's route gets one delivery and one receipt."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from consumers.delivery import CHANNELS, Due, Sinks
from consumers.settings import load
from consumers.wire import Encoded
from core import alerts
from core.alerts import MarginAlert, Severity
from core.policy import Policy
from tests.consumers.arrivals import NOON, Arrivals
from tests.support import FakeClock

NOTHING: frozenset[tuple[str, str]] = frozenset()


def _due(severity: Severity, name: str = "t1", *, attempt: int | None = None) -> Due:
    alert = alerts.test_alert(severity=severity, test_id=name, at=NOON, policy=Policy(), by="us")
    message = Arrivals().incoming("alerts.margin.v1", Encoded(b"", {}), attempt=attempt)
    return Due(alert, [message])


def _real(due: Due) -> Due:
    """The same alert without its test marks."""
    fields = {name: getattr(due.alert, name) for name in MarginAlert.__slots__}
    return Due(MarginAlert(**{**fields, "test": False, "test_id": None}), due.messages)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON + timedelta(seconds=1))


def _sinks(tmp_path: Path, clock: FakeClock, channels: frozenset[str] = CHANNELS) -> Sinks:
    settings = load({}, data_dir=tmp_path)
    sinks = Sinks(settings=settings, clock=clock, notifier="notifier-a1", channels=channels)
    sinks.open()
    return sinks


@pytest.fixture
def sinks(tmp_path: Path, clock: FakeClock) -> Iterator[Sinks]:
    made = _sinks(tmp_path, clock)
    yield made
    made.close()


def _lines(path: Path) -> list[str]:
    found = (orjson.loads(line) for line in path.read_bytes().splitlines())
    return [f"{one['event_id']} {one['channel']}" for one in found]


@pytest.mark.parametrize(
    ("severity", "channels"),
    [
        (Severity.CRITICAL, ["email", "sms", "webhook"]),
        (Severity.HIGH, ["email", "webhook"]),
        (Severity.MEDIUM, ["email"]),
        (Severity.LOW, ["email"]),
    ],
)
def test_the_route_follows_the_severity(
    sinks: Sinks, severity: Severity, channels: list[str]
) -> None:
    receipts = sinks.deliver([_due(severity)], NOTHING)
    assert [one.channel for one in receipts] == channels
    assert {one.outcome for one in receipts} == {"delivered"}


def test_a_receipt_says_when_the_alert_came_and_when_it_was_delivered(
    sinks: Sinks, clock: FakeClock
) -> None:
    (receipt,) = sinks.deliver([_due(Severity.LOW, attempt=2)], NOTHING)
    assert receipt.received_at == NOON + timedelta(milliseconds=10)
    assert receipt.delivered_at == clock.now()
    assert (receipt.attempt, receipt.notifier, receipt.test_id) == (2, "notifier-a1", "t1")


def test_tests_go_to_the_test_sink_only_and_real_alerts_to_the_other(
    sinks: Sinks, tmp_path: Path
) -> None:
    test, real = _due(Severity.LOW, "t1"), _real(_due(Severity.LOW, "t2"))
    sinks.deliver([test, real], NOTHING)
    assert _lines(tmp_path / "test-sink.jsonl") == [f"{test.alert.event_id} email"]
    assert _lines(tmp_path / "notifications.jsonl") == [f"{real.alert.event_id} email"]


def test_a_channel_that_is_not_configured_is_skipped_and_never_delivered(
    tmp_path: Path, clock: FakeClock
) -> None:
    sinks = _sinks(tmp_path, clock, frozenset({"email", "webhook"}))
    receipts = {one.channel: one for one in sinks.deliver([_due(Severity.CRITICAL)], NOTHING)}
    assert (receipts["sms"].outcome, receipts["sms"].delivered_at) == ("skipped", None)
    assert receipts["sms"].reason == "sms is not configured"
    assert len(_lines(tmp_path / "test-sink.jsonl")) == 2
    sinks.close()


def test_an_outcome_on_record_is_neither_delivered_nor_receipted_again(
    sinks: Sinks, tmp_path: Path
) -> None:
    due = _due(Severity.HIGH)
    known = frozenset({(due.alert.event_id, "email")})
    assert [one.channel for one in sinks.deliver([due], known)] == ["webhook"]
    assert len(_lines(tmp_path / "test-sink.jsonl")) == 1


def test_what_a_killed_life_delivered_gets_its_receipt_and_no_second_delivery(
    tmp_path: Path, clock: FakeClock
) -> None:
    due = _due(Severity.HIGH)
    killed = _sinks(tmp_path, clock)
    killed.deliver([due], NOTHING)  # and killed before the outcome was on record
    killed.close()
    next_life = _sinks(tmp_path, clock)
    assert len(next_life.deliver([due], NOTHING)) == 2
    assert len(_lines(tmp_path / "test-sink.jsonl")) == 2
    next_life.close()


def test_a_channel_that_cannot_be_reached_is_failed_with_the_reason(sinks: Sinks) -> None:
    receipts = sinks.failed([_due(Severity.HIGH, attempt=5)], NOTHING, "sink: no space")
    assert [(one.outcome, one.reason, one.delivered_at) for one in receipts] == [
        ("failed", "sink: no space", None)
    ] * 2
