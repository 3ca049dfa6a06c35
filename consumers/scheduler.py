"""One thread for the messages of one stream, in place of the client's pool of futures.

The client makes a future for every message, and hands messages and acknowledgements over through
queues written in Python: about half of what a message costs it. A scheduler is the part that it
lets its users replace: https://cloud.google.com/python/docs/reference/pubsub/latest
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Callback = Callable[[Any], None]


class OneThread:
    """Hands over messages in the order in which they come: those that wait, up to `most` at once.

    `work` gets the client's callback, which is the same for all messages of a stream, and the
    messages. If it raises, all of them are given back. `queue` is where the client's messages say
    what became of them, for its dispatcher. The thread begins with the first message and ends with
    `shutdown`, which calls `ended` last.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Callback, list[Any]], None],
        ended: Callable[[], None],
        most: int = 1,
    ) -> None:
        self._work = work
        self._ended = ended
        self._most = most
        self.queue: SimpleQueue[Any] = SimpleQueue()
        self._waiting: SimpleQueue[Any] = SimpleQueue()
        self._callback: Callback | None = None
        self._starting = threading.Lock()  # a callback is set, and not over: the thread has begun
        self._over = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def schedule(self, callback: Callback, message: Any) -> None:
        """Hand it over when all that came before is done. The client holds a lock meanwhile."""
        self._waiting.put(message)
        if self._callback is None:
            with self._starting:
                if not self._over:
                    self._callback = callback
                    self._thread.start()

    def shutdown(self, await_msg_callbacks: bool = False) -> list[Any]:
        """Hand over no more; the messages that were not, which the client gives back."""
        dropped: list[Any] = []
        try:
            while (message := self._waiting.get_nowait()) is not None:
                dropped.append(message)
        except Empty:
            pass
        with self._starting:
            self._over = True
        self._waiting.put(None)
        if await_msg_callbacks and self._callback is not None:
            self._thread.join()
        self._ended()
        return dropped

    def _run(self) -> None:
        assert self._callback is not None
        while (message := self._waiting.get()) is not None:
            messages = [message]
            try:
                while len(messages) < self._most and messages[-1] is not None:
                    messages.append(self._waiting.get_nowait())
            except Empty:
                pass
            going = messages[-1] is not None
            self._hand_over(self._callback, messages if going else messages[:-1])
            if not going:
                return

    def _hand_over(self, callback: Callback, messages: list[Any]) -> None:
        try:
            self._work(callback, messages)
        except Exception:  # the thread must live on: without it the stream would only look alive
            log.exception("stream_messages_given_back", count=len(messages))
            for message in messages:
                message.nack()
