"""One thread for the callbacks of one stream, in place of the client's pool of futures.

The client makes a future for every message, and hands messages and acknowledgements over through
queues written in Python: about a third of what a message costs it. A scheduler is the part that it
lets its users replace: https://cloud.google.com/python/docs/reference/pubsub/latest
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

Call = tuple[Callable[..., None], tuple[Any, ...]]


class OneThread:
    """Runs callbacks one after the other, in the order in which they come.

    `queue` is where the client's messages say what became of them, for its dispatcher. The thread
    begins with the first message and ends with `shutdown`, which calls `ended` last.
    """

    def __init__(self, name: str, ended: Callable[[], None]) -> None:
        self._ended = ended
        self.queue: SimpleQueue[Any] = SimpleQueue()
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    def schedule(self, callback: Callable[..., None], *args: Any) -> None:
        """Call it when all that was scheduled before is done. The client holds a lock meanwhile."""
        self._calls.put((callback, args))
        if not self._started:
            self._started = True
            self._thread.start()

    def shutdown(self, await_msg_callbacks: bool = False) -> list[Any]:
        """Begin no more calls; the messages that got none, which the client gives back."""
        dropped: list[Any] = []
        try:
            while (call := self._calls.get_nowait()) is not None:
                dropped.append(call[1][0])
        except Empty:
            pass
        self._calls.put(None)
        if await_msg_callbacks and self._started:
            self._thread.join()
        self._ended()
        return dropped

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            callback, args = call
            callback(*args)
