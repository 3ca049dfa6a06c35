"""What the stores hold and hand out: immutable, so that any thread may read them at leisure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from consumers.stores.backlog_values import BacklogsSnapshot as BacklogsSnapshot
from consumers.stores.backlog_values import SubscriptionBacklog as SubscriptionBacklog
from consumers.stores.flow_values import Flow as Flow
from consumers.stores.flow_values import Latency as Latency
from consumers.stores.run_values import Hop as Hop
from consumers.stores.run_values import RunState as RunState
from consumers.stores.run_values import TestRun as TestRun
from consumers.wire import DeliveryReceipt, SettlementEvent
from core.alerts import MarginAlert, channels_for
from core.book import Book, Valuation
from core.margin import Assessment
from core.policy import Policy, Status
from core.staleness import Freshness, Limits, limits


@dataclass(slots=True)
class Received:
    """How a message reached us: the broker's id and time, and our own. Never changed."""

    message_id: str
    publish_time: datetime
    received_at: datetime

    @property
    def transit(self) -> timedelta:
        """From the broker to us; negative where the clocks disagree."""
        return self.received_at - self.publish_time


@dataclass(frozen=True, slots=True)
class Flag:
    """Something odd about one tick, and what was done about it."""

    at: datetime
    asset: str
    what: str
    kept: str


StaleAfter = Callable[[str], timedelta | None]
"""From which age on a policy calls an asset's price stale; None: three times its cadence."""


@dataclass(slots=True)
class AssetPrice:
    """The live price of one asset. Never changed.

    `as_of` is when it held: the producer's timestamp, or in a replay the original time.
    `cadence` is the expected gap to the next one, on the same clock as `as_of`. `stale_after` is
    what a policy says instead of three of them.
    """

    asset: str
    price: Decimal
    as_of: datetime
    timestamp: datetime
    source: str
    received: Received
    cadence: timedelta
    ticks: int  # live ones that came, late ones too
    unchanged: int = 0  # ticks in a row with this very price, the first not counted
    stale_after: timedelta | None = None

    @property
    def limits(self) -> Limits:
        """The ages at which it is late, stale and dead."""
        return limits(self.cadence, self.stale_after)

    @property
    def tick_id(self) -> str:
        """Which message this number came from."""
        return f"p-{self.received.message_id}"


def supersedes(new: AssetPrice, old: AssetPrice) -> bool:
    """Whether `new` is the price that counts: the later one; of one moment's, always the same one,
    whichever came first. The very same price again supersedes nothing.
    """
    if new.as_of != old.as_of:
        return new.as_of > old.as_of
    return (new.timestamp, new.price, new.source) > (old.timestamp, old.price, old.source)


@dataclass(slots=True)
class Market:
    """Which clock the market runs on. Live: wall time. Replay: `as_of` of the newest round.

    Never changed.
    """

    replay: bool = False
    speed: float = 1.0  # market seconds per wall second
    as_of: datetime | None = None
    seen_at: datetime | None = None  # wall time at which `as_of` was reached
    ended: bool = False

    def now(self, wall: datetime) -> datetime:
        """The market's time at wall time `wall`; a replay that has ended stands still."""
        if not self.replay or self.as_of is None or self.seen_at is None:
            return wall
        if self.ended:
            return self.as_of
        return self.as_of + (wall - self.seen_at) * self.speed


@dataclass(frozen=True, slots=True)
class PricesSnapshot:
    """All live prices at one version."""

    version: int
    assets: Mapping[str, AssetPrice]
    market: Market
    rounds: int  # complete rounds seen; 0 where the oracle sends none
    messages: int
    historical: int
    flags: tuple[Flag, ...]  # newest first

    def age(self, asset: str, wall: datetime) -> timedelta | None:
        """How old the price is, in market time; None where none ever came.

        One stamped ahead of our clock is as old as its arrival: never younger than nothing, and it
        ages on when no other comes.
        """
        held = self.assets.get(asset)
        if held is None:
            return None
        if self.ahead(asset, wall):
            return max(timedelta(0), wall - held.received.received_at)
        return self.market.now(wall) - held.as_of

    def ahead(self, asset: str, wall: datetime) -> bool:
        """Whether the price is stamped later than it is: its producer's clock or ours is off."""
        held = self.assets.get(asset)
        return held is not None and held.as_of > self.market.now(wall)


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One margin alert (by `event_id`) and what became of it."""

    alert: MarginAlert
    received: Received
    deliveries: int = 1  # times the same event reached us
    receipts: tuple[DeliveryReceipt, ...] = ()  # the newest per channel, by channel name

    @property
    def settled(self) -> bool:
        """True once every channel of its route has an outcome."""
        return bool(self.receipts) and {r.channel for r in self.receipts} >= set(self.channels)

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels the route of its severity asks for."""
        return channels_for(self.alert.severity)


@dataclass(frozen=True, slots=True)
class AlertsSnapshot:
    """Alerts, newest first, tests among them."""

    version: int
    records: tuple[AlertRecord, ...]
    duplicates: int
    receipts: int
    told: Mapping[str, AlertRecord] = field(default_factory=dict)  # user -> newest real alert
    outcomes: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (channel, outcome)

    @property
    def open(self) -> tuple[AlertRecord, ...]:
        """One record per account whose newest alert is of an open incident, gravest first."""
        order = (Status.LIQUIDATION, Status.MARGIN_CALL, Status.WARNING)
        found = [r for r in self.told.values() if r.alert.status in order]
        return tuple(sorted(found, key=lambda r: (order.index(r.alert.status), r.alert.timestamp)))


@dataclass(frozen=True, slots=True)
class EscrowState:
    """An escrow as its events left it."""

    escrow: str
    stage: str  # deployed, approved, released, refunded
    payer: str
    payee: str
    amount: Decimal | None
    updated: datetime
    events: int


@dataclass(frozen=True, slots=True)
class EscrowsSnapshot:
    """Settlement events, newest first, and the escrows they add up to."""

    version: int
    events: tuple[tuple[SettlementEvent, Received], ...]
    escrows: Mapping[str, EscrowState]
    count: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of status by our own score."""

    at: datetime
    market_time: datetime
    user_id: str
    before: Status | None
    after: Status
    score: Decimal | None
    cause: str  # such as "ETH −2.1 %"


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that our own score says was due, and the one that came for it, if any."""

    at: datetime
    alert: MarginAlert
    record: AlertRecord | None = None
    baseline: bool = False  # found at the first look at the book, not by a change


@dataclass(frozen=True, slots=True)
class ScoresSnapshot:
    """The book at one price snapshot, as this control room scores it itself."""

    version: int
    at: datetime
    market_time: datetime
    valuation: Valuation
    policy: Policy
    counts: Mapping[Status, int]
    collateral: Mapping[Status, float]
    nearest: tuple[Assessment, ...]  # nearest to the next band, worst first
    gravest: Assessment | None  # the lowest score of all
    freshness: Mapping[str, Freshness]  # of every asset the book holds
    transitions: tuple[Transition, ...]  # newest first
    due: tuple[Due, ...]  # newest first, within the ledger's window
    not_told: tuple[Assessment, ...]  # in a band that nobody was told of, for longer than the grace
    not_told_since: Mapping[str, datetime]
    duration_ms: float

    @property
    def book(self) -> Book:
        """The accounts under these scores."""
        return self.valuation.book


@dataclass(slots=True)
class Message:
    """One line of the ring of recent messages. Never changed.

    `size`: the bytes of the message's data where `data` has but the first of them, else None.
    """

    topic: str
    received: Received
    key: str
    attributes: Mapping[str, str]
    data: bytes
    refused: str | None = None  # why it went to quarantine
    size: int | None = None
