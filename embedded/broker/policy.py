"""What one subscription's delivery goes by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Cancellable(Protocol):
    """An alarm that was set."""

    def cancel(self) -> None:
        """It shall not ring."""


class Alarm(Protocol):
    """How to be called back: an asyncio loop's `call_at`, on the clock's monotonic seconds."""

    def __call__(self, when: float, callback: Callable[[], None], /) -> Cancellable: ...


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The settings of a subscription that delivery goes by; durations in seconds.

    `min_backoff_s` None: no retry policy, deliver again at once. `max_attempts` None: no dead
    letter policy, attempts are not told to subscribers. `ordered`: by ordering keys.
    `exactly_once`: acknowledgements are confirmed or refused.
    """

    ack_deadline_s: float = 10.0
    retention_s: float = 604_800.0
    min_backoff_s: float | None = None
    max_backoff_s: float = 600.0
    max_attempts: int | None = None
    ordered: bool = False
    exactly_once: bool = False

    @property
    def attempts_counted(self) -> bool:
        """Whether subscribers are told the delivery attempt."""
        return self.max_attempts is not None

    def backoff_s(self, attempt: int) -> float:
        """How long to wait after the failure of delivery `attempt` (from 1); doubles each time."""
        if self.min_backoff_s is None:
            return 0.0
        return min(self.max_backoff_s, self.min_backoff_s * 2.0 ** min(attempt - 1, 32))
