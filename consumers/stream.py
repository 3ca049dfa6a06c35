"""One open streaming pull, and the messages that come out of it."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from consumers.errors import PubSubError


@dataclass(slots=True, eq=False)
class Incoming:
    """A message as it came in. It is leased until `ack` or `nack` is called, from any thread.

    Never changed. `delivery_attempt` is None unless the subscription has a dead-letter topic.
    """

    topic: str
    message_id: str
    data: bytes
    attributes: Mapping[str, str]
    publish_time: datetime
    received_at: datetime
    delivery_attempt: int | None
    ack: Callable[[], None]
    nack: Callable[[], None]


class Leased(Protocol):
    """A message that the broker waits for."""

    def nack(self) -> None:
        """Give it back."""


class Leases:
    """How many messages of a stream are in hand.

    `acknowledge` gets each message that is done with, and calls `give` once the broker was told.
    One thread takes, and `_taken` is its own; any may give, and `_settled` guards `_given`.
    """

    def __init__(self, acknowledge: Callable[[Any], None]) -> None:
        self.acknowledge = acknowledge
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._awaited = False
        self._taken = 0
        self._given = 0

    @property
    def open(self) -> int:
        """Messages neither acked nor nacked."""
        return self._taken - self._given

    def take(self, message: Leased) -> "Lease":
        """One more is in hand."""
        self._taken += 1
        return Lease(message, self)

    def give(self, count: int = 1) -> None:
        """So many less."""
        with self._lock:
            self._given += count
            if self._awaited:
                self._settled.notify_all()

    def drain(self, timeout: float) -> bool:
        """Wait for a moment in which nothing is in hand."""
        with self._lock:
            self._awaited = True
            return self._settled.wait_for(lambda: self.open == 0, timeout)


class Lease:
    """One message in hand; what comes after the first ack or nack is ignored."""

    __slots__ = ("_leases", "_message")

    def __init__(self, message: Leased, leases: Leases) -> None:
        self._message: Leased | None = message
        self._leases = leases

    def ack(self) -> None:
        """Done with it."""
        message, self._message = self._message, None
        if message is not None:
            self._leases.acknowledge(message)

    def nack(self) -> None:
        """Give it back: it comes again."""
        message, self._message = self._message, None
        if message is not None:
            message.nack()
            self._leases.give()


class Stream:
    """A streaming pull that goes on until it is closed or the broker ends it for good.

    The client reopens it by itself after transient faults; that it has not ended says nothing
    about messages flowing. Made by `PubSub.subscribe`.
    """

    def __init__(
        self,
        future: "Future[Any]",
        leases: Leases,
        translate: Callable[[BaseException], PubSubError],
    ) -> None:
        self._future = future
        self._leases = leases
        self._translate = translate

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._future.done()

    @property
    def error(self) -> PubSubError | None:
        """Why the broker ended it; None while it goes on, and after `close`."""
        if not self._future.done():
            return None
        failure = self._future.exception()
        return None if failure is None else self._translate(failure)

    @property
    def outstanding(self) -> int:
        """Messages handed out of which the broker has not been told yet what became of them."""
        return self._leases.open

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call back once it is over, on a thread of the client's, or at once if it is."""
        self._future.add_done_callback(lambda _: callback())

    def drain(self, timeout: float) -> bool:
        """Wait until nothing is outstanding, so that a `close` after it makes no duplicates."""
        return self._leases.drain(timeout)

    def close(self, timeout: float) -> bool:
        """End it, the callback under way included; what was not handed out yet goes back.

        False when that takes more than `timeout` seconds, because a callback hangs or
        acknowledgements find no broker: it goes on by itself, but brings no messages any more.
        """
        self._future.cancel()
        try:
            self._future.exception(timeout)
        except FutureTimeoutError:
            return False
        except CancelledError:
            return True
        return True
