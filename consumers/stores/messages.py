"""The ring of recent messages, and how long each took to reach us."""

import threading
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from consumers.stores.values import Flow, Latency, Message, Received
from consumers.tally import Tally

KEPT = 500
BYTES = 8 * 1024 * 1024  # of a topic's recent messages; one may have 10 MB
SAMPLES = 3_000
WINDOW = timedelta(minutes=5)
CATCHING_UP = timedelta(minutes=1)
RATE_SECONDS = 60
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0)
JOURNALLED, REPEATED, REFUSED = range(3)


class _Topic:
    """What is remembered and counted of one topic."""

    __slots__ = ("acks", "arrived", "bytes", "counts", "lags", "recent", "transits")

    def __init__(self) -> None:
        self.recent: deque[Message] = deque()  # newest first
        self.bytes = 0
        self.transits: deque[tuple[datetime, float]] = deque(maxlen=SAMPLES)
        self.arrived: Counter[int] = Counter()  # messages by the second (POSIX) in which they came
        self.counts = [0, 0, 0]  # journalled, repeated, refused
        self.lags = Tally(SECONDS)
        self.acks = Tally(SECONDS)

    def keep(self, messages: Sequence[Message]) -> None:
        """These are the newest of all, oldest first; older ones go, but never the last of these."""
        recent, newest = self.recent, messages[-KEPT:]
        recent.extendleft(newest)
        self.bytes += sum(map(_bytes, newest))
        while len(recent) > KEPT or (self.bytes > BYTES and len(recent) > 1):
            self.bytes -= _bytes(recent.pop())

    def count(self, received: Iterable[Received]) -> None:
        """These came; seconds that no rate asks for any more are forgotten."""
        self.arrived.update(int(each.received_at.timestamp()) for each in received)
        if len(self.arrived) > 2 * RATE_SECONDS:
            for second in sorted(self.arrived)[: -RATE_SECONDS - 1]:
                del self.arrived[second]


class MessageRing:
    """Newest messages a topic and their transit; the lock guards all that begins with _.

    Kept are a topic's newest 500 messages, or what of them has 8 MB, and 3,000 transits; counted
    are all that came, by the second.

    `since`: in the minute after it comes what was waiting for us, which tells nothing of the way.
    """

    def __init__(self, since: datetime | None = None) -> None:
        self._since = since
        self._lock = threading.Lock()
        self._topics: dict[str, _Topic] = {}

    def add(self, message: Message, *, new: bool = True, acked_at: datetime | None = None) -> None:
        """Remember one message that was journalled or refused; of a repeat no transit is measured.

        `acked_at`: when it was acknowledged.
        """
        self.add_all(message.topic, ((message, new),), acked_at)

    def add_all(
        self,
        topic: str,
        messages: Collection[tuple[Message, bool]],
        acked_at: datetime | None = None,
    ) -> None:
        """Remember several of one topic, oldest first, with whether each was new."""
        with self._lock:
            held = self._topics.get(topic)
            if held is None:
                held = self._topics[topic] = _Topic()
            held.keep([message for message, _ in messages])
            held.count(m.received for m, _ in messages if not self._waited(m.received))
            measured = []
            for message, new in messages:
                if message.refused is not None:
                    held.counts[REFUSED] += 1
                elif new:
                    held.counts[JOURNALLED] += 1
                else:
                    held.counts[REPEATED] += 1
                if new and not self._waited(message.received):
                    measured.append(message.received)
            lags = [received.transit.total_seconds() for received in measured]
            held.lags.add_all(lags)
            held.transits.extend(
                (received.received_at, lag * 1000)
                for received, lag in zip(measured, lags, strict=True)
            )
            if acked_at is not None:
                came = Counter(message.received.received_at for message, _ in messages)
                for received_at, count in came.items():
                    held.acks.add((acked_at - received_at).total_seconds(), count)

    def recall(self, topic: str, messages: Sequence[Message]) -> None:
        """Show messages of an earlier life again, oldest first; they are neither counted nor
        measured, and come before any of this one."""
        with self._lock:
            self._topics.setdefault(topic, _Topic()).keep(messages)

    def _waited(self, received: Received) -> bool:
        """Whether it lay there before we began; only then, or a clock that is off would hide."""
        begun = self._since
        return begun is not None and (
            received.publish_time < begun <= received.received_at < begun + CATCHING_UP
        )

    def newest(self, limit: int, topic: str | None = None) -> tuple[Message, ...]:
        """Newest first, of one topic or of all."""
        with self._lock:
            found = [
                message
                for name, held in self._topics.items()
                if topic is None or name == topic
                for message in held.recent
            ]
        found.sort(key=lambda m: m.received.received_at, reverse=True)
        return tuple(found[:limit])

    def counts(self) -> Mapping[str, int]:
        """Messages a topic since the start."""
        with self._lock:
            return {topic: sum(held.counts) for topic, held in self._topics.items()}

    def flows(self) -> dict[str, Flow]:
        """What became of the messages of each topic since the start."""
        with self._lock:
            return {
                topic: Flow(
                    held.counts[JOURNALLED],
                    held.counts[REPEATED],
                    held.counts[REFUSED],
                    held.lags.read(),
                    held.acks.read(),
                )
                for topic, held in self._topics.items()
            }

    def latency(self, now: datetime) -> dict[str, Latency]:
        """Publish to received over the last minutes, a topic."""
        return {topic: _latency(held) for topic, held in self._after(now - WINDOW).items()}

    def rates(self, now: datetime) -> dict[str, float]:
        """Messages a second over the last minute, a topic."""
        start = int(now.timestamp()) - RATE_SECONDS
        with self._lock:
            return {
                topic: sum(n for second, n in held.arrived.items() if second > start) / RATE_SECONDS
                for topic, held in self._topics.items()
                if held.arrived
            }

    def _after(self, start: datetime) -> dict[str, list[tuple[datetime, float]]]:
        with self._lock:
            return {
                topic: [sample for sample in held.transits if sample[0] >= start]
                for topic, held in self._topics.items()
                if held.transits
            }


def _bytes(message: Message) -> int:
    attributes = message.attributes
    return len(message.data) + sum(map(len, attributes)) + sum(map(len, attributes.values()))


def _latency(samples: list[tuple[datetime, float]]) -> Latency:
    transits = [ms for _, ms in samples]
    times = [at for at, _ in samples]
    gaps = [(later - at).total_seconds() * 1000 for at, later in pairwise(times)]
    return Latency(
        len(transits),
        *_spread([ms for ms in transits if ms >= 0]),
        skewed=sum(1 for ms in transits if ms < 0),
        between=_spread([max(0.0, gap) for gap in gaps]),
    )


def _spread(values: list[float]) -> tuple[float | None, float | None, float | None]:
    """Median, 95th percentile and greatest; none of nothing."""
    if not values:
        return None, None, None
    kept = sorted(values)
    return kept[len(kept) // 2], kept[min(len(kept) - 1, int(len(kept) * 0.95))], kept[-1]
