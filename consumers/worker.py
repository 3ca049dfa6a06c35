"""What every worker of the platform tells about itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from consumers.feed_status import FeedState, FeedStatus

CONNECTS_WITHIN = timedelta(seconds=30)


class WorkerState(StrEnum):
    """Where a worker is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at one moment; counters only grow. `feeds`: what it listens to."""

    name: str
    state: WorkerState
    since: datetime
    counters: Mapping[str, int] = field(default_factory=dict)
    last_error: str | None = None
    feeds: Sequence[FeedStatus] = ()


def trouble(feeds: Iterable[FeedStatus], now: datetime) -> str | None:
    """What keeps messages from a worker: the first feed that is refused, or does not connect."""
    for feed in feeds:
        if feed.state in (FeedState.DENIED, FeedState.MISSING):
            return f"{feed.subscription}: {feed.last_error or feed.state}"
        if feed.state is FeedState.CONNECTING and now - feed.since > CONNECTS_WITHIN:
            since, reason = (now - feed.since).total_seconds(), feed.last_error or "no answer"
            return f"{feed.subscription}: connecting for {since:.0f} s: {reason}"
    return None


class Worker(Protocol):
    """Something with a thread of its own that can be started, stopped and asked."""

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self, timeout: float = 5.0) -> None:
        """End within `timeout` seconds, leaving no thread."""

    def status(self) -> WorkerStatus:
        """The present state."""
