"""What a topic remembers after everyone has acknowledged it, so that a subscriber can seek back."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from embedded.broker.encoding import Message


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the broker's memory.

    `retained_*` bound each topic's window for seeking back, whatever retention it asks for;
    `backlog_bytes` bounds what one subscription may leave unacknowledged before publishing to its
    topic is refused with RESOURCE_EXHAUSTED. A message costs `overhead` bytes over its own size.
    """

    retained_messages: int = 100_000
    retained_bytes: int = 64 * 1024 * 1024
    backlog_bytes: int = 512 * 1024 * 1024
    overhead: int = 250


class RetentionWindow:
    """The newest messages of a topic, within the limits: no older than `seconds`, or with a higher
    number than `keep_after` (which snapshots need, whatever their age)."""

    def __init__(self, limits: Limits, seconds: float) -> None:
        self._limits = limits
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self.seconds = seconds
        self.keep_after = float("inf")

    def __len__(self) -> int:
        return len(self._messages)

    def extend(self, messages: Sequence[Message]) -> None:
        """Remember what was just published, and forget what no longer fits."""
        self._messages.extend(messages)
        self._bytes += sum(m.size for m in messages) + len(messages) * self._limits.overhead
        self.trim(messages[-1].published)

    def trim(self, now: float) -> None:
        """Forget what is out of the window at `now` (POSIX seconds)."""
        kept, limits = self._messages, self._limits
        while kept and (
            (kept[0].published < now - self.seconds and kept[0].sequence <= self.keep_after)
            or self._bytes > limits.retained_bytes
            or len(kept) > limits.retained_messages
        ):
            self._bytes -= kept.popleft().size + limits.overhead

    def since(self, start: float) -> Iterator[Message]:
        """Messages published at or after `start`, newest first."""
        return takewhile(lambda message: message.published >= start, reversed(self._messages))

    def after(self, sequence: int) -> Iterator[Message]:
        """Messages with a higher number than `sequence`, newest first."""
        return takewhile(lambda message: message.sequence > sequence, reversed(self._messages))
