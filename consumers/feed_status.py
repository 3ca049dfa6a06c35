"""What a feed tells of itself: its state, since when, and what it counted."""

import threading
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consumers.channel import ChannelStatus
from consumers.clock import Clock
from consumers.errors import (
    CredentialsError,
    DeniedError,
    NotFoundError,
    UnfitError,
)


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
    `acks_lost`: acknowledgements of which the broker did not hear; their messages come again.
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
    acks_lost: int = 0


class FeedRecord:
    """The figures behind a feed's status; `_lock` guards all that begins with an underscore.

    The stream's thread writes what came, the supervisor's what became of the stream.
    """

    def __init__(self, name: str, subscription: str, topic: str, clock: Clock) -> None:
        self.name = name
        self._subscription = subscription
        self._topic = topic
        self._clock = clock
        self._lock = threading.Lock()
        self._state, self._since = FeedState.CONNECTING, clock.now()
        self._streams = 0
        self._numbered = 0
        self._current: int | None = None  # the stream whose messages show that the feed lives
        self._messages = 0
        self._faults = 0
        self._acks_lost = 0
        self._last_message_at: datetime | None = None
        self._heard = clock.monotonic()
        self._last_error: str | None = None

    @property
    def messages(self) -> int:
        """How many came."""
        return self._messages

    @property
    def heard(self) -> float:
        """When the last one came, in monotonic seconds; before the first, when this was made."""
        return self._heard

    def opening(self) -> int:
        """The number of the stream that is opened next; those before it say nothing any more."""
        with self._lock:
            self._numbered += 1
            self._current = self._numbered
            return self._numbered

    def received(self, stream: int, at: datetime, count: int = 1) -> None:
        """So many messages came of that stream: if it is the present one, the feed lives."""
        with self._lock:
            self._messages += count
            self._last_message_at = at
            if stream != self._current:
                return
            self._heard = self._clock.monotonic()
            if self._state is not FeedState.LIVE:
                self._turn(FeedState.LIVE)

    def faulted(self, error: Exception) -> None:
        """The handler raised."""
        with self._lock:
            self._faults += 1
            self._last_error = f"handler: {type(error).__name__}: {error}"

    def acks_lost(self, count: int) -> None:
        """The broker did not hear of so many acknowledgements."""
        with self._lock:
            self._acks_lost += count
            self._last_error = f"acknowledgements lost: {count}"

    def opened(self) -> None:
        """One more stream."""
        with self._lock:
            self._streams += 1

    def lost(self, channel: ChannelStatus) -> None:
        """The broker is not reached."""
        with self._lock:
            self._current = None
            self._turn(FeedState.CONNECTING)
            self._last_error = channel.error or self._last_error

    def ended(self, error: Exception) -> None:
        """The stream ended, or could not be opened, for this reason."""
        with self._lock:
            self._current = None
            self._last_error = str(error)
            match error:
                case DeniedError() | CredentialsError():
                    self._turn(FeedState.DENIED)
                case NotFoundError() | UnfitError():
                    self._turn(FeedState.MISSING)
                case _:
                    self._turn(FeedState.CONNECTING)

    def silent(self, heard: float) -> None:
        """Nothing came since `heard`, and that is too long; unless something has come by now."""
        with self._lock:
            if self._heard <= heard:
                self._turn(FeedState.SILENT)

    def stopped(self) -> None:
        """It is over."""
        with self._lock:
            self._current = None
            self._turn(FeedState.STOPPED)

    def blocked(self, in_hand: int) -> None:
        """Nothing comes because what came is not done with yet."""
        with self._lock:
            self._last_error = f"blocked: {in_hand} in hand"

    def unanswered(self) -> None:
        """The broker has not taken the stream's call: nothing shows that the feed lives."""
        with self._lock:
            if self._state is FeedState.LIVE:
                self._turn(FeedState.CONNECTING)

    def accepted(self, *, live: bool) -> None:
        """The stream was not refused: `live` where nothing need come, else merely not refused."""
        with self._lock:
            if live:
                self._turn(FeedState.LIVE)
            elif self._state in (FeedState.DENIED, FeedState.MISSING):
                self._turn(FeedState.CONNECTING)

    def status(self, outstanding: int) -> FeedStatus:
        """All of it, at one moment."""
        with self._lock:
            return FeedStatus(
                name=self.name,
                subscription=self._subscription,
                topic=self._topic,
                state=self._state,
                since=self._since,
                restarts=max(0, self._streams - 1),
                messages=self._messages,
                last_message_at=self._last_message_at,
                last_error=self._last_error,
                outstanding=outstanding,
                faults=self._faults,
                acks_lost=self._acks_lost,
            )

    def _turn(self, state: FeedState) -> None:
        """Change the state; the caller holds the lock."""
        if state is not self._state:
            self._state, self._since = state, self._clock.now()
