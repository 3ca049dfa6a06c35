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
    """A publisher at the gate with a request of `size` bytes."""

    size: int
    turn: "asyncio.Future[None]"


class Gate:
    """Lets publishers pass while there is room; runs on the event loop's thread.

    Room comes when subscribers acknowledge, so while somebody waits it is looked for a hundred
    times a second; otherwise nothing runs here.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0

    @property
    def open(self) -> bool:
        """Whether one may pass without waiting."""
        return not self._queue and not self._registry.full()

    async def enter(self, size: int, patience_s: float) -> None:
        """Return when a request of `size` bytes may be published.

        ResourceExhaustedError when that is not so in `patience_s` seconds, or at once when too much
        is waiting already.
        """
        if self.open:
            return
        if self._bytes + size > self._registry.memory.limits.waiting_bytes:
            raise self._registry.exhausted()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(size, loop.create_future())
        if not self._queue:
            loop.call_later(_LOOK_S, self._look)
        self._queue.append(waiting)
        self._bytes += size
        try:
            await asyncio.wait_for(waiting.turn, patience_s)
        except TimeoutError:
            raise self._registry.exhausted() from None
        finally:
            self._bytes -= size
            if waiting in self._queue:
                self._queue.remove(waiting)

    def _look(self) -> None:
        """Let in whom there is room for now, as if each had published already."""
        full, let_in = self._registry.full(), 0
        most = self._registry.memory.limits.memory_bytes
        while self._queue and not full:
            waiting = self._queue.popleft()
            if not waiting.turn.done():
                waiting.turn.set_result(None)
                let_in += waiting.size
                full = self._registry.held() + let_in > most
        if self._queue:
            asyncio.get_running_loop().call_later(_LOOK_S, self._look)
