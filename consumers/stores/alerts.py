"""Margin alerts and the receipts that came for them.

The same messages leave the same records, whatever the order they come in and however often; only
the counts of deliveries tell of repetitions.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from consumers.stores.base import Versions
from consumers.stores.oldest import Oldest
from consumers.stores.values import AlertRecord, AlertsSnapshot, Received
from consumers.wire import DeliveryReceipt
from core.alerts import MarginAlert

T = TypeVar("T")
R = TypeVar("R")
KEPT = 5_000
TOLD = 200_000
CHANNELS = 32  # of one alert
OUTCOMES = 100  # pairs of channel and outcome that are counted apart
OTHER = "other"


class AlertStore:
    """Alerts by `event_id`; the lock guards all that begins with an underscore.

    Kept are the newest 5,000 alerts, beside them the newest of each of 200,000 accounts, receipts
    that outran their alert for 5,000 of them, of each alert 32 channels, and counts of 100 pairs of
    channel and outcome, the rest in one.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._lock = threading.Lock()
        self._records: dict[str, AlertRecord] = {}
        self._told: dict[str, AlertRecord] = {}  # by account; outlives the list
        self._told_events: dict[str, str] = {}  # event id -> account, for the records in `_told`
        self._early: dict[str, tuple[DeliveryReceipt, ...]] = {}
        self._oldest_record = Oldest(partial(_of, self._records, _dated))
        self._oldest_told = Oldest(partial(_of, self._told, _order))
        self._oldest_early = Oldest(partial(_of, self._early, _heard))
        self._duplicates = 0
        self._receipts = 0
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._version = 0
        self._snapshot: AlertsSnapshot | None = None

    def apply(self, alert: MarginAlert, received: Received) -> None:
        """Take in one alert; the same event again only counts, the same message not even that."""
        self.apply_all(((alert, received),))

    def apply_all(self, alerts: Iterable[tuple[MarginAlert, Received]]) -> None:
        """Take in several, in order; if one raises, those before it are in."""
        self._each(self._take, alerts)

    def apply_receipt(self, receipt: DeliveryReceipt) -> None:
        """Join a receipt that is new to its alert; one that outran its alert is kept for it."""
        self.apply_receipts(((receipt, None),))

    def apply_receipts(self, receipts: Iterable[tuple[DeliveryReceipt, object]]) -> None:
        """Join several, in order; if one raises, those before it are in."""
        self._each(self._join, receipts)

    def _each(self, take: Callable[[T, R], bool], items: Iterable[tuple[T, R]]) -> None:
        """Take in one after the other; a version for all of them, if any says that it changed."""
        changed = True
        with self._lock:
            try:
                changed = sum(take(value, received) for value, received in items) > 0
            finally:
                if changed:
                    self._snapshot = None
                    self._version = self._versions.bump()

    def _take(self, alert: MarginAlert, received: Received) -> bool:
        known = self._known(alert.event_id)
        if known is not None and known.received.message_id == received.message_id:
            return False
        if known is not None:
            self._duplicates += 1
            first = min(known.received, received, key=_came)
            record = replace(known, deliveries=known.deliveries + 1, received=first)
        else:
            record = AlertRecord(alert, received, 1, self._early.pop(alert.event_id, ()))
        listed = alert.event_id in self._records
        self._put(record)
        if not listed:
            self._oldest_record.spoke(alert.event_id, _dated(record))
            if len(self._records) > KEPT:
                del self._records[self._oldest_record.pop()]
        return True

    def _join(self, receipt: DeliveryReceipt, _received: object) -> bool:
        self._receipts += 1
        self._count(receipt.channel, receipt.outcome)
        record = self._records.get(receipt.event_id)
        before = self._early.get(receipt.event_id, ()) if record is None else record.receipts
        merged = merge(before, receipt)
        if record is not None:
            self._put(replace(record, receipts=merged))
        elif receipt.event_id in self._told_events:
            self._receive_late(self._told_events[receipt.event_id], receipt)
        else:
            self._early[receipt.event_id] = merged
            self._oldest_early.spoke(receipt.event_id, _heard(merged))
            if len(self._early) > KEPT:
                del self._early[self._oldest_early.pop()]
        return True

    def _count(self, channel: str, outcome: str) -> None:
        pair = channel, outcome
        if pair not in self._outcomes and len(self._outcomes) >= OUTCOMES:
            pair = OTHER, outcome
        self._outcomes[pair] += 1

    def _known(self, event_id: str) -> AlertRecord | None:
        listed = self._records.get(event_id)
        return listed or self._told.get(self._told_events.get(event_id, ""))

    def _put(self, record: AlertRecord) -> None:
        alert = record.alert
        self._records[alert.event_id] = record
        # What a caller of the API asked about his own figures says nothing about the book.
        if alert.test or alert.event_id.startswith("request-"):
            return
        told = self._told.get(alert.user_id)
        if told is None or _order(told) <= _order(record):
            if told is not None:
                self._told_events.pop(told.alert.event_id, None)
            self._told[alert.user_id] = record
            self._told_events[alert.event_id] = alert.user_id
            self._oldest_told.spoke(alert.user_id, _order(record))
            if len(self._told) > TOLD:
                forgotten = self._told.pop(self._oldest_told.pop())
                self._told_events.pop(forgotten.alert.event_id, None)

    def _receive_late(self, user: str, receipt: DeliveryReceipt) -> None:
        """A receipt of an account's newest alert that the list has forgotten."""
        told = self._told[user]
        self._told[user] = replace(told, receipts=merge(told.receipts, receipt))

    def get(self, event_id: str) -> AlertRecord | None:
        """The record of one event."""
        with self._lock:
            return self._records.get(event_id)

    def snapshot(self) -> AlertsSnapshot:
        """All of it, immutable, newest first."""
        with self._lock:
            if self._snapshot is None:
                newest = sorted(
                    self._records.values(),
                    key=lambda r: (r.received.received_at, r.alert.event_id),
                    reverse=True,
                )
                self._snapshot = AlertsSnapshot(
                    self._version,
                    tuple(newest),
                    self._duplicates,
                    self._receipts,
                    MappingProxyType(dict(self._told)),
                    MappingProxyType(dict(self._outcomes)),
                )
            return self._snapshot


def _came(received: Received) -> tuple[object, ...]:
    return received.received_at, received.message_id


def _of(kept: Mapping[str, T], moment: Callable[[T], object], name: str) -> object:
    """When it spoke last, None if it is not kept."""
    held = kept.get(name)
    return None if held is None else moment(held)


def _dated(record: AlertRecord) -> datetime:
    return record.alert.timestamp


def _heard(receipts: tuple[DeliveryReceipt, ...]) -> datetime:
    """When the notifier had last heard of the alert."""
    return max(receipt.received_at for receipt in receipts)


def _order(record: AlertRecord) -> tuple[object, ...]:
    """Newest by the market's time, then by the place in its incident: order of arrival is moot."""
    alert = record.alert
    return (alert.market_time or alert.timestamp, alert.sequence, alert.event_id)


def merge(
    receipts: tuple[DeliveryReceipt, ...], new: DeliveryReceipt
) -> tuple[DeliveryReceipt, ...]:
    """One receipt a channel: of the latest attempt; of one attempt's, a delivered one. Beyond the
    first 32 channels, in the order of their names, none is kept."""
    by_channel = {r.channel: r for r in receipts}
    held = by_channel.get(new.channel)
    if held is None or _rank(held) < _rank(new):
        by_channel[new.channel] = new
    return tuple(by_channel[c] for c in sorted(by_channel)[:CHANNELS])


def _rank(receipt: DeliveryReceipt) -> tuple[object, ...]:
    delivered = receipt.outcome == "delivered"
    return receipt.attempt, delivered, receipt.outcome, receipt.received_at, receipt.notifier
