"""Feeds, and a broker that does what the test says."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from consumers import feed as feeds
from consumers.channel import ChannelStatus
from consumers.clock import SystemClock
from consumers.errors import PubSubError
from consumers.feed import Feed, FeedState, FeedStatus, Incoming
from consumers.pubsub import PubSub, SubscriptionSpec
from consumers.stream import Handler, Leases, Stream, ack_all, each
from consumers.topology import PRICES, ephemeral
from consumers.wire import Encoded
from tests.support import FakeClock, eventually

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SPEC = ephemeral("test", PRICES, "a1")


def ack(incoming: Incoming) -> None:
    """All that most handlers do."""
    incoming.ack()


def made(
    pubsub: feeds.Broker,
    handle: Callable[[Incoming], None] = ack,
    *,
    cadence: timedelta | None = None,
    recreate: SubscriptionSpec | None = None,
    clock: SystemClock | FakeClock | None = None,
    back: timedelta | None = None,
) -> Feed:
    """A started feed of prices."""
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
    feed.start(back)
    return feed


def turns(feed: Feed, state: FeedState, timeout: float = 10.0) -> FeedStatus:
    """Wait for the state; the status then."""
    eventually(lambda: feed.status().state is state, timeout, what=f"{state}: {feed.status()}")
    return feed.status()


def feed_threads() -> list[str]:
    """The names of those that run."""
    return [t.name for t in threading.enumerate() if t.name.startswith("feed-")]


def publish(pubsub: PubSub, *bodies: bytes) -> None:
    """Publish prices, one by one."""
    publisher = pubsub.publisher()
    for body in bodies:
        publisher.publish(PRICES, Encoded(body, {})).result(10)
    publisher.close()


@dataclass
class Scripted:
    """Answers each subscribe with the next error, or with a stream that just stays open."""

    errors: list[PubSubError] = field(default_factory=list)
    connected: bool = True
    open: list["Future[None]"] = field(default_factory=list)
    opened: int = 0
    handle: Handler = ack_all
    answers: bool = True
    unsought: int = 0  # times that seeking fails
    sought: list[timedelta] = field(default_factory=list)
    leases: Leases = field(default_factory=lambda: Leases(lambda _message: None))

    def connectivity(self) -> ChannelStatus:
        """Since ever as `connected` says."""
        return ChannelStatus(self.connected, NOW, None if self.connected else "gone")

    def ensure_subscription(self, spec: SubscriptionSpec) -> bool:
        """It is there already."""
        del spec
        return False

    def seek_back(self, name: str, by: timedelta) -> bool:
        """Done as often as it is not `unsought`."""
        del name
        self.sought.append(by)
        return len(self.sought) > self.unsought

    def delete_subscription(self, name: str) -> None:
        """Nothing to delete."""
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
        """The next stream, of which there is one at a time."""
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

        self.leases = Leases(lambda _message: None)
        return Stream(future, self.leases, translate, lambda: self.answers)

    def deliver(self, nack: Callable[[], None] = lambda: None) -> None:
        """One message to whoever subscribed last."""
        self.handle((Incoming(PRICES, "1", b"", {}, NOW, NOW, None, lambda: None, nack),))
