"""Where publishers wait while messages take all the memory they may: nothing is dropped.

First come, first served, so that one publisher's requests keep their order.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from embedded.broker.registry import Registry

_LOOK_S = 0.01


@dataclass(slots=True, eq=False)
class _Waiting:
    """A publisher at the gate, whose request will take `cost` bytes of memory."""

    cost: int
    turn: "asyncio.Future[None]"

    @property
    def let_in(self) -> bool:
        """Whether it may pass, though it need not have done so yet."""
        return self.turn.done() and not self.turn.cancelled()


class Gate:
    """Lets publishers pass while there is room; runs on the event loop's thread.

    Room comes when subscribers acknowledge, so while somebody waits it is looked for a hundred
    times a second; otherwise nothing runs here. Who is let in stays in the queue until he has
    passed, so that nobody overtakes him or takes his room.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._queue: deque[_Waiting] = deque()
        self._cost = 0
        self._looking = False

    @property
    def open(self) -> bool:
        """Whether one may pass without waiting."""
        return not self._queue and not self._registry.full()

    async def enter(self, size: int, messages: int, patience_s: float) -> None:
        """Return when a request of `messages` of together `size` bytes may be published; it has to
        be at once, before anything else is awaited.

        ResourceExhaustedError when that is not so in `patience_s` seconds, or at once when too much
        is waiting already; a single one may wait whatever its size.
        """
        if self.open:
            return
        limits = self._registry.memory.limits
        cost = limits.cost(size, messages)
        if self._queue and self._cost + cost > limits.waiting_bytes:
            raise self._registry.exhausted()
        waiting = _Waiting(cost, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._cost += cost
        self._look_soon()
        try:
            await asyncio.wait_for(waiting.turn, patience_s)
        except TimeoutError:
            raise self._registry.exhausted() from None
        finally:
            self._cost -= cost
            self._queue.remove(waiting)

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Let in whom there is room for now, as if each had published already."""
        self._looking = False
        if not self._queue:
            return
        self._look_soon()
        if self._registry.full():
            return
        most = self._registry.memory.limits.memory_bytes
        taken = self._registry.held() + sum(each.cost for each in self._queue if each.let_in)
        for waiting in self._queue:
            if taken > most:
                break
            if not waiting.turn.done():
                waiting.turn.set_result(None)
                taken += waiting.cost
