"""Judges a feed's stream by its messages: a stream can be dead while it looks alive."""

from datetime import timedelta

import structlog

from consumers.clock import Clock
from consumers.feed_status import FeedRecord

log = structlog.get_logger(__name__)

SETTLED_S = 1.0  # a stream that lives this long has not been refused
SILENT_AFTER = 3  # cadences
SOON = timedelta(seconds=4.5)  # a fast feed's silence is marked within 5 s, if two cadences fit in
REOPEN_AFTER = timedelta(seconds=60)  # of silence; or ten cadences, if that is longer
TRIAL_S = 10.0  # of a stream that is not answered: its own connection may not stand
LONGEST_TRIAL_S = 15.0  # where messages are expected; elsewhere it doubles
TRIALS = 5  # after so many they are further apart
LATER_TRIAL_S = 160.0
LATER_EXPECTED_S = 60.0


class Watchdog:
    """One feed's; used by its supervisor's thread alone.

    `cadence`: how often messages are expected, None if they come when they come.
    """

    def __init__(self, record: FeedRecord, cadence: timedelta | None, clock: Clock) -> None:
        self._record = record
        self._clock = clock
        self._silent_s = None if cadence is None else silence(cadence).total_seconds()
        self._reopen_s = max(REOPEN_AFTER, 10 * (cadence or timedelta())).total_seconds()
        self._opened = self._answered = clock.monotonic()  # the stream; when it last was
        self._blocked = self._opened  # when our own side last held it back
        self._first: float | None = None  # when the first stream since the last loss was opened
        self._trials = 1  # streams that were not answered, this one included

    def lost(self) -> None:
        """The connection was lost, or the broker ended the stream: the next has to prove itself."""
        self._first, self._trials = None, 1

    def opened(self) -> None:
        """A stream was opened."""
        self._opened = self._answered = self._clock.monotonic()
        if self._first is None:
            self._first = self._opened

    def gives_up(self, *, answered: bool, blocked: int | None = None) -> bool:
        """Whether it is time to try another stream than the present one; notes its silence.

        `answered`: whether the broker has taken its call. `blocked`: how many messages are in hand
        if no more can come before some of them are done with: then it is not the stream that is
        silent, and another would bring the same messages.
        """
        now = self._clock.monotonic()
        if blocked is not None:
            self._blocked = now
            if now - self._record.heard > (self._silent_s or SOON.total_seconds()):
                self._record.blocked(blocked)
        if answered:
            self._answered, self._trials = now, 1
        self._judge(now, answered)
        if blocked is not None:
            return False
        if self._tried_in_vain(now):
            log.warning("feed_stream_tried_in_vain", feed=self._record.name)
            return True
        if self._silent_s is None or now - self._quiet(self._opened) <= self._reopen_s:
            return False
        log.warning("feed_reopened_after_silence", feed=self._record.name)
        return True

    def _judge(self, now: float, answered: bool) -> None:
        """Say what the stream is worth: of one without a cadence its answer is the only sign."""
        settled = now - self._opened > SETTLED_S
        if self._silent_s is None:
            if answered and settled:
                self._record.accepted(live=True)
            elif now - self._answered > SETTLED_S:
                self._record.unanswered()
            return
        heard = self._record.heard
        # Over all streams since the loss: another stream is no sign of life.
        if settled and now - self._quiet(self._first or heard) > self._silent_s:
            self._record.silent(heard)
        elif settled:
            self._record.accepted(live=False)

    def _quiet(self, since: float) -> float:
        """Since when nothing came that could have, `since` at the earliest."""
        return max(self._record.heard, self._blocked, since)

    def _tried_in_vain(self, now: float) -> bool:
        """Whether the stream had its time to be answered.

        The channel that is watched is not the stream's: the one can be back while the other waits
        for a name to resolve, for a minute and longer; its call is not answered meanwhile.
        """
        if now - self._answered < self._trial():
            return False
        self._trials += 1
        return True

    def _trial(self) -> float:
        """How many seconds from its opening, or its last answer, a stream gets."""
        expected, later = self._silent_s is not None, self._trials > TRIALS
        if later:
            return LATER_EXPECTED_S if expected else LATER_TRIAL_S
        trial = TRIAL_S * 2.0 ** (self._trials - 1)
        return min(trial, LONGEST_TRIAL_S) if expected else trial


def silence(cadence: timedelta) -> timedelta:
    """How long nothing may come of what is expected every `cadence`: three of them, of a fast feed
    two or more."""
    return SOON if 2 * cadence <= SOON < SILENT_AFTER * cadence else SILENT_AFTER * cadence
