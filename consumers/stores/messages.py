"""The ring of recent messages, and how long each took to reach us."""

import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

from consumers.stores.values import Latency, Message, Received

KEPT = 500
SAMPLES = 3_000
WINDOW = timedelta(minutes=5)
CATCHING_UP = timedelta(minutes=1)
RATE_WINDOW = timedelta(minutes=1)


class MessageRing:
    """Newest messages a topic and their transit; the lock guards all that begins with _.

    `since`: in the minute after it comes what was waiting for us, which tells nothing of the way.
    """

    def __init__(self, since: datetime | None = None) -> None:
        self._since = since
        self._lock = threading.Lock()
        self._recent: dict[str, deque[Message]] = {}
        self._transits: dict[str, deque[tuple[datetime, float]]] = {}
        self._counts: dict[str, int] = {}

    def add(self, message: Message, *, new: bool = True) -> None:
        """Remember one message that was journalled or refused; of a repeat nothing is measured."""
        received = message.received
        measured = new and not self._waited(received)
        with self._lock:
            self._recent.setdefault(message.topic, deque(maxlen=KEPT)).appendleft(message)
            if measured:
                transits = self._transits.setdefault(message.topic, deque(maxlen=SAMPLES))
                transits.append((received.received_at, received.transit.total_seconds() * 1000))
            self._counts[message.topic] = self._counts.get(message.topic, 0) + 1

    def _waited(self, received: Received) -> bool:
        """Whether it lay there before we began; only then, or a clock that is off would hide."""
        begun = self._since
        return begun is not None and (
            received.publish_time < begun <= received.received_at < begun + CATCHING_UP
        )

    def newest(self, limit: int, topic: str | None = None) -> tuple[Message, ...]:
        """Newest first, of one topic or of all."""
        with self._lock:
            rings = [self._recent.get(topic, deque())] if topic else list(self._recent.values())
            found = [m for ring in rings for m in ring]
        found.sort(key=lambda m: m.received.received_at, reverse=True)
        return tuple(found[:limit])

    def counts(self) -> Mapping[str, int]:
        """Messages a topic since the start."""
        with self._lock:
            return dict(self._counts)

    def latency(self, now: datetime) -> dict[str, Latency]:
        """Publish to received over the last minutes, a topic."""
        with self._lock:
            samples = {
                t: [s for s in held if now - s[0] <= WINDOW] for t, held in self._transits.items()
            }
        return {topic: _latency(held) for topic, held in samples.items()}

    def rates(self, now: datetime) -> dict[str, float]:
        """Messages a second over the last minute, a topic."""
        seconds = RATE_WINDOW.total_seconds()
        with self._lock:
            return {
                topic: sum(1 for at, _ in held if now - at <= RATE_WINDOW) / seconds
                for topic, held in self._transits.items()
            }


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
