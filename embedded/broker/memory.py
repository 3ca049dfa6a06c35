"""How much memory messages take, all topics together, and who is asked to give some back.

A message counts once, however many subscriptions, windows and snapshots hold it: from the moment
it is published until the last of them lets go. Messages make no cycles, so that is at once.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakSet

from embedded.broker.encoding import Message

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the broker's memory, bytes. One figure, `memory_bytes`, and fixed shares of it.

    At `memory_bytes` publishers wait for what subscribers acknowledge. Up to a quarter may be kept
    for seeking back, oldest forgotten first, and up to a quarter held by snapshots; so at least
    half is always there for what nobody has acknowledged yet. Requests that wait may together be an
    eighth more. A message costs `overhead` bytes over its own size, and `lease` more for each
    subscriber that has it in hand.
    """

    memory_bytes: int = 512 * MIB
    overhead: int = 250
    lease: int = 210

    @property
    def retained_bytes(self) -> int:
        """What may be kept for seeking back."""
        return self.memory_bytes // 4

    @property
    def snapshot_bytes(self) -> int:
        """What snapshots may hold."""
        return self.memory_bytes // 4

    @property
    def waiting_bytes(self) -> int:
        """What publish requests that wait for room may be, together."""
        return self.memory_bytes // 8

    def cost(self, size: int, messages: int) -> int:
        """What so many messages of together `size` bytes take."""
        return size + messages * self.overhead


class Keeper(Protocol):
    """Something that remembers messages for seeking back."""

    def __len__(self) -> int: ...

    def __hash__(self) -> int: ...

    def oldest(self) -> float | None:
        """The publish time of its oldest message, POSIX seconds."""

    def forget_oldest(self) -> None:
        """Let that one go."""


class Memory:
    """The account: `messages` and `bytes` that are held at all, `retained` bytes of those kept."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.messages = 0
        self.bytes = 0
        self.retained = 0
        self._keepers: WeakSet[Keeper] = WeakSet()

    @property
    def held(self) -> int:
        """Bytes held, overhead included."""
        return self.limits.cost(self.bytes, self.messages)

    def charge(self, messages: Sequence[Message]) -> None:
        """These were published; each gives back what it took when the last holder lets go."""
        for message in messages:
            message.memory = self
            self.bytes += message.size
        self.messages += len(messages)

    def add_keeper(self, keeper: Keeper) -> None:
        """From now on `keeper` may be told to forget."""
        self._keepers.add(keeper)

    def keep(self, message: Message) -> None:
        """One more keeper remembers `message`."""
        if not message.keepers:
            self.retained += message.size + self.limits.overhead
        message.keepers += 1

    def let_go(self, message: Message) -> None:
        """One keeper less."""
        message.keepers -= 1
        if not message.keepers:
            self.retained -= message.size + self.limits.overhead

    def forget_beyond_limit(self) -> None:
        """Have the oldest of all retained messages forgotten until they are within their share.

        Goes a fiftieth below it, so that it is not each publisher who pays for a look at all.
        """
        if self.retained <= self.limits.retained_bytes:
            return
        goal = self.limits.retained_bytes * 49 // 50
        queue = [
            (oldest, number, keeper)
            for number, keeper in enumerate(self._keepers)
            if (oldest := keeper.oldest()) is not None
        ]
        heapq.heapify(queue)
        while queue and self.retained > goal:
            _, number, keeper = queue[0]
            keeper.forget_oldest()
            oldest = keeper.oldest()
            if oldest is None:
                heapq.heappop(queue)
            else:
                heapq.heapreplace(queue, (oldest, number, keeper))
