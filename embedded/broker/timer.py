"""One alarm at a time, for the nearest moment that was asked for."""

from collections.abc import Callable

from embedded.broker.policy import Alarm, Cancellable

_NEVER = float("inf")


class Timer:
    """Calls `ring` at the earliest time that it was told since it last rang."""

    def __init__(self, alarm: Alarm, ring: Callable[[], None]) -> None:
        self._alarm = alarm
        self._ring = ring
        self._when = _NEVER
        self._handle: Cancellable | None = None

    def at(self, when: float) -> None:
        """Ring at `when` (monotonic seconds) if not before; infinity asks for nothing."""
        if when >= self._when:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._when = when
        self._handle = self._alarm(when, self._rang)

    def _rang(self) -> None:
        self._when, self._handle = _NEVER, None
        self._ring()
