"""A feed is judged by its messages: in order, each settled, and none left in hand by a stop."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from consumers.clock import SystemClock
from consumers.feed import Feed, FeedState, Incoming
from consumers.pubsub import PubSub
from consumers.stream import Leases, ack_all
from consumers.topology import PRICES
from tests.consumers.feed.scripted import (
    NOW,
    SPEC,
    Scripted,
    feed_threads,
    made,
    publish,
    turns,
)
from tests.support import FakeClock, eventually


def test_messages_come_in_order_and_the_feed_is_live(pubsub: PubSub) -> None:
    got: list[bytes] = []

    def handle(incoming: Incoming) -> None:
        got.append(incoming.data)
        incoming.ack()

    feed = made(pubsub, handle, recreate=SPEC, cadence=timedelta(seconds=30))
    eventually(lambda: pubsub.subscriptions() == (SPEC.name,))
    assert feed.status().state is FeedState.CONNECTING  # a stream that is open proves nothing
    publish(pubsub, *(str(n).encode() for n in range(20)))
    status = turns(feed, FeedState.LIVE)
    eventually(lambda: got == [str(n).encode() for n in range(20)])
    eventually(lambda: feed.status().outstanding == 0)
    status = feed.status()
    assert (status.messages, status.restarts, status.last_error) == (20, 0, None)
    assert status.last_message_at is not None
    feed.stop()
    assert feed.status().state is FeedState.STOPPED
    assert feed_threads() == []


def test_a_feed_without_cadence_is_live_once_it_is_not_refused(pubsub: PubSub) -> None:
    pubsub.ensure_subscription(SPEC)
    feed = made(pubsub)
    turns(feed, FeedState.LIVE)
    feed.stop()


def test_a_stream_that_is_open_but_not_answered_does_not_look_alive() -> None:
    broker, clock = Scripted(answers=False), FakeClock()
    feed = made(broker, clock=clock)
    eventually(lambda: broker.opened == 1)
    clock.advance(5)
    eventually(lambda: feed._watchdog._opened < clock.monotonic())
    assert feed.status().state is FeedState.CONNECTING
    clock.advance(6)
    eventually(lambda: broker.opened == 2)
    assert broker.open[0].done()
    assert feed.status().state is FeedState.CONNECTING
    broker.answers = True
    clock.advance(2)
    turns(feed, FeedState.LIVE)
    feed.stop()


def test_a_handler_that_raises_gets_its_message_again_and_the_stream_goes_on(
    pubsub: PubSub,
) -> None:
    got: list[bytes] = []

    def handle(incoming: Incoming) -> None:
        got.append(incoming.data)
        if len(got) == 1:
            raise ZeroDivisionError("once")
        incoming.ack()

    feed = made(pubsub, handle, recreate=SPEC)
    turns(feed, FeedState.LIVE)
    publish(pubsub, b"1", b"2")
    eventually(lambda: sorted(got) == [b"1", b"1", b"2"])
    status = feed.status()
    assert (status.faults, status.restarts, status.state) == (1, 0, FeedState.LIVE)
    assert status.last_error == "handler: ZeroDivisionError: once"
    feed.stop()


def test_a_message_over_which_a_handler_raises_costs_the_others_of_its_batch_nothing() -> None:
    broker, told = Scripted(), list[str]()

    def handle(batch: Sequence[Incoming]) -> None:
        if any(incoming.data == b"bad" for incoming in batch):
            raise ZeroDivisionError
        ack_all(batch)

    feed = Feed(
        pubsub=broker,
        name="prices",
        topic=PRICES,
        subscription=SPEC.name,
        handle=handle,
        clock=SystemClock(),
        cadence=None,
        together=500,
    )
    feed.start()
    eventually(lambda: broker.opened == 1)
    broker.handle(
        [
            Incoming(
                *(PRICES, str(n), data, {}, NOW, NOW, None),
                ack=partial(told.append, f"ack {n}"),
                nack=partial(told.append, f"nack {n}"),
            )
            for n, data in enumerate((b"good", b"bad", b"good"))
        ]
    )
    assert told == ["ack 0", "nack 1", "ack 2"]
    assert (feed.status().messages, feed.status().faults) == (3, 1)
    feed.stop()


def test_acknowledgements_that_the_broker_did_not_hear_of_are_counted_and_said() -> None:
    broker = Scripted()
    feed = made(broker)
    turns(feed, FeedState.LIVE)
    broker.leases.lose(2)
    broker.leases.lose(3)
    status = feed.status()
    assert (status.acks_lost, status.last_error) == (5, "acknowledgements lost: 3")
    feed.stop()


def test_losses_before_anybody_asks_are_told_once() -> None:
    leases, told = Leases(lambda _message: None), list[int]()
    leases.lose(2)
    leases.when_lost(told.append)
    leases.lose(1)
    assert told == [2, 1]


def test_a_stop_lets_what_is_in_hand_be_acknowledged(pubsub: PubSub) -> None:
    held: list[Incoming] = []
    feed = made(pubsub, held.append, recreate=SPEC)
    turns(feed, FeedState.LIVE)
    publish(pubsub, b"1")
    eventually(lambda: held)
    assert feed.status().outstanding == 1
    late = threading.Timer(0.3, lambda: held[0].ack())
    late.start()
    feed.stop()
    late.join()
    again = made(pubsub, recreate=SPEC)
    turns(again, FeedState.LIVE)
    assert again.status().messages == 0
    again.stop()


def test_a_stop_ends_within_five_seconds_though_nobody_acknowledges(pubsub: PubSub) -> None:
    feed = made(pubsub, lambda _incoming: None, recreate=SPEC)
    turns(feed, FeedState.LIVE)
    publish(pubsub, b"1")
    eventually(lambda: feed.status().messages == 1)
    feed.stop(5)
    assert feed.status().state is FeedState.STOPPED
    assert feed_threads() == []
