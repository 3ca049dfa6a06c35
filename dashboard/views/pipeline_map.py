"""The topology as boxes and ways: who publishes what, who reads it, and how each of them does."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from consumers.feed import FeedState
from consumers.picture import Picture
from core.staleness import Freshness, judge, limits
from core.wording import ages, plural
from dashboard.format import milliseconds, rate, tone
from dashboard.live import consumer, hops
from dashboard.live.consumer import Reading
from dashboard.live.figures import Span

PRICES, SETTLEMENTS = "market.prices.v1", "settlement.events.v1"
ALERTS, RECEIPTS = "alerts.margin.v1", "alerts.delivery.v1"
RISK_EVENTS, SETTLEMENT_EVENTS = "risk-events-consumer", "settlement-events-consumer"
GRAVITY = ("OK", "NO_DATA", "WARN", "STALL", "STOP")
WIDTH, HEIGHT = 1272, 198


def topology(picture: Picture) -> dict[str, Any]:
    """As the component draws it."""
    settings = picture.settings
    risk = _worst(
        consumer.owed(picture),
        consumer.read(picture, settings.price_subscription),
        consumer.read(picture, RISK_EVENTS),
    )
    settlement = consumer.read(picture, SETTLEMENT_EVENTS)
    notifier = _worst(
        consumer.unreceipted(picture), consumer.read(picture, settings.alert_subscription)
    )
    nodes = [
        _service("oracle", "Price oracle", 0, 8, 150, *_oracle(picture)),
        _topic(picture, PRICES, 206, 8, 176),
        _service("relayer", "Escrow relayer", 0, 90, 150, *_relayer(picture)),
        _topic(picture, SETTLEMENTS, 206, 90, 176),
        _service("risk", "Risk engine", 520, 44, 166, risk.state, _words(picture, risk)),
        _service(
            "settle", "Settlement", 520, 150, 166, settlement.state, _words(picture, settlement)
        ),
        _topic(picture, ALERTS, 752, 8, 164),
        _service("notifier", "Notifier", 972, 8, 138, notifier.state, _words(picture, notifier)),
        _topic(picture, RECEIPTS, 1140, 8, 132),
        _service("room", "This control room", 972, 84, 300, *_room(picture)),
        _service("dead", "Dead letters", 752, 150, 164, *_dead(picture)),
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "nodes": nodes,
        "edges": _edges(picture, risk.state, settlement.state, notifier.state),
        "alt": "Topology: oracle and relayer through the topics to risk engine, notifier and us",
    }


def _edges(picture: Picture, risk: str, settlement: str, notifier: str) -> list[dict[str, str]]:
    def way(begin: str, end: str, label: str = "", state: str = "OK") -> dict[str, str]:
        ink = tone(state) if state != "NO_DATA" else "none"
        return {"from": begin, "to": end, "label": label, "tone": ink}

    return [
        way("oracle", PRICES, hops.oracle(picture).text),
        way("relayer", SETTLEMENTS),
        way(PRICES, "risk", hops.to_consumer(picture, PRICES).text, risk),
        way(SETTLEMENTS, "risk", "", risk),
        way(SETTLEMENTS, "settle", hops.to_consumer(picture, SETTLEMENTS).text, settlement),
        way("risk", ALERTS, hops.engine(picture).text, risk),
        way(ALERTS, "notifier", hops.notifier(picture).text, notifier),
        way("notifier", RECEIPTS, "", notifier),
        way(RECEIPTS, "room"),
        way(ALERTS, "room"),
        way("settle", "dead", "", "NO_DATA"),
    ]


def _service(
    key: str, name: str, x: int, y: int, width: int, state: str, note: str
) -> dict[str, Any]:
    ink = tone(state)
    return {
        "id": key,
        "name": name,
        "x": x,
        "y": y,
        "w": width,
        "glyph": state,
        "tone": ink,
        "note": note,
    }


def _topic(picture: Picture, topic: str, x: int, y: int, width: int) -> dict[str, Any]:
    known = picture.rates.get(topic)
    short = topic.removeprefix("alerts.") if width < 140 else topic
    return _service(topic, short, x, y, width, "TOPIC", rate(known)) | {"topic": True, "tone": "ok"}


def _oracle(picture: Picture) -> tuple[str, str]:
    prices = picture.prices
    held = [prices.age(asset, picture.at) for asset in prices.assets]
    known = [age for age in held if age is not None]
    if not known:
        return "NO_DATA", "no price yet"
    if prices.market.ended:
        return "OK", "the replay has ended"
    newest = min(known)
    cadence = min(asset.cadence for asset in prices.assets.values())
    states = {Freshness.FRESH: "OK", Freshness.LATE: "WARN"}
    return states.get(judge(newest, limits(cadence)), "STOP"), f"tick {ages(newest)} ago"


def _relayer(picture: Picture) -> tuple[str, str]:
    events = picture.escrows.events
    if not events:
        return "NO_DATA", "no event yet"
    return "OK", f"event {ages(picture.at - events[0][1].received_at)} ago"


def _room(picture: Picture) -> tuple[str, str]:
    well = (FeedState.LIVE, FeedState.SILENT)
    off = [feed for feed in picture.feeds if feed.state not in well]
    if not picture.channel.connected or off:
        return "STOP", f"{plural(len(off), 'feed')} not live"
    seen = [held.p95_ms for held in picture.latency.values() if held.p95_ms is not None]
    note = f"{len(picture.feeds)} own subscriptions, {picture.journal.duplicates:,} duplicates"
    return "OK", f"{note}, p95 {milliseconds(max(seen))}" if seen else note


def _dead(picture: Picture) -> tuple[str, str]:
    period = picture.settings.backlog_period
    letters = [
        picture.backlogs.known(name, picture.at, period)
        for name in picture.backlogs.subscriptions
        if name.endswith(".dead")
    ]
    if not letters or None in letters:
        return "NO_DATA", "no sample"
    count = sum(held.backlog or 0 for held in letters if held is not None)
    return ("WARN", f"{plural(count, 'letter')}") if count else ("OK", "empty")


def _worst(*readings: Reading | None) -> Reading:
    return max((r for r in readings if r is not None), key=lambda r: GRAVITY.index(r.state))


def _words(picture: Picture, reading: Reading) -> str:
    return "".join(_piece(picture, span) for span in reading.foot)


def _piece(picture: Picture, span: Span) -> str:
    if "at" in span:
        return ages(timedelta(seconds=picture.at.timestamp() - span["at"] / 1000))
    return str(span["t"])


def legend() -> Iterable[str]:
    """The states a consumer can be in, in the order of gravity."""
    return ("OK", "WARN", "STALL", "STOP", "NO_DATA")
