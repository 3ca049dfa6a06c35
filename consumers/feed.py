"""One subscription, one supervising thread, one live stream, one status, one watchdog.

A stream can be dead while it looks alive, and some errors end it for good. The supervisor judges
by messages: SILENT when none came for three cadences, or sooner (`watchdog.py`). It opens anew when
the silence lasts, when the channel was lost or the broker ended the stream, and never has two.
"""

import random
import threading
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from consumers.channel import ChannelStatus
from consumers.clock import Clock
from consumers.errors import NotFoundError, PubSubError
from consumers.feed_status import FeedRecord, FeedState, FeedStatus
from consumers.stream import Handler, Incoming, Stream, each
from consumers.subscription import SubscriptionSpec
from consumers.trace import WORKED_ON
from consumers.watchdog import Watchdog

__all__ = ["Feed", "FeedState", "FeedStatus", "Incoming", "each"]

log = structlog.get_logger(__name__)

TICK_S = 0.25  # how often the watchdog looks
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
LONGEST_LOSS_S = 30.0  # then a stream is tried even if the channel does not say that it is back
CLOSE_S = 2.0
LONGEST_CLOSE_S = 5.0  # once its handler is done: only what the broker did not hear is left
# In hand at once: with the client's 1,000 a stream stands still while a batch of them is committed.
MAX_MESSAGES = 2_000
FULL = 0.9  # of them in hand: the client stops reading at all of them, and begins again at 80 %
DRAIN_S = 1.5
FAULT_PAUSE_S = 0.1  # a handler that raises gets its message again at once: bounds that loop


class Broker(Protocol):
    """What a feed needs of `PubSub`."""

    def subscribe(
        self,
        subscription: str,
        topic: str,
        handle: Handler,
        *,
        max_messages: int = 1_000,
        together: int = 1,
    ) -> Stream:
        """Open a stream."""

    def ensure_subscription(self, spec: SubscriptionSpec) -> bool:
        """Create the subscription unless it exists; whether it was created."""

    def seek_back(self, name: str, by: timedelta) -> bool:
        """Let it begin in the past; whether it could be done."""

    def delete_subscription(self, name: str) -> None:
        """Delete it with all that waits in it."""

    def connectivity(self) -> ChannelStatus:
        """Whether the broker is reached."""


class Feed:
    """Hands every message of a subscription to `handle`, in order, in one thread.

    `handle` gets up to `together` at once (`each` makes one of a function for single messages). It
    acks or nacks each, later if it likes; if it raises, it gets them once more, one by one, and
    those over which it raises again are nacked.
    `cadence`: how often messages are expected, None if they come when they come. `recreate`: the
    feed's own ephemeral subscription, created when it does not exist; a production subscription is
    never created silently, for that would hide a loss. `delete`: it goes when the feed is stopped.

    The supervisor's thread alone opens and closes.
    """

    def __init__(
        self,
        *,
        pubsub: Broker,
        name: str,
        topic: str,
        subscription: str,
        handle: Handler,
        clock: Clock,
        cadence: timedelta | None,
        recreate: SubscriptionSpec | None = None,
        delete: bool = False,
        max_messages: int = MAX_MESSAGES,
        together: int = 1,
    ) -> None:
        self._pubsub = pubsub
        self._name = name
        self._topic = topic
        self._subscription = subscription
        self._handle = handle
        self._clock = clock
        self._recreate = recreate
        self._delete = delete and recreate is not None
        self._max_messages = max_messages
        self._together = together
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed-{name}", daemon=True)
        self._stream: Stream | None = None
        self._at_work = False  # the handler; set by the stream's thread
        self._removed = False
        self._back: timedelta | None = None  # of a wish that is still open
        self._record = FeedRecord(name, subscription, topic, clock)
        self._watchdog = Watchdog(self._record, cadence, clock)

    def start(self, back: timedelta | None = None) -> None:
        """Begin; returns at once.

        `back`: begin so far in the past, even if the subscription is known to the broker: whoever
        reads it has lost what it was given before.
        """
        self._back = back
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the stream and the thread; what is in hand gets a moment to be acknowledged."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def status(self) -> FeedStatus:
        """The feed now."""
        stream = self._stream
        return self._record.status(0 if stream is None else stream.outstanding)

    def _receive(self, stream: int, batch: Sequence[Incoming]) -> None:
        """On the stream's one callback thread; what supervises it is below, from `_run` on."""
        self._at_work = True
        try:
            self._record.received(stream, batch[-1].received_at, len(batch))
            self._hand_over(batch)
        finally:
            self._at_work = False

    def _hand_over(self, batch: Sequence[Incoming]) -> None:
        alone = len(batch) == 1
        if not self._handled(batch, last=alone) and not alone:
            for incoming in batch:  # one of them may have spoilt it for all
                self._handled((incoming,), last=True)
        WORKED_ON.set(None)

    def _handled(self, batch: Sequence[Incoming], *, last: bool) -> bool:
        """Whether the handler took it; if it was the last time, what it did not take goes back."""
        try:
            self._handle(batch)
        except Exception as error:  # it must not reach the client, who would call the stream done
            if last:
                WORKED_ON.set(batch[0])
                log.exception("feed_handler_failed", feed=self._name)
                self._record.faulted(error)
                self._stop.wait(FAULT_PAUSE_S)
                batch[0].nack()
            return False
        return True

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            before = self._record.messages
            error = self._once()
            if self._record.messages > before:
                failures = 0
            if error is not None and not self._stop.is_set():
                log.warning("feed_ended", feed=self._name, error=str(error))
                self._record.ended(error)
                self._stop.wait(_pause(failures))
                failures += 1
        if self._delete:
            self._remove()
        self._record.stopped()

    def _remove(self) -> None:
        """What cannot be deleted expires by itself; whatever happens here, the stream is closed."""
        if self._removed or not self._pubsub.connectivity().connected:
            return
        self._removed = True
        try:
            self._pubsub.delete_subscription(self._subscription)
        except NotFoundError:
            return
        except Exception as error:  # noqa: BLE001 - a closed channel raises what it likes
            log.warning("subscription_not_deleted", feed=self._name, error=str(error))

    def _once(self) -> Exception | None:
        """One stream from its opening to its end; None: open the next one at once."""
        try:
            self._await_closed()
            reached = self._await_channel()
            if not self._stop.is_set():
                self._prepare()
            return None if self._stop.is_set() else self._live(reached)
        except Exception as error:  # noqa: BLE001 - the supervisor must outlive whatever happens
            return error

    def _prepare(self) -> None:
        """A subscription that is made begins in the past by itself."""
        made = self._recreate is not None and self._pubsub.ensure_subscription(self._recreate)
        if made or (self._back and self._pubsub.seek_back(self._subscription, self._back)):
            self._back = None

    def _await_closed(self) -> None:
        """Wait until the stream before is over: beside it another would bring the same messages.

        As long as its handler is at work, however long that takes.
        """
        stream = self._stream
        patience = self._clock.monotonic() + LONGEST_CLOSE_S
        while stream is not None and not stream.ended and not self._stop.is_set():
            if self._at_work:
                self._record.blocked(stream.outstanding)
            elif self._clock.monotonic() > patience:
                log.warning("feed_stream_hangs", feed=self._name)
                return
            self._stop.wait(TICK_S)

    def _await_channel(self) -> bool:
        """Wait for the broker, but not for ever; whether it is reached."""
        patience = self._clock.monotonic() + LONGEST_LOSS_S
        while not self._stop.is_set() and self._clock.monotonic() < patience:
            channel = self._pubsub.connectivity()
            if channel.connected:
                return True
            self._record.lost(channel)
            self._stop.wait(TICK_S)
        return False

    def _live(self, reached: bool) -> Exception | None:
        stream = self._pubsub.subscribe(
            self._subscription,
            self._topic,
            partial(self._receive, self._record.opening()),
            max_messages=self._max_messages,
            together=self._together,
        )
        self._stream = stream
        self._record.opened()
        self._watchdog.opened()
        stream.when_acks_lost(self._record.acks_lost)
        stream.when_ended(self._wake.set)
        try:
            return self._watch(stream, reached)
        finally:
            connected = self._pubsub.connectivity().connected
            if self._stop.is_set() and self._delete:
                self._remove()  # at once: whoever ends us may not wait, and nothing of it is kept
            elif connected and self._stop.is_set():
                stream.drain(DRAIN_S)
            stream.close(CLOSE_S if connected else 0.0)

    def _watch(self, stream: Stream, reached: bool) -> Exception | None:
        """`reached`: whether the broker was when the stream was opened; if so, a loss before the
        first look at it is one too.
        """
        while not self._stop.is_set():
            self._wake.wait(TICK_S)
            self._wake.clear()
            if stream.ended:
                self._watchdog.lost()
                return stream.error or PubSubError("the stream ended and gave no reason")
            channel = self._pubsub.connectivity()
            if reached and not channel.connected:
                self._record.lost(channel)
                self._watchdog.lost()
                log.warning("feed_lost_the_broker", feed=self._name)
                return None
            reached = reached or channel.connected
            if reached and self._gives_up(stream):
                return None
        return None

    def _gives_up(self, stream: Stream) -> bool:
        in_hand = stream.outstanding
        blocked = self._at_work or in_hand >= FULL * self._max_messages
        return self._watchdog.gives_up(
            answered=stream.answered, blocked=in_hand if blocked else None
        )


def _pause(failures: int) -> float:
    """Full jitter, capped: seconds to wait after so many failures in a row."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10))
    return random.uniform(0, longest)  # noqa: S311 - nothing secret
