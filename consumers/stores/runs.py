"""Test alerts on their way out and back."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from consumers.stores.alerts import merge
from consumers.stores.base import Versions
from consumers.stores.values import TestRun
from consumers.wire import DeliveryReceipt
from core.alerts import channels_for

KEPT = 200


class RunStore:
    """Round trips by `test_id`; the lock guards all that begins with _.

    Kept are the newest 200, of each the first receipt of every channel of its route.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, TestRun] = OrderedDict()
        self._arrived: dict[str, dict[str, datetime]] = {}  # test id -> channel -> first receipt

    def add(self, run: TestRun) -> None:
        """Begin to watch a run."""
        with self._lock:
            self._runs[run.test_id] = run
            while len(self._runs) > KEPT:
                forgotten, _ = self._runs.popitem(last=False)
                self._arrived.pop(forgotten, None)
        self._versions.bump()

    def published(self, test_id: str, at: datetime) -> None:
        """The broker acknowledged it; that alone is not delivery."""
        self._change(test_id, lambda r: replace(r, published_at=_first(r.published_at, at)))

    def failed(self, test_id: str, error: str) -> None:
        """It could not be published."""
        self._change(test_id, lambda r: replace(r, error=error))

    def received(self, test_id: str | None, at: datetime) -> None:
        """Our own subscription saw it."""
        self._change(test_id, lambda r: replace(r, received_at=_first(r.received_at, at)))

    def receipt(self, receipt: DeliveryReceipt, at: datetime) -> None:
        """A channel's outcome came; the last missing one ends the round trip."""

        def join(run: TestRun) -> TestRun:
            arrived = self._arrived.setdefault(run.test_id, {})
            wanted = set(channels_for(run.alert.severity))
            if receipt.channel in wanted:
                arrived[receipt.channel] = _first(arrived.get(receipt.channel), at)
            whole = arrived.keys() >= wanted
            ended = max(arrived[channel] for channel in wanted) if whole else None
            return replace(run, receipts=merge(run.receipts, receipt), receipt_at=ended)

        self._change(receipt.test_id, join)

    def _change(self, test_id: str | None, change: Callable[[TestRun], TestRun]) -> None:
        if test_id is None:
            return
        with self._lock:
            run = self._runs.get(test_id)
            if run is None:
                return
            self._runs[test_id] = change(run)
        self._versions.bump()

    def get(self, test_id: str) -> TestRun | None:
        """One run."""
        with self._lock:
            return self._runs.get(test_id)

    def snapshot(self) -> tuple[TestRun, ...]:
        """All runs, newest first."""
        with self._lock:
            return tuple(reversed(self._runs.values()))


def _first(held: datetime | None, at: datetime) -> datetime:
    return at if held is None else min(held, at)
