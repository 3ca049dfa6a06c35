"""Which topics and subscriptions there are, and who reads what."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import stamina

from consumers.errors import BrokerUnreachableError, QuotaError
from consumers.pubsub import PubSub
from consumers.replica import OWN_PREFIX
from consumers.subscription import SubscriptionSpec

T = TypeVar("T")

PRICES = "market.prices.v1"
SETTLEMENTS = "settlement.events.v1"
ALERTS = "alerts.margin.v1"
RECEIPTS = "alerts.delivery.v1"
TOPICS = (PRICES, SETTLEMENTS, ALERTS, RECEIPTS)

RISK_PRICES = "risk-engine-prices-consumer"
RISK_EVENTS = "risk-events-consumer"
SETTLEMENT_EVENTS = "settlement-events-consumer"
NOTIFICATIONS = "alert-notification-service"
# Durable, each shared by the workers of one service: another reader would take messages away.
PRODUCTION_SUBSCRIPTIONS = frozenset({RISK_PRICES, RISK_EVENTS, SETTLEMENT_EVENTS, NOTIFICATIONS})

PATIENCE_S = 20.0
WARM_UP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was created; what existed already is not named."""

    topics: tuple[str, ...]
    subscriptions: tuple[str, ...]


def durable(
    price_subscription: str = RISK_PRICES, alert_subscription: str = NOTIFICATIONS
) -> tuple[SubscriptionSpec, ...]:
    """The platform's subscriptions, each with a topic and a subscription for its dead letters.

    Settings may give two of them other names.
    """
    readers = (
        SubscriptionSpec(price_subscription, PRICES),
        SubscriptionSpec(RISK_EVENTS, SETTLEMENTS),
        SubscriptionSpec(SETTLEMENT_EVENTS, SETTLEMENTS),
        SubscriptionSpec(alert_subscription, ALERTS),
    )
    dead = (SubscriptionSpec(spec.dead, spec.dead, dead_letter=False) for spec in readers)
    return (*readers, *dead)


def ephemeral(feed: str, topic: str, replica: str) -> SubscriptionSpec:
    """A control room's own subscription: it sees every message, from an hour back when it is new.

    It is deleted when the control room stops, and expires a day after one that was killed.
    """
    return SubscriptionSpec(
        name=f"{OWN_PREFIX}{feed}-{replica}",
        topic=topic,
        dead_letter=False,
        expiration=timedelta(days=1),
        retention=timedelta(hours=23),  # less than the expiration, as Pub/Sub asks
        warm_up=WARM_UP,
        backoff=None,
        labels={"kind": "ephemeral"},
    )


def provision(
    pubsub: PubSub,
    *,
    price_subscription: str = RISK_PRICES,
    alert_subscription: str = NOTIFICATIONS,
) -> Provisioned:
    """Create every topic and subscription that is missing; harmless when repeated.

    Waits up to 20 s for a broker that is not there yet, then raises BrokerUnreachableError.
    """
    specs = durable(price_subscription, alert_subscription)
    dead = tuple(spec.dead for spec in specs if spec.dead_letter)
    topics = tuple(name for name in TOPICS if _patiently(_remembering(pubsub), name))
    topics += tuple(name for name in dead if _patiently(pubsub.ensure_topic, name))
    subscriptions = tuple(
        spec.name for spec in specs if _patiently(pubsub.ensure_subscription, spec)
    )
    return Provisioned(topics, subscriptions)


def _remembering(pubsub: PubSub) -> Callable[[str], bool]:
    """A control room that comes late begins in the past, as far as the topic remembers."""
    return lambda name: pubsub.ensure_topic(name, retention=WARM_UP)


def _patiently(call: Callable[[T], bool], argument: T) -> bool:
    return stamina.retry(
        on=(BrokerUnreachableError, QuotaError),
        attempts=None,
        timeout=PATIENCE_S,
        wait_initial=0.1,
        wait_max=1.0,
    )(call)(argument)
