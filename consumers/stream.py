"""One open streaming pull, and the messages that come out of it."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from consumers.errors import PubSubError
from consumers.trace import WORKED_ON


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
    ack: Callable[[], None] = field(repr=False)
    nack: Callable[[], None] = field(repr=False)


Handler = Callable[[Sequence[Incoming]], None]
"""Takes messages of one stream, in the order in which they came, and settles each of them."""


def each(handle: Callable[[Incoming], None]) -> Handler:
    """A handler that takes one after the other; what it logs meanwhile names the message."""

    def handle_all(batch: Sequence[Incoming]) -> None:
        for incoming in batch:
            WORKED_ON.set(incoming)
            handle(incoming)
        WORKED_ON.set(None)

    return handle_all


class Delivery(Protocol):
    """A message as the client hands it over: the broker waits for an answer to it."""

    message_id: str

    @property
    def data(self) -> bytes:
        """Its body."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """As published."""

    @property
    def publish_time(self) -> datetime:
        """When the broker took it."""

    @property
    def delivery_attempt(self) -> int | None:
        """Which one this is, where they are counted."""

    def nack(self) -> None:
        """Give it back."""


class Leases:
    """How many messages of a stream are in hand.

    `acknowledge` gets messages that are done with, and calls `give` once the broker was told.
    One thread takes, and `_taken` is its own; any may give, and `_settled` guards `_given`.
    """

    def __init__(self, acknowledge: Callable[[Sequence[Any]], None]) -> None:
        self.acknowledge = acknowledge
        self._lock = threading.Lock()
        self._settled = threading.Condition(self._lock)
        self._awaited = False
        self._taken = 0
        self._given = 0
        self._lost = 0
        self._tell_lost: Callable[[int], None] | None = None

    @property
    def open(self) -> int:
        """Messages neither acked nor nacked."""
        return self._taken - self._given

    def take(self, topic: str, messages: Sequence[Delivery], at: datetime) -> "list[Incoming]":
        """They are in hand from now on; all of them came at `at`."""
        self._taken += len(messages)
        return [Leased(topic, message, at, self) for message in messages]

    def give(self, count: int = 1) -> None:
        """So many less."""
        with self._lock:
            self._given += count
            if self._awaited:
                self._settled.notify_all()

    def lose(self, count: int) -> None:
        """The broker did not hear of so many acknowledgements: the messages come again."""
        with self._lock:
            self._lost += count
            tell = self._tell_lost
        if tell is not None:
            tell(count)

    def when_lost(self, tell: Callable[[int], None]) -> None:
        """Tell of every loss, those so far included."""
        with self._lock:
            self._tell_lost, so_far = tell, self._lost
        if so_far:
            tell(so_far)

    def drain(self, timeout: float) -> bool:
        """Wait for a moment in which nothing is in hand."""
        with self._lock:
            self._awaited = True
            return self._settled.wait_for(lambda: self.open == 0, timeout)


class Leased(Incoming):
    """One message in hand; what comes after the first ack or nack is ignored.

    `message` is the client's, None once it is settled.
    """

    __slots__ = ("leases", "message")

    def __init__(self, topic: str, message: Delivery, at: datetime, leases: Leases) -> None:
        self.topic = topic
        self.message_id = message.message_id
        self.data = message.data
        attributes = message.attributes
        self.attributes = {name: attributes[name] for name in attributes}  # quicker than dict()
        self.publish_time = message.publish_time
        self.received_at = at
        self.delivery_attempt = message.delivery_attempt
        self.message: Delivery | None = message
        self.leases = leases

    def ack(self) -> None:
        """Done with it."""
        message, self.message = self.message, None
        if message is not None:
            self.leases.acknowledge((message,))

    def nack(self) -> None:
        """Give it back: it comes again."""
        message, self.message = self.message, None
        if message is not None:
            message.nack()
            self.leases.give()


def ack_all(batch: Iterable[Incoming]) -> None:
    """Done with all of them: handed over together, not one by one, to whoever tells the broker."""
    done: dict[Leases, list[Delivery]] = {}
    for incoming in batch:
        if not isinstance(incoming, Leased):
            incoming.ack()
            continue
        message, incoming.message = incoming.message, None
        if message is not None:
            done.setdefault(incoming.leases, []).append(message)
    for leases, messages in done.items():
        leases.acknowledge(messages)


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
        answered: Callable[[], bool],
    ) -> None:
        self._future = future
        self._leases = leases
        self._translate = translate
        self._answered = answered

    @property
    def answered(self) -> bool:
        """Whether the broker has taken the call that is open now; not so while the client, or the
        connection, tries in vain.
        """
        return not self._future.done() and self._answered()

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

    def when_acks_lost(self, callback: Callable[[int], None]) -> None:
        """Call back with the number of acknowledgements that did not reach the broker."""
        self._leases.when_lost(callback)

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
