"""Backlogs as Monitoring tells them, kept with their history and their gaps."""

import threading
from collections import deque
from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from consumers.monitoring import BacklogSample
from consumers.stores.base import Versions
from consumers.stores.values import BacklogsSnapshot, SubscriptionBacklog

KEPT = 600
SUBSCRIPTIONS = 1_000


class BacklogStore:
    """The newest sample of each subscription; the lock guards all that begins with _.

    Kept are 600 polls of each of 1,000 subscriptions; while so many are known, no others are.
    """

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._lock = threading.Lock()
        self._held: dict[str, SubscriptionBacklog] = {}
        self._history: dict[str, deque[tuple[datetime, int | None]]] = {}
        self._polled_at: datetime | None = None
        self._error: str | None = None
        self._error_since: datetime | None = None
        self._version = 0

    def apply(self, samples: Mapping[str, BacklogSample], at: datetime) -> None:
        """Take in one poll; a known subscription without a point leaves a gap, not a zero."""
        with self._lock:
            self._polled_at, self._error, self._error_since = at, None, None
            self._leave_gaps(self._held.keys() - samples.keys(), at)
            for name, sample in samples.items():
                if name not in self._held and len(self._held) >= SUBSCRIPTIONS:
                    continue
                history = self._history.setdefault(name, deque(maxlen=KEPT))
                history.append((at, sample.backlog))
                self._held[name] = SubscriptionBacklog(
                    name,
                    sample.backlog,
                    None if sample.oldest_s is None else timedelta(seconds=sample.oldest_s),
                    sample.sent_per_s,
                    sample.acked_per_s,
                    sample.streams,
                    sample.at,
                    tuple(history),
                )
        self._version = self._versions.bump()

    def fail(self, error: str, at: datetime) -> None:
        """A poll failed: the figures stay, with their age and the reason."""
        with self._lock:
            self._error = error
            self._error_since = self._error_since or at
            self._leave_gaps(set(self._held), at)
        self._version = self._versions.bump()

    def _leave_gaps(self, names: Set[str], at: datetime) -> None:
        """No point is NO DATA; what has had none for as long as we remember is forgotten."""
        for name in names:
            history = self._history[name]
            history.append((at, None))
            self._held[name] = replace(self._held[name], history=tuple(history))
            if len(history) == KEPT and all(count is None for _, count in history):
                del self._history[name], self._held[name]

    def snapshot(self) -> BacklogsSnapshot:
        """All of it, immutable."""
        with self._lock:
            return BacklogsSnapshot(
                self._version,
                MappingProxyType(dict(self._held)),
                self._polled_at,
                self._error,
                self._error_since,
            )
