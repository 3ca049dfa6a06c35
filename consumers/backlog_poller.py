"""Asks Monitoring once a period for all subscriptions together, however many people watch."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

import structlog

from consumers.clock import Clock
from consumers.errors import MonitoringError
from consumers.monitoring import BacklogSample
from consumers.stores import BacklogStore

log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where backlog figures come from."""

    def poll(self, period: timedelta) -> Mapping[str, BacklogSample]:
        """The newest figures of every subscription; raises MonitoringError."""


class BacklogPoller:
    """Owns the thread `backlogs`."""

    def __init__(
        self, *, source: Source, store: BacklogStore, period: timedelta, clock: Clock
    ) -> None:
        self._source = source
        self._store = store
        self._period = period
        self._clock = clock
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name="backlogs", daemon=True)

    def start(self) -> None:
        """Begin polling."""
        self.thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread; a call under way is waited for."""
        self._stop.set()
        if self.thread.is_alive():
            self.thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                samples = self._source.poll(self._period)
                self._store.apply(samples, self._clock.now())
            except MonitoringError as error:
                self._store.fail(str(error), self._clock.now())
            except Exception as error:  # figures that stand still without a word would look well
                log.exception("backlog_poll_failed")
                self._store.fail(f"{type(error).__name__}: {error}", self._clock.now())
            self._stop.wait(self._period.total_seconds())
