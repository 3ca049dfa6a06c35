"""What stands between the client's streaming pull and whoever handles its messages."""

from collections.abc import Callable, Sequence
from typing import Any

from consumers.acks import Acks
from consumers.clock import Clock
from consumers.scheduler import Callback, OneThread
from consumers.stream import Handler, Leases


class Receiver:
    """The scheduler and the callback to give to the client's `subscribe`.

    `acknowledge(ids)` is one call to the broker. `traced`: each message goes through the client's
    own callback and acknowledgement, where its spans end; else past both, many at a time.
    """

    def __init__(
        self,
        name: str,
        topic: str,
        handle: Handler,
        *,
        acknowledge: Callable[[Sequence[str]], None],
        clock: Clock,
        traced: bool,
        together: int,
    ) -> None:
        self._topic = topic
        self._handle = handle
        self._clock = clock
        self.leases = Leases(self._acknowledge_traced if traced else self._acknowledge)
        self._acks = Acks(f"acks-{name}", acknowledge, self.leases.give, self.leases.lose)
        work = self._work_traced if traced else self._work
        self.scheduler = OneThread(f"feed-{name}", work, self._acks.stop, together)

    def stop(self) -> None:
        """End what it began; for a stream that was never opened. Otherwise the client does."""
        self.scheduler.shutdown()

    def callback(self, message: Any) -> None:
        """One message, by the client."""
        self._take((message,))

    def _work(self, _callback: Callback, messages: Sequence[Any]) -> None:
        self._take(messages)  # all that the client's callback would add are spans

    def _work_traced(self, callback: Callback, messages: Sequence[Any]) -> None:
        for message in messages:
            callback(message)

    def _take(self, messages: Sequence[Any]) -> None:
        self._handle(self.leases.take(self._topic, messages, self._clock.now()))

    def _acknowledge(self, messages: Sequence[Any]) -> None:
        self._acks.put(messages)

    def _acknowledge_traced(self, messages: Sequence[Any]) -> None:
        for message in messages:
            message.ack()  # a hundred in a call
        self.leases.give(len(messages))
