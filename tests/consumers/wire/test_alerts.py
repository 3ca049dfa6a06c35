"""An alert on the wire: nothing lost, nothing contradicted, and a test never a real one."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from consumers import wire
from core import alerts
from core.alerts import MarginAlert, PriceBasis, Severity
from core.policy import Policy, Status
from tests.consumers.wire.bodies import ALERT, NOW, body, reason


def alert(attributes: Mapping[str, str] | None = None, **changes: object) -> MarginAlert:
    value = wire.decode_alert(body(ALERT, **changes), attributes or {}, NOW)
    assert isinstance(value, MarginAlert), value
    return value


ALERT_VALUE = MarginAlert(
    event_id="margin_call-0123456789abcdef",
    event_type="margin_call",
    user_id="0xA",
    status=Status.MARGIN_CALL,
    severity=Severity.HIGH,
    message="MARGIN CALL",
    timestamp=NOW,
    published_at=NOW,
    health_score=Decimal("27.14"),
    previous_health_score=Decimal("51.2"),
    previous_status=Status.HEALTHY,
    total_collateral_usd=Decimal("3941.34"),
    total_borrow_usd=Decimal("3100.0"),
    liquidation_price_drop_percent=Decimal("9.55"),
    policy_version="2026-11",
    prices={"ETH": PriceBasis(Decimal("3941.34"), NOW)},
    sequence=2,
    incident_started_at=NOW,
    market_time=NOW,
)


def test_an_alert_survives_the_wire() -> None:
    encoded = wire.encode_alert(ALERT_VALUE, "alerts.margin.v1")
    assert wire.decode_alert(encoded.data, encoded.attributes, NOW) == ALERT_VALUE
    sent = orjson.loads(encoded.data)
    assert sent["health_score"] == 27.14
    assert sent["topic"] == "alerts.margin.v1"
    assert sent["prices"] == {"ETH": {"price": "3941.34", "timestamp": "2026-11-24T12:00:00Z"}}
    assert "test" not in sent
    assert encoded.attributes == {
        "event_type": "margin_call",
        "user_id": "0xA",
        "severity": "high",
        "health_status": "MARGIN_CALL",
    }


def test_a_sent_score_never_crosses_its_band() -> None:
    low = replace(ALERT_VALUE, status=Status.LIQUIDATION, health_score=Decimal("14.9999"))
    assert orjson.loads(wire.encode_alert(low, "t").data)["health_score"] == 14.99


def test_a_recovery_without_debt_has_no_score() -> None:
    free = replace(ALERT_VALUE, status=Status.NO_DEBT, health_score=None)
    encoded = wire.encode_alert(free, "t")
    assert wire.decode_alert(encoded.data, encoded.attributes, NOW) == free
    assert reason(wire.decode_alert(body(ALERT, health_score=None), {}, NOW)) == "health_score"


def test_a_test_alert_carries_its_marks_in_body_and_attribute() -> None:
    sent = alerts.test_alert(
        severity=Severity.HIGH, test_id="7f0c", at=NOW, policy=Policy(), by="operator"
    )
    encoded = wire.encode_alert(sent, "alerts.margin.v1")
    got = wire.decode_alert(encoded.data, encoded.attributes, NOW)
    assert isinstance(got, MarginAlert)
    assert (got.test, got.test_id, got.user_id) == (True, "7f0c", "test:control-room")
    assert encoded.attributes["test"] == "true"


@pytest.mark.parametrize("mark", [{"test": True}, {"test_id": "x"}, {}])
def test_a_mark_on_a_real_account_is_refused(mark: dict[str, object]) -> None:
    attributes = {} if mark else {"test": "true"}
    decoded = wire.decode_alert(body(ALERT, **mark), attributes, NOW)
    assert reason(decoded) == "test alert for a real account"


def test_the_reserved_prefix_without_a_mark_is_refused() -> None:
    decoded = wire.decode_alert(body(ALERT, user_id="test:ops", test=False), {}, NOW)
    assert reason(decoded) == "test account without a test mark"
    assert alert({"test": "true"}, user_id="test:ops").test


def test_an_alert_without_an_id_gets_the_same_id_each_time() -> None:
    first, again = alert(published_at="2025-10-29T12:00:01Z"), alert()
    assert first.event_id == again.event_id
    assert first.event_id.startswith("legacy-")
    assert alert(timestamp="2025-10-29T12:00:30Z").event_id != first.event_id


def test_older_amounts_are_read_and_the_newer_names_win() -> None:
    old = alert(collateral_usd=1000.0, borrow_usd=800.0)
    assert (old.total_collateral_usd, old.total_borrow_usd) == (Decimal(1000), Decimal(800))
    assert alert(collateral_usd=1, total_collateral_usd=2).total_collateral_usd == 2


def test_a_long_message_is_cut() -> None:
    assert alert(message="A" * 200_000).message == "A" * 2_000 + "…"


def test_contradicting_attributes_of_an_alert_are_noted() -> None:
    notes = wire.alert_contradictions(alert(), {"severity": "low", "user_id": "0xA"})
    assert notes == ("attribute severity contradicts",)
