"""What every worker of the platform tells about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class WorkerState(StrEnum):
    """Where a worker is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at one moment; counters only grow."""

    name: str
    state: WorkerState
    since: datetime
    counters: Mapping[str, int] = field(default_factory=dict)
    last_error: str | None = None


class Worker(Protocol):
    """Something with a thread of its own that can be started, stopped and asked."""

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self, timeout: float = 5.0) -> None:
        """End within `timeout` seconds, leaving no thread."""

    def status(self) -> WorkerStatus:
        """The present state."""
