"""A stream is worth what it shows: an answer where nothing need come, messages where they must."""

from datetime import UTC, datetime, timedelta

from consumers.channel import ChannelStatus
from consumers.feed_status import FeedRecord, FeedState
from consumers.watchdog import Watchdog
from tests.support import FakeClock

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Watched:
    """A feed's record and its watchdog, looked at four times a second of a clock moved by hand."""

    def __init__(self, cadence: float | None) -> None:
        self.clock = FakeClock(NOW)
        self.record = FeedRecord("f", "s", "t", self.clock)
        every = None if cadence is None else timedelta(seconds=cadence)
        self.watchdog = Watchdog(self.record, every, self.clock)
        self.openings = 0
        self.open()

    def open(self) -> None:
        self.openings += 1
        self.stream = self.record.opening()
        self.record.opened()
        self.watchdog.opened()

    def passes(self, seconds: float, *, answered: bool, blocked: int | None = None) -> None:
        """So much time, in which whatever is given up is opened anew."""
        for _ in range(int(seconds * 4)):
            self.clock.advance(0.25)
            if self.watchdog.gives_up(answered=answered, blocked=blocked):
                self.open()

    @property
    def state(self) -> FeedState:
        return self.record.status(0).state


def test_where_nothing_need_come_an_answer_alone_is_a_sign_of_life() -> None:
    feed = Watched(None)
    feed.passes(9, answered=False)
    assert feed.state is FeedState.CONNECTING
    feed.passes(2, answered=True)
    assert feed.state is FeedState.LIVE
    feed.passes(2, answered=False)  # the client's next call does not get through
    assert feed.state is FeedState.CONNECTING


def test_a_stream_that_is_not_answered_is_tried_anew_ever_more_rarely() -> None:
    feed = Watched(None)
    feed.passes(10 + 20 + 40 + 80 + 160, answered=False)
    assert feed.openings == 1 + 5
    feed.passes(1_600, answered=False)
    assert feed.openings == 1 + 5 + 10


def test_an_answered_stream_is_left_alone_where_nothing_need_come() -> None:
    feed = Watched(None)
    feed.passes(3_600, answered=True)
    assert (feed.openings, feed.state) == (1, FeedState.LIVE)


def test_a_slow_feed_that_brings_nothing_after_a_loss_is_silent_after_three_cadences() -> None:
    feed = Watched(30)
    feed.record.received(feed.stream, NOW)
    feed.passes(20, answered=True)
    assert feed.state is FeedState.LIVE
    feed.watchdog.lost()
    feed.record.lost(ChannelStatus(False, NOW, "gone"))
    feed.open()
    feed.passes(89, answered=True)
    assert (feed.state, feed.openings) == (FeedState.CONNECTING, 2)
    feed.passes(3, answered=True)
    assert (feed.state, feed.openings) == (FeedState.SILENT, 2)
    feed.passes(600, answered=True)
    assert (feed.state, feed.openings) == (FeedState.SILENT, 4)  # one more every ten cadences


def test_silence_is_counted_over_all_streams_since_a_loss() -> None:
    feed = Watched(30)
    feed.passes(92, answered=False)
    assert feed.state is FeedState.SILENT
    assert feed.openings == 1 + 5  # after 10, 25, 40, 55 and 70 s
    feed.passes(600, answered=False)
    assert feed.openings == 1 + 5 + 10


def test_a_stream_that_may_bring_no_more_is_not_silent_but_blocked() -> None:
    feed = Watched(1)
    feed.record.received(feed.stream, NOW)
    feed.passes(600, answered=True, blocked=2_000)
    assert (feed.state, feed.openings) == (FeedState.LIVE, 1)
    assert feed.record.status(0).last_error == "blocked: 2000 in hand"
    feed.passes(2, answered=True)
    assert feed.state is FeedState.LIVE
    feed.passes(2, answered=True)
    assert (feed.state, feed.openings) == (FeedState.SILENT, 1)


def test_late_messages_of_a_stream_before_do_not_make_a_feed_live() -> None:
    feed = Watched(1)
    old = feed.stream
    feed.record.lost(ChannelStatus(False, NOW, "gone"))
    feed.record.received(old, NOW)
    assert feed.state is FeedState.CONNECTING
    feed.open()
    feed.record.received(old, NOW)
    assert feed.state is FeedState.CONNECTING
    feed.record.received(feed.stream, NOW)
    assert feed.state is FeedState.LIVE
    feed.record.stopped()
    feed.record.received(feed.stream, NOW)
    assert feed.state is FeedState.STOPPED
    assert feed.record.messages == 4
