"""What each journal keeps, and for how long."""

from dataclasses import replace
from datetime import timedelta

from consumers import actions, deliveries, outbox
from consumers.intake import REMEMBERED
from consumers.journal import OwnTable, Rules, Thinning
from consumers.settings import Settings
from consumers.topology import ALERTS, PRICES, RECEIPTS
from consumers.wire import price_minute

MEGABYTE = 1024 * 1024
PROTECTS = timedelta(days=15)  # a subscription's retention, that of its dead letters, and a day


def rules(settings: Settings) -> Rules:
    """Prices whole for a day, then one a minute for a month; alerts and receipts for over a year.

    Settlement is never forgotten: the book is what it was plus every change since. Beyond the size
    limit the oldest prices go first: an alert is worth more than a price.
    What a start reads back stays.
    """
    events = _events(settings)
    whole = timedelta(hours=settings.price_history_hours)
    prices = max(whole, timedelta(days=settings.price_history_days))
    return Rules(
        keep={PRICES: prices, ALERTS: events, RECEIPTS: events},
        thin={PRICES: Thinning(whole, price_minute)},
        most_bytes=settings.journal_max_mb * MEGABYTE,
        may_go=(PRICES, RECEIPTS, ALERTS),
        spared={topic: newest for topic, newest in REMEMBERED.items() if newest is not None},
    )


def room_rules(settings: Settings) -> Rules:
    """Of a control room's journal: the events, and the test runs as long as alerts."""
    keep = max(_events(settings), PROTECTS)
    own = OwnTable(actions.RUNS, keep, PROTECTS, actions.forget)
    return replace(rules(settings), own=(own,))


def platform_rules(settings: Settings) -> Rules:
    """Of the workers' journal: the events, and what was published and delivered.

    An outcome on record keeps an alert from a second delivery. It is needed as long as the alert
    may come again: seven days in the subscription and seven more among the dead letters.
    """
    keep = timedelta(days=settings.delivery_history_days)
    own = (
        OwnTable(outbox.NAME, keep, PROTECTS, outbox.forget),
        OwnTable(deliveries.NAME, keep, PROTECTS, deliveries.forget),
    )
    return replace(rules(settings), own=own)


def _events(settings: Settings) -> timedelta:
    return timedelta(days=settings.event_history_days)
