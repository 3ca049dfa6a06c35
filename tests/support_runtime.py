"""A control room without a network: real stores, real core, figures one can check by hand.

Twelve accounts over six assets, an alert with its receipts for each that is in a band, one escrow,
backlogs, one test run that passed and one that was lost at the notifier.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from consumers.actions import ActionRefusedError, Preview
from consumers.feed import FeedState, FeedStatus
from consumers.journal import JournalStatus
from consumers.monitoring import BacklogSample
from consumers.picture import Picture, ThreadStatus
from consumers.pricing import snapshot_of
from consumers.pubsub import ChannelStatus
from consumers.settings import Settings, load
from consumers.shadow import Shadow
from consumers.signals import signals
from consumers.state import state_of
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
from consumers.stores.values import Message, Received, ScoresSnapshot, TestRun
from consumers.wire import (
    DeliveryReceipt,
    PriceTick,
    SettlementEvent,
    encode_alert,
    encode_price,
)
from core.alerts import Severity, channels_for, step, test_alert
from core.book import Book
from core.diagnosis import verdict
from core.margin import Assessment
from core.portfolio import Portfolio
from tests.support import FakeClock

NOW = datetime(2026, 11, 23, 14, 12, 38, tzinfo=UTC)
PRICES = {
    "BTC": "97412.00",
    "ETH": "3348.20",
    "SOL": "241.36",
    "LINK": "15.482",
    "AVAX": "38.71",
    "USDC": "1.0000",
}
ACCOUNTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "kestrel-02": ({"ETH": "412.5", "BTC": "9.2"}, {"USDC": "1670000", "SOL": "500"}),
    "halden-01": ({"BTC": "30"}, {"USDC": "1944000"}),
    "wren-02": ({"BTC": "1.79"}, {"USDC": "140710"}),
    "juniper-06": ({"ETH": "88"}, {"USDC": "262000"}),
    "fathom-02": ({"SOL": "925.97"}, {"USDC": "166748"}),
    "pallas-08": ({"ETH": "650"}, {"USDC": "1439614"}),
    "quarry-01": ({"BTC": "11.4"}, {"USDC": "725424"}),
    "tamar-03": ({"LINK": "40000"}, {"USDC": "310000"}),
    "larkin-06": ({"AVAX": "12000"}, {"USDC": "361000"}),
    "nocturne-08": ({"SOL": "2970"}, {"USDC": "534202"}),
    "birch-04": ({"BTC": "8"}, {"USDC": "300000"}),
    "meridian-04": ({"BTC": "3", "ETH": "20"}, {}),
}


def received(number: int, at: datetime = NOW, transit_ms: float = 12) -> Received:
    """How message `number` came in."""
    return Received(f"{88000 + number}", at - timedelta(milliseconds=transit_ms), at)


class SampleRuntime:
    """The public face of `consumers.runtime.Runtime`, standing still at `NOW`."""

    def __init__(self, settings: Settings, *, empty: bool = False) -> None:
        self.settings = settings
        self.policy = settings.policy
        self.clock = FakeClock(NOW)
        self.versions = Versions()
        book = Book.from_portfolios(
            [Portfolio.of(user, c, b) for user, (c, b) in ACCOUNTS.items()], self.policy
        )
        self.positions = PositionStore(self.versions, book, NOW - timedelta(days=1))
        self.prices = PriceStore(self.versions, timedelta(seconds=30))
        self.alerts = AlertStore(self.versions)
        self.escrows = EscrowStore(self.versions)
        self.backlogs = BacklogStore(self.versions)
        self.runs = RunStore(self.versions)
        self.ring = MessageRing()
        self.scores: ScoresSnapshot | None = None
        self.sent: list[Preview] = []
        self.limit = 3
        self.changes: Callable[[Picture], Picture] = lambda picture: picture
        if not empty:
            self.fill_prices()
            self.fill_scores()
            self.fill_alerts()
            self.fill_rest()

    def fill_prices(self, age: timedelta = timedelta(seconds=12), ticks: int = 120) -> None:
        """Two hours of prices every 30 s: a slow wave, ending at PRICES."""
        for number in range(ticks):
            at = NOW - age - timedelta(seconds=30 * (ticks - 1 - number))
            for index, (asset, price) in enumerate(PRICES.items()):
                wave = Decimal((ticks - 1 - number + index) % 9) / 1000
                value = Decimal(price) * (1 + wave) if number < ticks - 1 else Decimal(price)
                if asset == "USDC":
                    value = Decimal(price)
                tick = PriceTick(asset, value, "simulated", at, False, {}, ())
                arrived = received(number * 10 + index, at + timedelta(milliseconds=12))
                self.prices.apply(tick, arrived)
                encoded = encode_price(tick)
                self.ring.add(
                    Message("market.prices.v1", arrived, asset, encoded.attributes, encoded.data)
                )

    def fill_scores(self) -> None:
        """The book at the newest prices."""
        latest = self.prices.latest()
        book = self.positions.book()
        snapshot, freshness = snapshot_of(book.assets, latest.assets, NOW)
        shadow = Shadow(book, timedelta(seconds=10))
        valuation = shadow.see(book, snapshot, NOW - timedelta(seconds=12), NOW)
        nearest = tuple(valuation.assess(book.users[int(i)]) for i in valuation.nearest(25))
        scored = [a for a in nearest if a.score is not None]
        self.scores = ScoresSnapshot(
            1,
            NOW - timedelta(seconds=12),
            NOW - timedelta(seconds=12),
            valuation,
            self.policy,
            valuation.counts(),
            valuation.collateral_by_status(),
            nearest,
            min(scored, key=lambda a: a.score or Decimal(0)),
            freshness,
            shadow.transitions(),
            shadow.ledger(self.alerts.get, self.alerts.snapshot().told, NOW),
            (),
            {},
            1.2,
        )

    def fill_alerts(self) -> None:
        """One alert, with all its receipts, for every account in a band."""
        for number, user in enumerate(self.positions.base.users):
            assessment = self.assess(user)
            if assessment is None:
                continue
            at = NOW - timedelta(minutes=10 + number)
            _incident, alert = step(
                None, assessment, policy=self.policy, at=at, market_time=at, previous=None
            )
            if alert is None:
                continue
            self.alerts.apply(alert, received(5000 + number, at))
            for channel in channels_for(alert.severity):
                self.alerts.apply_receipt(self._receipt(alert.event_id, None, channel, at))
            encoded = encode_alert(alert, "alerts.margin.v1")
            self.ring.add(
                Message(
                    "alerts.margin.v1",
                    received(5000 + number, at),
                    alert.event_id,
                    encoded.attributes,
                    encoded.data,
                )
            )

    def _receipt(
        self, event_id: str, test_id: str | None, channel: str, at: datetime
    ) -> DeliveryReceipt:
        return DeliveryReceipt(
            event_id,
            test_id,
            channel,
            "delivered",
            None,
            1,
            at + timedelta(milliseconds=14),
            at + timedelta(milliseconds=178),
            "notifier-1",
        )

    def fill_rest(self) -> None:
        """An escrow, backlogs, and two test runs: PASS, then LOST."""
        event = SettlementEvent(
            "EscrowDeployed",
            11155111,
            "0xabc",
            0,
            "0xe1",
            "kestrel-02",
            "wren-02",
            Decimal("1.5"),
            1234,
            NOW - timedelta(seconds=41),
        )
        self.escrows.apply(event, received(7000, NOW - timedelta(seconds=41)))
        names = (
            "risk-engine-prices-consumer",
            "alert-notification-service",
            "settlement-events-consumer",
            "risk-events-consumer",
        )
        for back in range(30, 0, -1):
            at = NOW - timedelta(seconds=3 * back)
            samples = {
                name: BacklogSample(name, index * 2, float(index), 3.0, 3.0, 1, at)
                for index, name in enumerate(names)
            }
            self.backlogs.apply(samples, at)
        self._run("T-0000beef", NOW - timedelta(hours=1), whole=False)
        self._run("T-9f2c41", NOW - timedelta(seconds=220), whole=True)

    def _run(self, test_id: str, at: datetime, *, whole: bool) -> None:
        alert = test_alert(
            severity=Severity.HIGH, test_id=test_id, at=at, policy=self.policy, by="local"
        )
        self.runs.add(TestRun(test_id, alert, "local", timedelta(seconds=10), at))
        self.runs.published(test_id, at + timedelta(milliseconds=6))
        self.runs.received(test_id, at + timedelta(milliseconds=15))
        if not whole:
            return
        for channel in channels_for(alert.severity):
            receipt = self._receipt(alert.event_id, test_id, channel, at)
            self.runs.receipt(receipt, at + timedelta(milliseconds=206))

    @property
    def version(self) -> int:
        """As the runtime's."""
        return self.versions.version

    def wait(self, version: int, timeout: float) -> int:
        """As the runtime's."""
        return self.versions.wait(version, timeout)

    def start(self) -> None:
        """Nothing to start."""

    def stop(self, timeout: float = 6.0) -> None:
        """Nothing to stop."""

    def picture(self) -> Picture:
        """As the runtime's, at the fake clock's time."""
        now = self.clock.now()
        live = NOW - timedelta(minutes=30)
        feeds = tuple(
            FeedStatus(
                name, f"control-room-{name}-a1", topic, FeedState.LIVE, live, 0, 720, NOW, None, 0
            )
            for name, topic in (
                ("prices", "market.prices.v1"),
                ("settlements", "settlement.events.v1"),
                ("alerts", "alerts.margin.v1"),
                ("receipts", "alerts.delivery.v1"),
            )
        )
        channel = ChannelStatus(True, live, None)
        journal = JournalStatus(
            "control-room.db", 0, 720, 0, 0, NOW - timedelta(seconds=12), None, "3.40.1", None
        )
        prices, alerts = self.prices.snapshot(), self.alerts.snapshot()
        found = signals(
            now=now,
            channel=channel,
            feeds=feeds,
            journal=journal,
            prices=prices,
            scores=self.scores,
            alerts=alerts,
            runs=self.runs.snapshot(),
            cadence=timedelta(seconds=30),
            embedded=True,
        )
        picture = Picture(
            at=now,
            started_at=live,
            version=self.version,
            settings=self.settings,
            channel=channel,
            feeds=feeds,
            journal=journal,
            prices=prices,
            scores=self.scores,
            alerts=alerts,
            escrows=self.escrows.snapshot(),
            positions=self.positions.snapshot(),
            backlogs=self.backlogs.snapshot(),
            runs=self.runs.snapshot(),
            latency=self.ring.latency(now),
            rates=self.ring.rates(now),
            quarantined=0,
            threads=(ThreadStatus("scorer", True),),
            book_faults=(),
            verdict=verdict(found),
        )
        return self.changes(picture)

    def change(self, **fields: Any) -> None:
        """Replace fields of every picture from now on."""
        self.changes = lambda picture: replace(picture, **fields)

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Ready once scored."""
        return (True, ()) if self.scores is not None else (False, ("nothing scored yet",))

    def state(self) -> dict[str, object]:
        """As the runtime's."""
        return state_of(self.picture(), *self.ready())

    def assess(self, user_id: str) -> Assessment | None:
        """As the runtime's."""
        if self.scores is None or user_id not in self.scores.book.rows:
            return None
        return self.scores.valuation.assess(user_id)

    def price_history(self, asset: str, window: timedelta) -> tuple[tuple[int, float], ...]:
        """As the runtime's."""
        return self.prices.history(asset, window)

    def messages(self, limit: int = 200, topic: str | None = None) -> tuple[Message, ...]:
        """As the runtime's."""
        return self.ring.newest(limit, topic)

    def quarantine(self, limit: int = 100) -> tuple[Message, ...]:
        """One message that is no JSON, and hostile to a careless page."""
        del limit
        if self.scores is None:
            return ()
        data = b"[pay](http://evil.example) <script>alert(1)</script>"
        at = received(9000)
        return (Message("market.prices.v1", at, "", {"asset_symbol": "ETH"}, data, "not JSON"),)

    def preview_test_alert(self, severity: Severity, by: str) -> Preview:
        """As the runtime's."""
        test_id = f"T-{len(self.sent):08x}"
        alert = test_alert(
            severity=severity, test_id=test_id, at=self.clock.now(), policy=self.policy, by=by
        )
        encoded = encode_alert(alert, "alerts.margin.v1")
        digest = hashlib.sha256(encoded.data).hexdigest()
        receivers = ("alert-notification-service", "control-room-alerts-a1")
        return Preview(test_id, alert, encoded, digest, receivers)

    def send_test_alert(self, preview: Preview, by: str) -> TestRun:
        """Remembers what was sent; refuses a second time and beyond the limit."""
        if any(p.test_id == preview.test_id for p in self.sent):
            raise ActionRefusedError("this test was sent already")
        if self.tests_left() <= 0:
            raise ActionRefusedError("limit of 3 a minute: 42 s left")
        self.sent.append(preview)
        run = TestRun(preview.test_id, preview.alert, by, timedelta(seconds=10), self.clock.now())
        self.runs.add(run)
        return run

    def tests_left(self) -> int:
        """Of three a minute."""
        return self.limit - len(self.sent)


def sample_runtime(*, empty: bool = False, **settings: Any) -> SampleRuntime:
    """A sample control room; `empty` has seen nothing yet."""
    return SampleRuntime(load({}, **settings), empty=empty)
