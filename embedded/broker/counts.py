"""What a subscription, a topic and their requests count, for Monitoring.

Counting costs a few calls a batch, whatever its size: deliveries of one batch share a `Handout`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from consumers.clock import Clock
from embedded.broker.distribution import LATENCIES_MS, SIZES, of_sizes
from embedded.broker.tally import Spread, Tally

if TYPE_CHECKING:
    from embedded.broker.encoding import Message
    from embedded.broker.redelivery import Lease

LEAST_COST = 1000  # a request counts for at least so many bytes: cloud.google.com/pubsub/quotas
SLOW_ACK_S = 30.0  # the bound of delivery health
SUCCESS = "success"


@dataclass(frozen=True, slots=True, eq=False)
class Handout:
    """One batch that was handed out: when (monotonic seconds), and how."""

    at: float
    streaming: bool


class TakerCounts:
    """What happened to deliveries of one kind, streaming or pulled."""

    def __init__(self, clock: Clock, since: float) -> None:
        self.sent = Tally(clock, since)
        self.bytes = Tally(clock, since)
        self.acknowledged = Tally(clock, since)
        self.ack_latency = Spread(clock, LATENCIES_MS, since)
        self.nacked = Tally(clock, since)
        self.expired = Tally(clock, since)
        self.extended = Tally(clock, since)
        self.extension_latency = Spread(clock, LATENCIES_MS, since)


class Together:
    """Two tallies read as one."""

    def __init__(self, *parts: Tally) -> None:
        self._parts = parts

    @property
    def total(self) -> int:
        """Since the beginning."""
        return sum(part.total for part in self._parts)

    def between(self, start: float, end: float) -> int:
        """After `start` and up to `end`, POSIX seconds."""
        return sum(part.between(start, end) for part in self._parts)


class RequestCounts:
    """Requests by operation and response code ("success", "invalid_argument", ...)."""

    def __init__(self, clock: Clock, since: float) -> None:
        self._clock = clock
        self._since = since
        self._tallies: dict[tuple[str, str], Tally] = {}

    def add(self, operation: str, code: str = SUCCESS) -> None:
        """One was answered."""
        tally = self._tallies.get((operation, code))
        if tally is None:
            tally = self._tallies[operation, code] = Tally(self._clock, self._since)
        tally.add()

    def of(self, operation: str) -> Iterator[tuple[str, Tally]]:
        """The codes it was answered with, and how often."""
        for (each, code), tally in sorted(self._tallies.items(), key=lambda item: item[0]):
            if each == operation:
                yield code, tally

    def between(self, operation: str, start: float, end: float) -> int:
        """How many of them, whatever the answer, after `start` and up to `end`."""
        return sum(tally.between(start, end) for _, tally in self.of(operation))


class DeliveryCounts:
    """What happened on one subscription since it was made, at `since` (POSIX seconds)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.since = since = clock.now().timestamp()
        self.pull = TakerCounts(clock, since)
        self.streaming = TakerCounts(clock, since)
        self.sent = Together(self.pull.sent, self.streaming.sent)
        self.acknowledged = Together(self.pull.acknowledged, self.streaming.acknowledged)
        self.nacked = Together(self.pull.nacked, self.streaming.nacked)
        self.expired = Together(self.pull.expired, self.streaming.expired)
        self.dead_lettered = Tally(clock, since)
        self.exactly_once_warnings = Tally(clock, since)
        self.slow = Tally(clock, since)  # acknowledged later than delivery health allows
        self.filtered = Tally(clock, since)  # held back by the filter, which acknowledges them
        self.filtered_bytes = Tally(clock, since)
        self.requests = RequestCounts(clock, since)
        self._starved_ms = Tally(clock, since)
        self._starved_at: float | None = None

    def send(self, streaming: bool, messages: int, size: int) -> Handout:
        """A batch of `messages`, together `size` bytes, goes out."""
        kind = self.streaming if streaming else self.pull
        kind.sent.add(messages)
        kind.bytes.add(max(LEAST_COST, size))
        return Handout(self._clock.monotonic(), streaming)

    def acknowledge(self, leases: Sequence["Lease"]) -> None:
        """These were acknowledged in time."""
        now = self._clock.monotonic()
        for handout, count in _batches(leases):
            kind, latency = self._of(handout), now - handout.at
            kind.acknowledged.add(count)
            kind.ack_latency.add(latency * 1000, count)
            if latency > SLOW_ACK_S:
                self.slow.add(count)

    def nack(self, leases: Iterable["Lease"]) -> None:
        """These were given back."""
        for handout, count in _batches(leases):
            self._of(handout).nacked.add(count)

    def expire(self, leases: Iterable["Lease"]) -> None:
        """The deadlines of these passed."""
        for handout, count in _batches(leases):
            self._of(handout).expired.add(count)

    def extend(self, leases: Iterable["Lease"]) -> None:
        """The deadlines of these were moved."""
        now = self._clock.monotonic()
        for handout, count in _batches(leases):
            kind = self._of(handout)
            kind.extended.add(count)
            kind.extension_latency.add((now - handout.at) * 1000, count)

    def hold_back(self, messages: Sequence["Message"]) -> None:
        """The filter lets none of these through."""
        self.filtered.add(len(messages))
        self.filtered_bytes.add(sum(message.size for message in messages))

    def starve(self, starved: bool) -> None:
        """From now on messages wait because nobody has room for them, or they no longer do."""
        if starved == (self._starved_at is not None):
            return
        now = self._clock.monotonic()
        if self._starved_at is not None:
            self._starved_ms.add(round((now - self._starved_at) * 1000))
        self._starved_at = now if starved else None

    def starved_s(self, start: float, end: float) -> float:
        """For how long they waited so after `start` and up to `end`, which is now."""
        waiting = 0.0
        if self._starved_at is not None:
            waiting = min(end - start, self._clock.monotonic() - self._starved_at)
        return waiting + self._starved_ms.between(start, end) / 1000

    def _of(self, handout: Handout) -> TakerCounts:
        return self.streaming if handout.streaming else self.pull


class TopicCounts:
    """What was published to one topic since it was made, at `since` (POSIX seconds)."""

    def __init__(self, clock: Clock) -> None:
        self.since = since = clock.now().timestamp()
        self.messages = Tally(clock, since)
        self.sizes = Spread(clock, SIZES, since)
        self.bytes = Tally(clock, since)
        self.requests = RequestCounts(clock, since)

    def publish(self, messages: Sequence["Message"]) -> None:
        """A request brought these."""
        sizes = of_sizes(Counter([message.size for message in messages]))
        self.messages.add(len(messages))
        self.sizes.add_all(sizes)
        self.bytes.add(max(LEAST_COST, round(sizes.total)))


def _batches(leases: Iterable["Lease"]) -> Iterator[tuple[Handout, int]]:
    """How many of each batch; those of one usually come one after the other."""
    for handout, those in groupby(leases, key=attrgetter("handout")):
        yield handout, len(list(those))
