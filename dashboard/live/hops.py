"""What is measured in-band between two stations, p95 in milliseconds, and what exactly it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from consumers.stores.values import AlertRecord
from dashboard.live.figures import milliseconds

if TYPE_CHECKING:
    from consumers.picture import Picture

NEWEST = 50


@dataclass(frozen=True, slots=True)
class Hop:
    """`3 ms`, or empty where nothing was measured, and what was measured."""

    text: str = ""
    title: str = ""


def p95(values: Iterable[float]) -> float | None:
    """The 95th percentile by nearest rank; negative values (clocks that disagree) are left out."""
    held = sorted(v for v in values if v >= 0)
    return held[min(len(held) - 1, -(-len(held) * 95 // 100) - 1)] if held else None


def between(start: datetime, end: datetime) -> float:
    """Milliseconds from `start` to `end`."""
    return (end - start).total_seconds() * 1000


def oracle(p: "Picture") -> Hop:
    """Producer's timestamp to broker, of the newest price of each asset."""
    held = p.prices.assets.values()
    return _hop(
        p95(between(a.timestamp, a.received.publish_time) for a in held),
        "from the price's own timestamp to the broker, p95 of the newest prices",
    )


def to_consumer(p: "Picture", topic: str) -> Hop:
    """Broker to this control room's own feed, which reads beside the consumer shown next."""
    latency = p.latency.get(topic)
    return _hop(
        None if latency is None else latency.p95_ms,
        "from the broker to this control room's own subscription, p95 of the last minutes",
    )


def engine(p: "Picture") -> Hop:
    """Alert made to alert published."""
    return _hop(
        p95(between(r.alert.timestamp, r.received.publish_time) for r in real(p)),
        "from the alert's own timestamp to the broker, p95 of the newest alerts",
    )


def notifier(p: "Picture") -> Hop:
    """Alert published to notifier received, as its receipts say."""
    return _hop(
        p95(
            between(r.received.publish_time, receipt.received_at)
            for r in real(p)
            for receipt in r.receipts
        ),
        "from the broker to the notifier, as its receipts say, p95 of the newest alerts",
    )


def sink(p: "Picture") -> Hop:
    """Notifier received to delivered."""
    return _hop(delivered(p), "from the notifier to the delivery, p95 of the newest alerts")


def delivered(p: "Picture") -> float | None:
    """Milliseconds from the notifier's receipt of an alert to its delivery, p95."""
    return p95(
        between(receipt.received_at, receipt.delivered_at)
        for r in real(p)
        for receipt in r.receipts
        if receipt.delivered_at is not None
    )


def real(p: "Picture") -> list[AlertRecord]:
    """The newest alerts that are no tests."""
    return list(islice((r for r in p.alerts.records if not r.alert.test), NEWEST))


def _hop(value: float | None, what: str) -> Hop:
    return Hop("" if value is None else milliseconds(value), what)
