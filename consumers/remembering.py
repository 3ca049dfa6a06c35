"""What each journal keeps, and for how long."""

from datetime import timedelta

from consumers.journal import Rules, Thinning
from consumers.settings import Settings
from consumers.topology import ALERTS, PRICES, RECEIPTS
from consumers.wire import price_minute

MEGABYTE = 1024 * 1024


def rules(settings: Settings) -> Rules:
    """Prices whole for a day, then one a minute for a month; alerts and receipts for over a year.

    Settlement is never forgotten: the book is what it was plus every change since. Beyond the size
    limit the oldest prices go first: an alert is worth more than a price.
    """
    events = timedelta(days=settings.event_history_days)
    whole = timedelta(hours=settings.price_history_hours)
    prices = max(whole, timedelta(days=settings.price_history_days))
    return Rules(
        keep={PRICES: prices, ALERTS: events, RECEIPTS: events},
        thin={PRICES: Thinning(whole, price_minute)},
        most_bytes=settings.journal_max_mb * MEGABYTE,
        may_go=(PRICES, RECEIPTS, ALERTS),
    )
