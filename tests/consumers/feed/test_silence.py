"""Silence is noticed after three cadences and is no fault of the stream."""

from datetime import timedelta

import pytest

from consumers import watchdog
from consumers.feed import FeedState
from consumers.pubsub import PubSub
from tests.consumers.feed.scripted import SPEC, Scripted, made, publish, turns
from tests.support import FakeClock, eventually


def test_silence_is_noticed_after_three_cadences_and_ends_with_a_message(pubsub: PubSub) -> None:
    feed = made(pubsub, recreate=SPEC, cadence=timedelta(seconds=0.2))
    turns(feed, FeedState.SILENT)
    publish(pubsub, b"1")
    turns(feed, FeedState.LIVE)
    turns(feed, FeedState.SILENT)
    assert feed.status().restarts == 0
    feed.stop()


@pytest.mark.parametrize(
    ("cadence", "silent"), [(0.2, 0.6), (1.5, 4.5), (2, 4.5), (2.25, 4.5), (3, 9), (30, 90)]
)
def test_three_cadences_are_silence_and_four_and_a_half_seconds_where_two_fit_in(
    cadence: float, silent: float
) -> None:
    assert watchdog.silence(timedelta(seconds=cadence)) == timedelta(seconds=silent)


def test_a_long_silence_gets_a_new_stream_and_stays_silence() -> None:
    broker, clock = Scripted(), FakeClock()
    feed = made(broker, cadence=timedelta(seconds=10), clock=clock)
    eventually(lambda: broker.opened == 1)
    broker.deliver()
    turns(feed, FeedState.LIVE)
    clock.advance(31)
    silent = turns(feed, FeedState.SILENT)
    clock.advance(70)
    eventually(lambda: broker.opened == 2)
    assert broker.open[0].done()
    assert feed.status().since == silent.since
    broker.deliver()
    turns(feed, FeedState.LIVE)
    feed.stop()
