"""Acknowledgements of one stream, many in one call.

The client's dispatcher sends at most 100 ids in a call and waits for its answer: 100 messages a
round trip, whatever the machine. Here one call takes up to 1,000, all that is done with by then.
"""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

MOST = 1_000
LINGER_S = 0.005  # for more to come: a commit settles hundreds of messages at once
STOP_S = 2.0


class Ackable(Protocol):
    """A message as far as acknowledging it goes."""

    @property
    def ack_id(self) -> str:
        """What the broker knows this delivery by."""

    def drop(self) -> None:
        """Tell the client that it need not extend the lease any more."""


class Acks:
    """Takes messages from any thread; one thread of its own acknowledges them.

    `send(ids)` is one call to the broker. Whether it went well or not, the messages are dropped and
    `sent(count)` is called: what the broker did not hear of comes again; `lost(count)` tells it.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[Sequence[str]], None],
        sent: Callable[[int], None],
        lost: Callable[[int], None],
    ) -> None:
        self._send = send
        self._sent = sent
        self._lost = lost
        self._done: SimpleQueue[Sequence[Ackable] | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, messages: Sequence[Ackable]) -> None:
        """Acknowledge them soon."""
        self._done.put(messages)

    def stop(self) -> None:
        """Send what is there, waiting no more than a moment for it; then end."""
        self._stopping.set()
        self._done.put(None)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        waiting: list[Ackable] = []
        going = True
        while going or waiting:
            going = going and self._gather(waiting)
            if waiting:
                self._acknowledge(waiting[:MOST])
                del waiting[:MOST]

    def _gather(self, waiting: list[Ackable]) -> bool:
        """Add what there is until a call is full, waiting for the first; whether to go on."""
        try:
            while len(waiting) < MOST:
                more = self._done.get_nowait() if waiting else self._done.get()
                if more is None:
                    return False
                if not waiting:
                    self._stopping.wait(LINGER_S)
                waiting += more
        except Empty:
            pass
        return True

    def _acknowledge(self, messages: Sequence[Ackable]) -> None:
        try:
            self._send([message.ack_id for message in messages])
        except Exception as error:  # noqa: BLE001 - they come again; the thread must live on
            log.warning("acknowledgements_lost", count=len(messages), error=str(error))
            self._lost(len(messages))
        for message in messages:
            message.drop()
        self._sent(len(messages))
