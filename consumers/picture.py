"""Everything a page may show, at one moment: values only, safe to hold as long as one likes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consumers.feed import FeedStatus
from consumers.journal import JournalStatus
from consumers.pubsub import ChannelStatus
from consumers.settings import Settings
from consumers.stores import PositionsSnapshot
from consumers.stores.values import (
    AlertsSnapshot,
    BacklogsSnapshot,
    EscrowsSnapshot,
    Flow,
    Latency,
    PricesSnapshot,
    ScoresSnapshot,
    TestRun,
)
from core.diagnosis import Verdict


@dataclass(frozen=True, slots=True)
class Published:
    """What this process published: answers of the broker by topic, and messages without one."""

    acked: Mapping[str, int]
    failed: Mapping[str, int]
    pending: int


NOTHING_PUBLISHED = Published({}, {}, 0)


@dataclass(frozen=True, slots=True)
class ThreadStatus:
    """One thread of the runtime."""

    name: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """One consistent look at the runtime. `scores` is None until the first prices came."""

    at: datetime
    started_at: datetime
    version: int
    settings: Settings
    channel: ChannelStatus
    feeds: tuple[FeedStatus, ...]
    journal: JournalStatus
    prices: PricesSnapshot
    scores: ScoresSnapshot | None
    alerts: AlertsSnapshot
    escrows: EscrowsSnapshot
    positions: PositionsSnapshot
    backlogs: BacklogsSnapshot
    runs: tuple[TestRun, ...]  # newest first
    latency: Mapping[str, Latency]  # topic -> publish to received
    rates: Mapping[str, float]  # topic -> messages a second over the last minute
    quarantined: int
    threads: tuple[ThreadStatus, ...]
    book_faults: tuple[str, ...]
    verdict: Verdict
    flows: Mapping[str, Flow] = field(default_factory=dict)  # by topic
    published: Published = NOTHING_PUBLISHED

    @property
    def uptime(self) -> timedelta:
        """Since this runtime started."""
        return self.at - self.started_at
