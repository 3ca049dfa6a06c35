"""One stream at a time, and back by itself from every fault."""

import os
import signal
import threading
from datetime import timedelta
from typing import Any

import pytest

from consumers import feed as feeds
from consumers.clock import SystemClock
from consumers.errors import (
    CredentialsError,
    DeniedError,
    InvalidRequestError,
    NotFoundError,
    PubSubError,
    UnfitError,
)
from consumers.feed import Feed, FeedState, Incoming
from consumers.monitoring import BacklogSource
from consumers.pubsub import PubSub, SubscriptionSpec
from consumers.stream import Stream
from consumers.topology import PRICES
from embedded.broker import BrokerProcess
from tests.consumers.feed.scripted import SPEC, Scripted, made, publish, turns
from tests.support import eventually


def test_a_missing_subscription_is_said_and_read_as_soon_as_it_exists(
    pubsub: PubSub, broker: BrokerProcess, project: str
) -> None:
    feed = made(pubsub)
    status = turns(feed, FeedState.MISSING)
    assert status.last_error == f"subscription {SPEC.name} does not exist"
    eventually(lambda: feed.status().restarts >= 2)
    assert feed.status().since == status.since  # trying again is no news
    assert pubsub.subscriptions() == ()  # never created silently
    pubsub.ensure_subscription(SPEC)
    publish(pubsub, b"1")
    turns(feed, FeedState.LIVE)
    source = BacklogSource(project, broker.address, SystemClock())
    eventually(lambda: source.poll(timedelta(seconds=3))[SPEC.name].streams == 1)
    source.close()
    feed.stop()


def test_a_deleted_subscription_of_our_own_is_created_again(pubsub: PubSub) -> None:
    feed = made(pubsub, recreate=SPEC)
    turns(feed, FeedState.LIVE)
    pubsub.delete_subscription(SPEC.name)
    eventually(lambda: pubsub.subscriptions() == (SPEC.name,))
    publish(pubsub, b"1")
    eventually(lambda: feed.status().messages == 1)
    turns(feed, FeedState.LIVE)
    feed.stop()


def test_a_feed_survives_the_death_of_its_broker() -> None:
    with BrokerProcess() as broker:
        pubsub = PubSub("test", broker.address)
        pubsub.ensure_topic(PRICES)
        feed = made(pubsub, recreate=SPEC)
        turns(feed, FeedState.LIVE)
        publish(pubsub, b"1")
        eventually(lambda: feed.status().messages == 1)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        status = turns(feed, FeedState.CONNECTING, timeout=5)
        eventually(lambda: feed.status().last_error == f"broker {broker.address} is unreachable")
        broker.start()
        turns(feed, FeedState.MISSING)  # the new broker knows neither topic nor subscription
        assert feed.status().since > status.since
        pubsub.ensure_topic(PRICES)
        turns(feed, FeedState.LIVE)
        publish(pubsub, b"2")
        eventually(lambda: feed.status().messages == 2)
        source = BacklogSource("test", broker.address, SystemClock())
        assert source.poll(timedelta(seconds=3))[SPEC.name].streams == 1
        source.close()
        feed.stop()
        pubsub.close()


def test_a_feed_waits_for_a_broker_that_is_not_there_yet() -> None:
    with BrokerProcess() as broker:
        address = broker.address
        broker.stop()
        pubsub = PubSub("test", address)
        feed = made(pubsub, recreate=SPEC)
        eventually(lambda: feed.status().last_error is not None)
        assert feed.status().state is FeedState.CONNECTING
        broker.start()
        other = PubSub("test", address)
        other.ensure_topic(PRICES)
        turns(feed, FeedState.LIVE)
        feed.stop()
        other.close()
        pubsub.close()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DeniedError("subscription", SPEC.name, "no role"), "not allowed to use subscription"),
        (CredentialsError("expired"), "credentials are missing or not accepted: expired"),
    ],
)
def test_a_refusal_is_named_and_a_repair_is_found(error: PubSubError, text: str) -> None:
    broker = Scripted(errors=[error, error])
    feed = made(broker)
    assert (turns(feed, FeedState.DENIED).last_error or "").startswith(text)
    turns(feed, FeedState.LIVE)
    assert broker.opened == 3
    assert feed.status().restarts == 2
    feed.stop()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (NotFoundError("subscription", SPEC.name), FeedState.MISSING),
        (UnfitError("subscription", SPEC.name, "detached"), FeedState.MISSING),
        (InvalidRequestError("subscription", SPEC.name, "odd"), FeedState.CONNECTING),
        (PubSubError("odd"), FeedState.CONNECTING),
    ],
)
def test_only_what_is_known_to_be_missing_is_called_so(
    error: PubSubError, state: FeedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_pause", lambda _failures: 60.0)
    feed = made(Scripted(errors=[error]))
    eventually(lambda: feed.status().last_error == str(error))
    assert feed.status().state is state
    feed.stop()


def test_a_stream_that_ends_without_a_reason_is_not_called_missing() -> None:
    broker = Scripted()
    feed = made(broker)
    turns(feed, FeedState.LIVE)
    broker.open[0].set_result(None)
    eventually(lambda: feed.status().last_error == "the stream ended and gave no reason")
    turns(feed, FeedState.LIVE)
    feed.stop()


def test_pauses_are_jittered_capped_and_grow() -> None:
    assert all(0 <= feeds._pause(n) <= min(5.0, 0.5 * 2**n) for n in range(50) for _ in range(20))
    assert max(feeds._pause(40) for _ in range(200)) > 3


def test_only_a_message_resets_the_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def pause(failures: int) -> float:
        asked.append(failures)
        return 0.0

    monkeypatch.setattr(feeds, "_pause", pause)
    missing = NotFoundError("subscription", SPEC.name)
    broker = Scripted(errors=[missing, missing])
    feed = made(broker)
    turns(feed, FeedState.LIVE)
    broker.open[-1].set_exception(missing)
    eventually(lambda: broker.opened == 4)
    broker.deliver()
    broker.open[-1].set_exception(missing)
    eventually(lambda: broker.opened == 5)
    assert asked == [0, 1, 2, 0]
    feed.stop()


def test_a_pause_does_not_delay_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_pause", lambda _failures: 60.0)
    feed = made(Scripted(errors=[NotFoundError("subscription", SPEC.name)]))
    turns(feed, FeedState.MISSING)
    feed.stop(2)
    assert feed.status().state is FeedState.STOPPED


def test_a_lost_channel_closes_the_stream_and_its_return_opens_another() -> None:
    broker = Scripted()
    feed = made(broker)
    turns(feed, FeedState.LIVE)
    broker.connected = False
    eventually(lambda: broker.open[0].done())
    assert turns(feed, FeedState.CONNECTING).last_error == "gone"
    broker.connected = True
    turns(feed, FeedState.LIVE)
    assert broker.opened == 2
    feed.stop()


class Fleeting(Scripted):
    """Loses the connection at the moment in which the first stream is opened."""

    def subscribe(self, *args: Any, **options: Any) -> Stream:
        stream = super().subscribe(*args, **options)
        self.connected = self.opened > 1
        return stream


def test_a_loss_before_the_first_look_at_a_stream_is_seen() -> None:
    broker = Fleeting()
    feed = made(broker)
    eventually(lambda: bool(broker.open) and broker.open[0].done())
    turns(feed, FeedState.CONNECTING)
    assert feed.status().last_error == "gone"
    broker.connected = True
    turns(feed, FeedState.LIVE)
    assert broker.opened == 2
    feed.stop()


def test_no_stream_is_opened_while_the_handler_of_the_one_before_is_at_work(
    pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "CLOSE_S", 0.1)
    monkeypatch.setattr(feeds, "LONGEST_CLOSE_S", 0.1)
    begun, go = threading.Event(), threading.Event()

    def handle(incoming: Incoming) -> None:
        begun.set()
        assert go.wait(20)
        incoming.ack()

    feed = made(pubsub, handle, recreate=SPEC)
    turns(feed, FeedState.LIVE)
    publish(pubsub, b"1")
    assert begun.wait(5)
    pubsub.delete_subscription(SPEC.name)  # ends the stream
    eventually(lambda: feed.status().last_error == "blocked: 1 in hand")
    assert (feed.status().restarts, pubsub.subscriptions()) == (0, ())
    go.set()
    turns(feed, FeedState.LIVE)
    assert feed.status().restarts == 1
    feed.stop()


def test_a_subscription_that_cannot_be_deleted_keeps_no_stream_open() -> None:
    tried: list[str] = []

    class Closed(Scripted):
        def delete_subscription(self, name: str) -> None:
            tried.append(name)
            raise ValueError("Cannot invoke RPC on closed channel!")

    broker = Closed()
    feed = Feed(
        pubsub=broker,
        name="prices",
        topic=PRICES,
        subscription=SPEC.name,
        handle=lambda _batch: None,
        clock=SystemClock(),
        cadence=None,
        recreate=SPEC,
        delete=True,
    )
    feed.start()
    turns(feed, FeedState.LIVE)
    feed.stop()
    assert tried == [SPEC.name]
    assert broker.open[0].done()
    assert feed.status().state is FeedState.STOPPED


def test_whoever_lost_what_it_was_given_seeks_back_until_it_is_done_and_once() -> None:
    broker = Scripted(unsought=1, errors=[PubSubError("gone")])
    feed = made(broker, recreate=SPEC, back=timedelta(hours=1))
    eventually(lambda: broker.opened == 2)
    assert broker.sought == [timedelta(hours=1)] * 2
    broker.open[-1].set_exception(PubSubError("gone again"))
    eventually(lambda: broker.opened == 3)
    assert len(broker.sought) == 2
    feed.stop()


def test_an_error_nobody_foresaw_does_not_end_the_supervisor() -> None:
    class Broken(Scripted):
        def ensure_subscription(self, spec: SubscriptionSpec) -> bool:
            del spec
            if tried:
                return False
            tried.append("once")
            raise ZeroDivisionError("odd")

    tried = list[str]()
    feed = made(Broken(), recreate=SPEC)
    turns(feed, FeedState.LIVE)
    assert feed.status().last_error == "odd"
    feed.stop()
