"""`alerts.margin.v1`: margin warnings, calls, liquidations and recoveries."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

import orjson

from consumers.wire import fields
from consumers.wire.fields import Encoded, Refused, RefusedError
from core.alerts import TEST_PREFIX, MarginAlert, PriceBasis, Severity
from core.exact import money
from core.margin import floor_score
from core.policy import Status

MAX_MESSAGE = 2_000
MAX_PRICES = 64
STATUSES: Mapping[str, Status] = {status.value: status for status in Status}
SEVERITIES: Mapping[str, Severity] = {severity.value: severity for severity in Severity}
T = TypeVar("T")
SCORELESS = frozenset({Status.NO_DEBT, Status.UNKNOWN})


def decode_alert(
    data: bytes, attributes: Mapping[str, str], now: datetime
) -> MarginAlert | Refused:
    """The alert in a message, or the reason for quarantine. Never raises.

    A message text beyond 2,000 characters is cut (the journal keeps it whole). An older producer
    sends no `event_id`: one is derived from what it says, so that the same alert has the same id.
    """
    try:
        return _read(fields.body_of(data), attributes, now)
    except RefusedError as error:
        return Refused(error.reason)


def encode_alert(alert: MarginAlert, topic: str) -> Encoded:
    """The platform's own fields, then ours.

    Scores are floored to two places, so that no number contradicts the status beside it; amounts
    are rounded to cents, as the platform sent them.
    """
    body: dict[str, object] = {
        "event_type": alert.event_type,
        "user_id": alert.user_id,
        "health_score": _score(alert.health_score),
        "previous_health_score": _score(alert.previous_health_score),
        "status": alert.status.value,
        "severity": alert.severity.value,
        "message": alert.message,
        "total_collateral_usd": _rounded(alert.total_collateral_usd),
        "total_borrow_usd": _rounded(alert.total_borrow_usd),
        "liquidation_price_drop_percent": _rounded(alert.liquidation_price_drop_percent),
        "timestamp": fields.stamp(alert.timestamp),
        "published_at": _stamp(alert.published_at),
        "topic": topic,
        "event_id": alert.event_id,
        "policy_version": alert.policy_version,
        "sequence": alert.sequence,
        "market_time": _stamp(alert.market_time),
        "incident_started_at": _stamp(alert.incident_started_at),
        "previous_status": alert.previous_status.value if alert.previous_status else None,
        "prices": {
            asset: {"price": format(basis.price, "f"), "timestamp": fields.stamp(basis.timestamp)}
            for asset, basis in alert.prices.items()
        },
    }
    attributes = _attributes(alert)
    if alert.test:
        body["test"] = True
        body["test_id"] = alert.test_id
        attributes["test"] = "true"
    return Encoded(orjson.dumps(body), attributes)


def alert_contradictions(alert: MarginAlert, attributes: Mapping[str, str]) -> tuple[str, ...]:
    """Notes on attributes that say something else than the body, which has won."""
    return tuple(
        f"attribute {name} contradicts"
        for name, said in _attributes(alert).items()
        if attributes.get(name, said) != said
    )


def alert_key(alert: MarginAlert) -> str:
    """The idempotency key: same transition, same id."""
    return alert.event_id


def _attributes(alert: MarginAlert) -> dict[str, str]:
    return {
        "event_type": str(alert.event_type),
        "user_id": alert.user_id,
        "severity": alert.severity.value,
        "health_status": alert.status.value,
    }


def _read(body: dict[str, Any], attributes: Mapping[str, str], now: datetime) -> MarginAlert:
    user_id = fields.name(body.get("user_id"), "user_id")
    test, test_id = _test_mark(body, attributes, user_id)
    status = _one_of(STATUSES, body.get("status"), "status")
    previous_status = body.get("previous_status")
    policy_version = body.get("policy_version")
    return MarginAlert(
        event_id=_event_id(body),
        event_type=fields.name(body.get("event_type"), "event_type"),
        user_id=user_id,
        status=status,
        severity=_one_of(SEVERITIES, body.get("severity"), "severity"),
        message=_message(body.get("message")),
        timestamp=fields.timestamp(body.get("timestamp"), "timestamp", now)[0],
        health_score=_health_score(body.get("health_score"), status),
        previous_health_score=fields.optional_number(
            body.get("previous_health_score"), "previous_health_score"
        ),
        previous_status=None
        if previous_status is None
        else _one_of(STATUSES, previous_status, "previous_status"),
        total_collateral_usd=_either(body, "total_collateral_usd", "collateral_usd"),
        total_borrow_usd=_either(body, "total_borrow_usd", "borrow_usd"),
        liquidation_price_drop_percent=fields.optional_number(
            body.get("liquidation_price_drop_percent"), "liquidation_price_drop_percent"
        ),
        published_at=_time(body, "published_at", now),
        policy_version=None
        if policy_version is None
        else fields.identifier(policy_version, "policy_version"),
        prices=_prices(body.get("prices"), now),
        sequence=0
        if body.get("sequence") is None
        else fields.integer(body["sequence"], "sequence"),
        incident_started_at=_time(body, "incident_started_at", now),
        market_time=_time(body, "market_time", now),
        test=test,
        test_id=test_id,
    )


def _test_mark(
    body: dict[str, Any], attributes: Mapping[str, str], user_id: str
) -> tuple[bool, str | None]:
    """A mark needs the reserved account prefix, and the prefix needs a mark."""
    test_id = body.get("test_id")
    marked = (
        fields.flag(body.get("test"), "test")
        or test_id is not None
        or attributes.get("test", "false").lower() not in ("false", "")
    )
    reserved = user_id.startswith(TEST_PREFIX)
    if marked and not reserved:
        raise RefusedError("test alert for a real account")
    if reserved and not marked:
        raise RefusedError("test account without a test mark")
    return marked, None if test_id is None else fields.identifier(test_id, "test_id")


def _event_id(body: dict[str, Any]) -> str:
    if body.get("event_id") is not None:
        return fields.identifier(body["event_id"], "event_id")
    said = [body.get(name) for name in ("event_type", "user_id", "status", "timestamp")]
    said.append(body.get("health_score"))
    return "legacy-" + hashlib.sha256(orjson.dumps(said)).hexdigest()[:32]


def _one_of(known: Mapping[str, T], value: object, field: str) -> T:
    found = known.get(value) if type(value) is str else None
    if found is None:
        raise RefusedError(field)
    return found


def _message(value: object) -> str:
    if value is None:
        return ""
    if type(value) is not str:
        raise RefusedError("message")
    return value if len(value) <= MAX_MESSAGE else value[:MAX_MESSAGE] + "…"


def _health_score(value: object, status: Status) -> Decimal | None:
    if value is None and status in SCORELESS:
        return None
    return fields.number(value, "health_score")


def _either(body: dict[str, Any], name: str, older: str) -> Decimal | None:
    value = body.get(name)
    return fields.optional_number(body.get(older) if value is None else value, name)


def _time(body: dict[str, Any], field: str, now: datetime) -> datetime | None:
    value = body.get(field)
    return None if value is None else fields.timestamp(value, field, now)[0]


def _prices(value: object, now: datetime) -> Mapping[str, PriceBasis]:
    if value is None:
        value = {}
    if type(value) is not dict or len(value) > MAX_PRICES:
        raise RefusedError("prices")
    return MappingProxyType(
        {fields.symbol(asset, "prices"): _basis(basis, now) for asset, basis in value.items()}
    )


def _basis(value: object, now: datetime) -> PriceBasis:
    if type(value) is not dict:
        raise RefusedError("prices")
    at, _ = fields.timestamp(value.get("timestamp"), "prices", now)
    return PriceBasis(fields.number(value.get("price"), "prices"), at)


def _score(score: Decimal | None) -> float | None:
    return None if score is None else float(floor_score(score))


def _rounded(amount: Decimal | None) -> float | None:
    return None if amount is None else float(money(amount))


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else fields.stamp(at)
