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
TRIAL_S = 10.0  # of a stream after a loss that brings nothing: its own connection may not stand
LONGEST_TRIAL_S = 15.0  # where messages are expected; elsewhere it doubles, and TRIALS are enough
TRIALS = 5


class Watchdog:
    """One feed's; used by its supervisor's thread alone.

    `cadence`: how often messages are expected, None if they come when they come.
    """

    def __init__(self, record: FeedRecord, cadence: timedelta | None, clock: Clock) -> None:
        self._record = record
        self._clock = clock
        self._silent_s = None if cadence is None else silence(cadence).total_seconds()
        self._reopen_s = max(REOPEN_AFTER, 10 * (cadence or timedelta())).total_seconds()
        self._unproven = 0  # streams since a loss of the connection that brought no message

    def lost(self) -> None:
        """The connection was lost: the next streams have to prove themselves."""
        self._unproven = 1

    def gives_up(self, opened: float) -> bool:
        """Whether it is time to try another stream than the one opened then; notes silence."""
        if self._tried_in_vain(opened):
            log.warning("feed_stream_tried_in_vain", feed=self._record.name)
            return True
        if self._silent_for_long(opened):
            log.warning("feed_reopened_after_silence", feed=self._record.name)
            return True
        return False

    def _tried_in_vain(self, opened: float) -> bool:
        """Whether a stream opened after a loss had its time and brought nothing.

        The channel that is watched is not the stream's: the one can be back while the other waits
        for a name to resolve, for a minute and longer.
        """
        if self._record.heard > opened:
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
        settled = now - opened > SETTLED_S
        if self._silent_s is None:
            if settled:
                self._record.accepted(live=True)
            return False
        heard = self._record.heard
        silence = now - max(heard, opened)
        if silence > self._silent_s:
            self._record.silent(heard)
        elif settled:
            self._record.accepted(live=False)
        return silence > self._reopen_s


def silence(cadence: timedelta) -> timedelta:
    """How long nothing may come of what is expected every `cadence`: three of them, of a fast feed
    two or more."""
    return SOON if 2 * cadence <= SOON < SILENT_AFTER * cadence else SILENT_AFTER * cadence
