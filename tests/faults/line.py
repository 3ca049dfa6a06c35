"""A steady line of numbered messages into a feed, and what became of each."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from consumers.clock import SystemClock
from consumers.feed import Feed, FeedState, FeedStatus, Incoming, each
from consumers.monitoring import BacklogSource
from consumers.pubsub import Publisher, PubSub, SubscriptionSpec
from consumers.topology import PRICES
from consumers.wire import Encoded
from tests.support import eventually

SPEC = SubscriptionSpec("readers", PRICES, dead_letter=False, backoff=None)
EVERY_S = 0.1
CADENCE = timedelta(seconds=1)  # of a round: several prices, and none early


class Line:
    """Publishes a number every tenth of a second straight to the broker; a feed reads them `via`
    an address that may fail.
    """

    def __init__(
        self, project: str, broker: str, via: str | None, cadence: timedelta = CADENCE
    ) -> None:
        self.project, self.broker = project, broker
        self.far = PubSub(project, broker)
        self.far.ensure_topic(PRICES)
        self.far.ensure_subscription(SPEC)
        self.publisher: Publisher = self.far.publisher()
        self.pubsub = PubSub(project, via)
        self.sent: dict[int, float] = {}  # by number: when the broker had it
        self.got: Counter[int] = Counter()
        self.newest = 0.0  # when the newest message that arrived was published
        self._number = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self.feed = Feed(
            pubsub=self.pubsub,
            name="prices",
            topic=PRICES,
            subscription=SPEC.name,
            handle=each(self._handle),
            clock=SystemClock(),
            cadence=cadence,
        )

    def _handle(self, incoming: Incoming) -> None:
        number, _, at = incoming.data.partition(b" ")
        self.got[int(number)] += 1
        self.newest = max(self.newest, float(at))
        incoming.ack()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.publish()

    def publish(self) -> None:
        """One message, unless the broker is not there."""
        self._number += 1
        number, at = self._number, time.monotonic()
        body = Encoded(f"{number} {at}".encode(), {})

        def told(result: object) -> None:
            if getattr(result, "message_id", None):
                self.sent[number] = at

        self.publisher.publish(PRICES, body, told)

    def start(self) -> None:
        """The feed reads, the line flows; returns once it does."""
        self.feed.start()
        self._thread.start()
        eventually(lambda: self.status().state is FeedState.LIVE, what=str(self.status()))

    def status(self) -> FeedStatus:
        """The feed's."""
        return self.feed.status()

    def flows_after(self, moment: float, timeout: float) -> float:
        """Seconds until a message that was published after `moment` has arrived."""
        eventually(lambda: self.newest > moment, timeout, what=lambda: str(self.status()))
        return time.monotonic() - moment

    def turns(self, state: FeedState, since: float, timeout: float = 30) -> float:
        """Seconds from `since` until the feed is in `state`."""
        eventually(lambda: self.status().state is state, timeout, what=lambda: str(self.status()))
        return time.monotonic() - since

    def settle(self) -> tuple[int, int]:
        """End the line and wait for what is under way: (lost, doubled)."""
        self._stop.set()
        self._thread.join(5)
        self.publisher.flush(30)
        eventually(
            lambda: self.sent.keys() <= self.got.keys(),
            30,
            what=lambda: (
                f"{len(self.sent.keys() - self.got.keys())} of {len(self.sent)} missing, "
                f"{self.streams()} streams, {self.status()}"
            ),
        )
        lost = len(self.sent.keys() - self.got.keys())
        return lost, sum(count - 1 for count in self.got.values())

    def streams(self) -> int | None:
        """Open streaming pulls on the subscription, as the broker itself tells."""
        source = BacklogSource(self.project, self.broker, SystemClock())
        try:
            sample = source.poll(timedelta(seconds=3)).get(SPEC.name)
            return None if sample is None else sample.streams
        finally:
            source.close()

    def close(self) -> None:
        """End it all."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        if self.status().state is not FeedState.STOPPED:
            self.feed.stop(5)
        self.publisher.close()
        self.pubsub.close()
        self.far.close()


@contextmanager
def line(
    project: str, broker: str, via: str | None, cadence: timedelta = CADENCE
) -> Iterator[Line]:
    """A line that is ended whatever happens."""
    made = Line(project, broker, via, cadence)
    try:
        yield made
    finally:
        made.close()
