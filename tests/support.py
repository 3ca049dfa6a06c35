"""What many tests need: waiting for a condition, a hand-moved clock, the shared samples."""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def eventually(
    condition: Callable[[], object],
    timeout: float = 10.0,
    interval: float = 0.01,
    what: "str | Callable[[], str]" = "",
) -> None:
    """Return once `condition()` is true; after `timeout` seconds fail, saying what was awaited.

    `what` may be asked for at the failure, to tell what was there then.
    """
    end = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        if time.monotonic() > end:
            told = what if isinstance(what, str) else what()
            pytest.fail(f"not within {timeout} s: {told or condition}")
        pause.wait(interval)


class Closing:
    """What a `with` closes, whatever happened in it."""

    def close(self) -> None:
        """End it all."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        """The set wall time."""
        return self._now

    def monotonic(self) -> float:
        """The set monotonic seconds."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


def shared(name: str) -> Path:
    """A file of the shared samples; skips for a user who lacks them, fails in CI."""
    path = SHARED / name
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"CI must have ../shared/{name}")
        pytest.skip(f"../shared/{name} is not on this machine")
    return path
