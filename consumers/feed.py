"""One subscription, one supervising thread, one live stream, one status, one watchdog.

A stream can be dead while it looks alive, and some errors end it for good. The supervisor judges
by messages: SILENT when none came for three cadences. It opens anew when the silence lasts, when
the channel was lost or the broker ended the stream, and never has two streams.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from consumers.channel import ChannelStatus
from consumers.clock import Clock
from consumers.errors import (
    CredentialsError,
    DeniedError,
    InvalidRequestError,
    NotFoundError,
    PubSubError,
)
from consumers.stream import Incoming, Stream
from consumers.subscription import SubscriptionSpec
from consumers.trace import WORKED_ON

__all__ = ["Feed", "FeedState", "FeedStatus", "Incoming"]

log = structlog.get_logger(__name__)

TICK_S = 0.25  # how often the watchdog looks
SETTLED_S = 1.0  # a stream that lives this long has not been refused
SILENT_AFTER = 3  # cadences
REOPEN_AFTER = timedelta(seconds=60)  # of silence; or ten cadences, if that is longer
TRIAL_S = 10.0  # of a stream after a loss that brings nothing: its own connection may not stand
LONGEST_TRIAL_S = 15.0  # where messages are expected; elsewhere it doubles, and TRIALS are enough
TRIALS = 5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
LONGEST_LOSS_S = 30.0  # then a stream is tried even if the channel does not say that it is back
CLOSE_S = 2.0
# In hand at once: with the client's 1,000 a stream stands still while a batch of them is committed.
MAX_MESSAGES = 2_000
DRAIN_S = 1.5
FAULT_PAUSE_S = 0.1  # a handler that raises gets its message again at once: bounds that loop


class FeedState(StrEnum):
    """What a feed is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    SILENT = "silent"
    DENIED = "denied"
    MISSING = "missing"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A feed now. `restarts`: streams opened after the first. `outstanding`: handed to the handler
    and neither acked nor nacked yet. `faults`: times that the handler raised.
    """

    name: str
    subscription: str
    topic: str
    state: FeedState
    since: datetime
    restarts: int
    messages: int
    last_message_at: datetime | None
    last_error: str | None
    outstanding: int
    faults: int = 0


class Broker(Protocol):
    """What a feed needs of `PubSub`."""

    def subscribe(
        self,
        subscription: str,
        topic: str,
        handle: Callable[[Incoming], None],
        *,
        max_messages: int = 1_000,
    ) -> Stream:
        """Open a stream."""

    def ensure_subscription(self, spec: SubscriptionSpec) -> bool:
        """Create the subscription unless it exists."""

    def delete_subscription(self, name: str) -> None:
        """Delete it with all that waits in it."""

    def connectivity(self) -> ChannelStatus:
        """Whether the broker is reached."""


class Feed:
    """Hands every message of a subscription to `handle`, one after the other, in one thread.

    `handle` acks or nacks each message, later if it likes; if it raises, the message is nacked.
    `cadence`: how often messages are expected, None if they come when they come. `recreate`: the
    feed's own ephemeral subscription, created when it does not exist; a production subscription is
    never created silently, for that would hide a loss. `delete`: it goes when the feed is stopped.

    `_lock` guards the figures of the status. The supervisor's thread alone opens and closes.
    """

    def __init__(
        self,
        *,
        pubsub: Broker,
        name: str,
        topic: str,
        subscription: str,
        handle: Callable[[Incoming], None],
        clock: Clock,
        cadence: timedelta | None,
        recreate: SubscriptionSpec | None = None,
        delete: bool = False,
        max_messages: int = MAX_MESSAGES,
    ) -> None:
        self._pubsub = pubsub
        self._name = name
        self._topic = topic
        self._subscription = subscription
        self._handle = handle
        self._clock = clock
        self._silent_s = None if cadence is None else SILENT_AFTER * cadence.total_seconds()
        self._reopen_s = max(REOPEN_AFTER, 10 * (cadence or timedelta())).total_seconds()
        self._recreate = recreate
        self._delete = delete and recreate is not None
        self._max_messages = max_messages
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed-{name}", daemon=True)
        self._stream: Stream | None = None
        self._lock = threading.Lock()
        self._state, self._since = FeedState.CONNECTING, clock.now()
        self._streams = 0
        self._unproven = 0  # streams since a loss of the connection that brought no message
        self._messages = 0
        self._faults = 0
        self._last_message_at: datetime | None = None
        self._heard = clock.monotonic()
        self._last_error: str | None = None

    def start(self) -> None:
        """Begin; returns at once."""
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
        with self._lock:
            return FeedStatus(
                name=self._name,
                subscription=self._subscription,
                topic=self._topic,
                state=self._state,
                since=self._since,
                restarts=max(0, self._streams - 1),
                messages=self._messages,
                last_message_at=self._last_message_at,
                last_error=self._last_error,
                outstanding=0 if stream is None else stream.outstanding,
                faults=self._faults,
            )

    def _receive(self, incoming: Incoming) -> None:
        """On the stream's one callback thread; everything below runs on the supervisor's."""
        with self._lock:
            self._messages += 1
            self._last_message_at = incoming.received_at
            self._heard = self._clock.monotonic()
            if self._state is not FeedState.LIVE:
                self._turn(FeedState.LIVE)
        WORKED_ON.set(incoming)
        try:
            self._handle(incoming)
        except Exception as error:  # it must not reach the client, who would call the stream done
            log.exception("feed_handler_failed", feed=self._name, message_id=incoming.message_id)
            with self._lock:
                self._faults += 1
                self._last_error = f"handler: {type(error).__name__}: {error}"
            self._stop.wait(FAULT_PAUSE_S)
            incoming.nack()
        WORKED_ON.set(None)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            before = self._messages
            error = self._once()
            if self._messages > before:
                failures = 0
            if error is not None and not self._stop.is_set():
                self._note(error)
                self._stop.wait(_pause(failures))
                failures += 1
        if self._delete:
            self._remove()
        with self._lock:
            self._turn(FeedState.STOPPED)

    def _remove(self) -> None:
        """What cannot be deleted expires by itself."""
        if not self._pubsub.connectivity().connected:
            return
        try:
            self._pubsub.delete_subscription(self._subscription)
        except NotFoundError:
            return
        except PubSubError as error:
            log.warning("subscription_not_deleted", feed=self._name, error=str(error))

    def _once(self) -> Exception | None:
        """One stream from its opening to its end; None: open the next one at once."""
        try:
            self._await_channel()
            if self._recreate is not None and not self._stop.is_set():
                self._pubsub.ensure_subscription(self._recreate)
            return None if self._stop.is_set() else self._live()
        except Exception as error:  # noqa: BLE001 - the supervisor must outlive whatever happens
            return error

    def _await_channel(self) -> None:
        """Wait for the broker: a stream that finds none waits in the client for longer."""
        patience = self._clock.monotonic() + LONGEST_LOSS_S
        while not self._stop.is_set() and self._clock.monotonic() < patience:
            channel = self._pubsub.connectivity()
            if channel.connected:
                return
            self._lost(channel)
            self._stop.wait(TICK_S)

    def _lost(self, channel: ChannelStatus) -> None:
        with self._lock:
            self._turn(FeedState.CONNECTING)
            self._last_error = channel.error or self._last_error

    def _live(self) -> Exception | None:
        stream = self._pubsub.subscribe(
            self._subscription, self._topic, self._receive, max_messages=self._max_messages
        )
        self._stream = stream
        with self._lock:
            self._streams += 1
        stream.when_ended(self._wake.set)
        try:
            return self._watch(stream)
        finally:
            connected = self._pubsub.connectivity().connected
            if self._stop.is_set() and self._delete:
                self._remove()  # at once: whoever ends us may not wait, and nothing of it is kept
            elif connected and self._stop.is_set():
                stream.drain(DRAIN_S)
            if not stream.close(CLOSE_S if connected else 0.0) and connected:
                log.warning("feed_stream_hangs", feed=self._name)

    def _watch(self, stream: Stream) -> Exception | None:
        opened = self._clock.monotonic()
        reached = False
        while not self._stop.is_set():
            self._wake.wait(TICK_S)
            self._wake.clear()
            if stream.ended:
                return stream.error or NotFoundError("subscription", self._subscription)
            channel = self._pubsub.connectivity()
            if reached and not channel.connected:
                self._lost(channel)
                self._unproven = 1
                log.warning("feed_lost_the_broker", feed=self._name)
                return None
            reached = reached or channel.connected
            if reached and self._tried_in_vain(opened):
                log.warning("feed_stream_tried_in_vain", feed=self._name)
                return None
            if reached and self._silent_for_long(opened):
                log.warning("feed_reopened_after_silence", feed=self._name)
                return None
        return None

    def _tried_in_vain(self, opened: float) -> bool:
        """Whether a stream opened after a loss had its time and brought nothing.

        The channel that is watched is not the stream's: the one can be back while the other waits
        for a name to resolve, for a minute and longer.
        """
        with self._lock:
            if self._heard > opened:
                self._unproven = 0
        if not self._unproven or (self._silent_s is None and self._unproven > TRIALS):
            return False
        trial = TRIAL_S * 2 ** (min(self._unproven, TRIALS) - 1)
        if self._silent_s is not None:
            trial = min(trial, LONGEST_TRIAL_S)
        if self._clock.monotonic() - opened < trial:
            return False
        self._unproven += 1
        return True

    def _silent_for_long(self, opened: float) -> bool:
        """Judge the silence; whether it is time to try another stream."""
        now = self._clock.monotonic()
        with self._lock:
            silence = now - max(self._heard, opened)
            if self._silent_s is None:
                if now - opened > SETTLED_S and self._state is not FeedState.LIVE:
                    self._turn(FeedState.LIVE)
                return False
            if silence > self._silent_s:
                self._turn(FeedState.SILENT)
            elif now - opened > SETTLED_S and self._state in (FeedState.DENIED, FeedState.MISSING):
                self._turn(FeedState.CONNECTING)
            return silence > self._reopen_s

    def _note(self, error: Exception) -> None:
        log.warning("feed_ended", feed=self._name, error=str(error))
        with self._lock:
            self._last_error = str(error)
            match error:
                case DeniedError() | CredentialsError():
                    self._turn(FeedState.DENIED)
                case NotFoundError() | InvalidRequestError():
                    self._turn(FeedState.MISSING)
                case _:
                    self._turn(FeedState.CONNECTING)

    def _turn(self, state: FeedState) -> None:
        """Change the state; the caller holds the lock."""
        if state is not self._state:
            self._state, self._since = state, self._clock.now()


def _pause(failures: int) -> float:
    """Full jitter, capped: seconds to wait after so many failures in a row."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10))
    return random.uniform(0, longest)  # noqa: S311 - nothing secret
