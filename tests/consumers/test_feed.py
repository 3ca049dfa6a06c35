"""A feed: judged by its messages, one stream at a time, back by itself from every fault."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from consumers import feed as feeds
from consumers import watchdog
from consumers.channel import ChannelStatus
from consumers.clock import SystemClock
from consumers.errors import CredentialsError, DeniedError, NotFoundError, PubSubError
from consumers.feed import Feed, FeedState, FeedStatus, Incoming
from consumers.monitoring import BacklogSource
from consumers.pubsub import PubSub, SubscriptionSpec
from consumers.stream import Handler, Leases, Stream, ack_all, each
from consumers.topology import PRICES, ephemeral
from consumers.wire import Encoded
from embedded.broker import BrokerProcess
from tests.support import FakeClock, eventually

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SPEC = ephemeral("test", PRICES, "a1")


def ack(incoming: Incoming) -> None:
    incoming.ack()


def made(
    pubsub: feeds.Broker,
    handle: Callable[[Incoming], None] = ack,
    *,
    cadence: timedelta | None = None,
    recreate: SubscriptionSpec | None = None,
    clock: SystemClock | FakeClock | None = None,
) -> Feed:
    feed = Feed(
        pubsub=pubsub,
        name="prices",
        topic=PRICES,
        subscription=SPEC.name,
        handle=each(handle),
        clock=clock or SystemClock(),
        cadence=cadence,
        recreate=recreate,
    )
    feed.start()
    return feed


def turns(feed: Feed, state: FeedState, timeout: float = 10.0) -> FeedStatus:
    eventually(lambda: feed.status().state is state, timeout, what=f"{state}: {feed.status()}")
    return feed.status()


def feed_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("feed-")]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "TICK_S", 0.05)
    monkeypatch.setattr(watchdog, "SETTLED_S", 0.3)
    monkeypatch.setattr(feeds, "DRAIN_S", 0.5)


@pytest.fixture
def pubsub(broker: BrokerProcess, project: str) -> Iterator[PubSub]:
    pubsub = PubSub(project, broker.address)
    pubsub.ensure_topic(PRICES)
    yield pubsub
    pubsub.close()


def publish(pubsub: PubSub, *bodies: bytes) -> None:
    publisher = pubsub.publisher()
    for body in bodies:
        publisher.publish(PRICES, Encoded(body, {})).result(10)
    publisher.close()


# On a real broker.


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


# On a broker that does what the test says.


@dataclass
class Scripted:
    """Answers each subscribe with the next error, or with a stream that just stays open."""

    errors: list[PubSubError] = field(default_factory=list)
    connected: bool = True
    open: list["Future[None]"] = field(default_factory=list)
    opened: int = 0
    handle: Handler = ack_all

    def connectivity(self) -> ChannelStatus:
        return ChannelStatus(self.connected, NOW, None if self.connected else "gone")

    def ensure_subscription(self, spec: SubscriptionSpec) -> bool:
        del spec
        return False

    def delete_subscription(self, name: str) -> None:
        del name

    def subscribe(
        self,
        subscription: str,
        topic: str,
        handle: Handler,
        *,
        max_messages: int = 1,
        together: int = 1,
    ) -> Stream:
        del subscription, topic, max_messages
        assert all(future.done() for future in self.open), "two streams at a time"
        future: Future[None] = Future()
        self.open.append(future)
        self.opened += 1
        self.handle = handle
        if self.errors:
            future.set_exception(self.errors.pop(0))

        def translate(error: BaseException) -> PubSubError:
            assert isinstance(error, PubSubError)
            return error

        return Stream(future, Leases(lambda _message: None), translate)

    def deliver(self, nack: Callable[[], None] = lambda: None) -> None:
        self.handle((Incoming(PRICES, "1", b"", {}, NOW, NOW, None, lambda: None, nack),))


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


def test_an_error_nobody_foresaw_does_not_end_the_supervisor() -> None:
    class Broken(Scripted):
        def ensure_subscription(self, spec: SubscriptionSpec) -> bool:
            del spec
            self.connected = True
            if self.opened or not self.errors:
                return False
            raise self.errors.pop()

    broker = Broken(errors=[PubSubError("odd")])
    feed = made(broker, recreate=SPEC)
    turns(feed, FeedState.LIVE)
    assert feed.status().last_error == "odd"
    feed.stop()
