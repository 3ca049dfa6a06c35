"""What everybody who looks sees: one picture, made at most ten times a second."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from consumers.clock import Clock
from consumers.feed import Feed, FeedState
from consumers.journal import Journal
from consumers.picture import Picture, Published, ThreadStatus
from consumers.pubsub import PubSub
from consumers.scorer import Scorer
from consumers.settings import Settings
from consumers.signals import signals
from consumers.stores import (
    AlertStore,
    BacklogStore,
    EscrowStore,
    MessageRing,
    PositionStore,
    PriceStore,
    RunStore,
    Versions,
)
from consumers.topology import PRICES
from core.diagnosis import verdict

PARTS = (
    "backlogs",
    "journal-writer",
    "scorer",
)  # threads, beside those of the feeds
FRESH_S = 0.1  # a picture is shared by everybody who asks within this time


@dataclass(frozen=True, slots=True)
class Sights:
    """What there is to look at. All of it may be asked from any thread."""

    settings: Settings
    clock: Clock
    started_at: datetime
    book_faults: tuple[str, ...]
    pubsub: PubSub
    feeds: tuple[Feed, ...]
    journal: Journal
    scorer: Scorer
    versions: Versions
    prices: PriceStore
    alerts: AlertStore
    escrows: EscrowStore
    positions: PositionStore
    backlogs: BacklogStore
    runs: RunStore
    ring: MessageRing
    published: Callable[[], Published]


class Viewer:
    """Makes the pictures; the lock guards the last one and when it was made."""

    def __init__(self, sights: Sights) -> None:
        self._sights = sights
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._pictured = 0.0
        self._expected = {*PARTS, *(f"feed-{feed.status().name}" for feed in sights.feeds)}
        self._begun: set[str] = set()  # of these, what has been seen to run

    def picture(self) -> Picture:
        """Everything a page may show, at most a tenth of a second old."""
        with self._lock:
            moment = self._sights.clock.monotonic()
            if self._picture is None or moment - self._pictured > FRESH_S:
                self._picture, self._pictured = self._look(), moment
            return self._picture

    def _look(self) -> Picture:
        seen = self._sights
        now = seen.clock.now()
        channel = seen.pubsub.connectivity()
        feeds = tuple(feed.status() for feed in seen.feeds)
        journal = seen.journal.status()
        prices, scores, alerts = (
            seen.prices.snapshot(),
            seen.scorer.latest(),
            seen.alerts.snapshot(),
        )
        runs = seen.runs.snapshot()
        threads = _threads(self._begun)
        self._begun |= self._expected & {thread.name for thread in threads}
        found = signals(
            now=now,
            channel=channel,
            feeds=feeds,
            journal=journal,
            prices=prices,
            scores=scores,
            alerts=alerts,
            runs=runs,
            cadence=seen.settings.cadence,
            embedded=seen.settings.environment == "embedded",
            scorer_error=seen.scorer.last_error,
            ended=tuple(thread.name for thread in threads if not thread.alive),
        )
        return Picture(
            at=now,
            started_at=seen.started_at,
            version=seen.versions.version,
            settings=seen.settings,
            channel=channel,
            feeds=feeds,
            journal=journal,
            prices=prices,
            scores=scores,
            alerts=alerts,
            escrows=seen.escrows.snapshot(),
            positions=seen.positions.snapshot(),
            backlogs=seen.backlogs.snapshot(),
            runs=runs,
            latency=seen.ring.latency(now),
            rates=seen.ring.rates(now),
            quarantined=journal.quarantined,
            threads=threads,
            book_faults=seen.book_faults,
            verdict=verdict(found),
            flows=seen.ring.flows(),
            published=seen.published(),
        )


def _threads(expected: Collection[str]) -> tuple[ThreadStatus, ...]:
    """Those that run, and those of `expected` that do not: a dead thread is in no list."""
    running = sorted(thread.name for thread in threading.enumerate())
    ended = sorted(set(expected) - set(running))
    return tuple(ThreadStatus(name, name not in ended) for name in (*ended, *running))


def unready(picture: Picture) -> tuple[str, ...]:
    """Why not every feed is live and the book scored; nothing when they are."""
    reasons = []
    if not picture.channel.connected:
        reasons.append(f"disconnected since {picture.channel.since.isoformat()}")
    reasons += [
        f"feed {f.name} is {f.state}"
        for f in picture.feeds
        if f.state not in (FeedState.LIVE, FeedState.SILENT)
    ]
    price_feed = next(f for f in picture.feeds if f.topic == PRICES)
    if price_feed.state is FeedState.SILENT and not picture.prices.market.ended:
        reasons.append(f"feed {price_feed.name} is silent")
    if picture.scores is None:
        reasons.append("nothing scored yet")
    elif picture.verdict.code in ("scores_old", "scorer_failing"):
        reasons.append(picture.verdict.sentence)
    return tuple(reasons)
