"""What is remembered after everyone has acknowledged it, so that a subscriber can seek back.

Two things remember, as Pub/Sub documents it: a topic with a `message_retention_duration` keeps all
that was published to it, for every subscription, later ones too; a subscription that asks for
`retain_acked_messages` keeps for itself what it has acknowledged.
https://docs.cloud.google.com/pubsub/docs/replay-overview
"""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from embedded.broker.encoding import Message
from embedded.broker.memory import Memory


class RetentionWindow:
    """The newest messages of a topic: no older than `seconds` (0: it keeps none), or with a higher
    number than `keep_after` (which snapshots need, whatever their age).

    `bytes` is the size of them all. Memory may ask for the oldest back.
    """

    def __init__(self, memory: Memory, seconds: float = 0.0) -> None:
        self._memory = memory
        self._messages: deque[Message] = deque()
        self.seconds = seconds
        self.keep_after = float("inf")
        self.bytes = 0
        memory.add_keeper(self)

    def __len__(self) -> int:
        return len(self._messages)

    def oldest(self) -> float | None:
        """The publish time of its oldest message, POSIX seconds."""
        return self._messages[0].published if self._messages else None

    def extend(self, messages: Sequence[Message]) -> None:
        """Remember what was just published, and forget what no longer fits."""
        if not self.seconds and messages[-1].sequence <= self.keep_after:
            return
        memory = self._memory
        for message in messages:
            memory.keep(message)
            self.bytes += message.size
        self._messages.extend(messages)
        self.trim(messages[-1].published)
        memory.forget_beyond_limit()

    def trim(self, now: float) -> None:
        """Forget what is out of the window at `now` (POSIX seconds)."""
        kept, seconds = self._messages, self.seconds
        while (
            kept
            and (not seconds or kept[0].published < now - seconds)
            and kept[0].sequence <= self.keep_after
        ):
            self.forget_oldest()

    def forget_oldest(self) -> None:
        """Let the oldest go."""
        message = self._messages.popleft()
        self.bytes -= message.size
        self._memory.let_go(message)

    def clear(self) -> None:
        """Forget all."""
        while self._messages:
            self.forget_oldest()

    def since(self, start: float) -> Iterator[Message]:
        """Messages published at or after `start`, newest first."""
        return takewhile(lambda message: message.published >= start, reversed(self._messages))

    def after(self, sequence: int) -> Iterator[Message]:
        """Messages with a higher number than `sequence`, newest first."""
        return takewhile(lambda message: message.sequence > sequence, reversed(self._messages))


class RetainedAcked:
    """The messages a subscription has acknowledged, kept for `seconds` from their publishing.

    `bytes` is the size of them all. They come in any order and are forgotten by age. Memory may
    ask for the oldest back.
    """

    def __init__(self, memory: Memory, seconds: float) -> None:
        self._memory = memory
        self._messages: list[tuple[int, Message]] = []  # a heap by number, which is by age
        self.seconds = seconds
        self.bytes = 0
        memory.add_keeper(self)

    def __len__(self) -> int:
        return len(self._messages)

    def oldest(self) -> float | None:
        """The publish time of the oldest, POSIX seconds."""
        return self._messages[0][1].published if self._messages else None

    def add(self, message: Message) -> None:
        """It was acknowledged."""
        self._memory.keep(message)
        self.bytes += message.size
        heapq.heappush(self._messages, (message.sequence, message))

    def extend(self, messages: Iterable[Message], now: float) -> None:
        """So were these; those out of the window at `now` (POSIX seconds) are forgotten."""
        for message in messages:
            self.add(message)
        self.trim(now)
        self._memory.forget_beyond_limit()

    def trim(self, now: float) -> None:
        """Forget what is out of the window at `now` (POSIX seconds)."""
        while self._messages and self._messages[0][1].published < now - self.seconds:
            self.forget_oldest()

    def forget_oldest(self) -> None:
        """Let the oldest go."""
        self._gone(heapq.heappop(self._messages)[1])

    def take_since(self, start: float) -> list[Message]:
        """Take out what was published at or after `start`: it is acknowledged no longer."""
        return self._take({m for _, m in self._messages if m.published >= start})

    def discard(self, messages: set[Message]) -> None:
        """Take out those of `messages` that are in here."""
        self._take({message for _, message in self._messages if message in messages})

    def clear(self) -> None:
        """Forget all."""
        while self._messages:
            self._gone(self._messages.pop()[1])

    def _take(self, taken: set[Message]) -> list[Message]:
        if taken:
            self._messages = [entry for entry in self._messages if entry[1] not in taken]
            heapq.heapify(self._messages)
            for message in taken:
                self._gone(message)
        return list(taken)

    def _gone(self, message: Message) -> None:
        self.bytes -= message.size
        self._memory.let_go(message)
