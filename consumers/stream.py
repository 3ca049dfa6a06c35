"""One open streaming pull, and the messages that come out of it."""

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consumers.errors import PubSubError


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came in. It is leased until `ack` or `nack` is called, from any thread.

    `delivery_attempt` is None unless the subscription has a dead-letter topic.
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


class Stream:
    """A streaming pull that goes on until it is closed or the broker ends it for good.

    The client reopens it by itself after transient faults; that it has not ended says nothing
    about messages flowing. Made by `PubSub.subscribe`.
    """

    def __init__(
        self, future: "Future[Any]", translate: Callable[[BaseException], PubSubError]
    ) -> None:
        self._future = future
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

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call back once it is over, on a thread of the client's, or at once if it is."""
        self._future.add_done_callback(lambda _: callback())

    def close(self, timeout: float) -> bool:
        """End it, the callback under way included; what was not handed out yet goes back.

        False when that took longer: the stream itself is shut by then, but a callback or an
        acknowledgement hangs.
        """
        self._future.cancel()
        try:
            self._future.exception(timeout)
        except FutureTimeoutError:
            return False
        except CancelledError:
            return True
        return True
