"""`POST /api/v1/margin/health`: the platform's own request and answer, and the event *published*.

The first platform answered with the margin event it had found and swallowed the failure to publish
it. Here the answer says whether the broker took it, and it is an error when it did not.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from consumers.pricing import snapshot_of
from consumers.runtime import Runtime
from consumers.topology import ALERTS
from consumers.wire import encode_alert
from core.alerts import MarginAlert, request_alert
from core.errors import CoreError, FieldError
from core.margin import Assessment, assess, floor_score
from core.portfolio import TEST_PREFIX, Portfolio, PriceSnapshot, Side

PUBLISH_TIMEOUT_S = 5.0
FIELDS = {"user_id", "collateral_positions", "borrow_positions", "previous_health_score"}

Answer = tuple[int, dict[str, Any]]


def answer(runtime: Runtime, body: bytes, who: str = "api", role: str = "local") -> Answer:
    """The HTTP status and the JSON answer to one request body; never raises for what it says.

    `who` asks, in `role`: an event that is published is audited under that name.
    """
    try:
        request = _read(body)
        portfolio = Portfolio.of(
            request["user_id"], request["collateral_positions"], request["borrow_positions"]
        )
        assessment = assess(portfolio, _prices(runtime, portfolio), runtime.policy)
        alert = request_alert(
            assessment,
            policy=runtime.policy,
            at=runtime.clock.now(),
            previous_health_score=request.get("previous_health_score"),
        )
    except FieldError as error:
        return 422, {"error": str(error), "field": error.field}
    except CoreError as error:
        return 422, {"error": str(error)}
    reply = _reply(runtime, assessment)
    if alert is None:
        return 200, {**reply, "margin_event": None}
    return _publish(runtime, alert, reply, who, role)


def _read(body: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise FieldError("body", "not JSON") from None
    if not isinstance(request, dict):
        raise FieldError("body", "not an object")
    for field in ("collateral_positions", "borrow_positions"):
        value = request.setdefault(field, {})
        if not isinstance(value, dict):
            raise FieldError(field, "must be an object of amounts by asset")
    if not isinstance(request.get("user_id"), str):
        raise FieldError("user_id", "must be a text")
    if request["user_id"].startswith(TEST_PREFIX):
        raise FieldError("user_id", f"the prefix {TEST_PREFIX} belongs to test alerts")
    unknown = sorted(request.keys() - FIELDS)
    if unknown:
        raise FieldError(unknown[0], "is not a field of this request")
    return request


def _prices(runtime: Runtime, portfolio: Portfolio) -> PriceSnapshot:
    """Live prices of what the request holds; a stale one makes it UNKNOWN, not an alert."""
    held = runtime.prices.snapshot()
    now = held.market.now(runtime.clock.now())
    snapshot, _freshness = snapshot_of(sorted(portfolio.assets), held.assets, now)
    return snapshot


def _reply(runtime: Runtime, assessment: Assessment) -> dict[str, Any]:
    score = assessment.score
    return {
        "user_id": assessment.user_id,
        "health_score": None if score is None else float(floor_score(score)),
        "status": str(assessment.status),
        "total_collateral_usd": _usd(assessment.collateral_usd),
        "total_borrow_usd": _usd(assessment.borrow_usd),
        "liquidation_price_drop_percent": _usd(assessment.liquidation_price_drop_percent),
        "collateral_breakdown": _breakdown(assessment, Side.COLLATERAL),
        "borrow_breakdown": _breakdown(assessment, Side.BORROW),
        "calculated_at": runtime.clock.now().isoformat().replace("+00:00", "Z"),
        "reasons": dict(assessment.reasons),
        "policy_version": assessment.policy_version,
    }


def _breakdown(assessment: Assessment, side: Side) -> dict[str, Any]:
    return {
        line.asset: {
            "amount": float(line.amount),
            "price_usd": None if line.price is None else float(line.price),
            "value_usd": _usd(line.value_usd),
        }
        for line in assessment.lines
        if line.side is side
    }


def _usd(value: Decimal | None) -> float | None:
    return None if value is None else float(round(value, 2))


def _publish(
    runtime: Runtime, alert: MarginAlert, reply: Mapping[str, Any], who: str, role: str
) -> Answer:
    encoded = encode_alert(alert, ALERTS)
    event = orjson.loads(encoded.data)
    runtime.audit.record(
        who=who,
        role=role,
        action="publish_margin_event",
        target=ALERTS,
        params={"event_id": alert.event_id, "user_id": alert.user_id},
        result="allowed",
    )
    try:
        message_id = runtime.publisher().publish(ALERTS, encoded).result(PUBLISH_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - whatever stopped it, the caller must hear of it
        reason = str(error) or type(error).__name__
        return 503, {
            **reply,
            "margin_event": event,
            "published": False,
            "error": f"margin event found but not published: {reason}",
        }
    return 200, {**reply, "margin_event": event, "published": True, "message_id": message_id}
