"""The one composition root of a control room: what is made, in which order it starts and stops."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from consumers.actions import Actions, Preview
from consumers.audit import AuditTrail
from consumers.backlog_poller import BacklogPoller
from consumers.book_source import load_positions
from consumers.clock import Clock, SystemClock
from consumers.feed import Feed
from consumers.filling import Stores
from consumers.intake import AT_ONCE, Intake
from consumers.journal import Journal
from consumers.monitoring import BacklogSource
from consumers.picture import NOTHING_PUBLISHED, Picture, Published
from consumers.pubsub import Publisher, PubSub
from consumers.remembering import room_rules
from consumers.scorer import Scorer
from consumers.settings import Settings
from consumers.spans import end_spans
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
from consumers.stores.values import Message, Received, TestRun
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS, TOPICS, WARM_UP, ephemeral
from consumers.viewer import Sights, Viewer, unready
from core.alerts import Severity
from core.book import Book
from core.margin import Assessment
from core.policy import Policy

SHOWN_BYTES = 4_000  # of a message in quarantine, which may have 10 MB
log = structlog.get_logger(__name__)


class Runtime:
    """Feeds, journal, stores, scorer and backlog poller of one control room.

    `_lock` guards the publisher; everything else is made once and only read.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.policy: Policy = settings.policy
        self.started_at = self.clock.now()
        self.replica = settings.replica_name
        loaded = load_positions(settings)
        self.book_faults = loaded.faults
        self.versions = Versions()
        book = Book.from_portfolios(loaded.portfolios, self.policy)
        self.positions = PositionStore(self.versions, book, loaded.as_of)
        self.prices = PriceStore(
            self.versions,
            settings.cadence,
            self.policy.stale_limit,
            held=lambda: self.positions.book().assets,
        )
        self.alerts = AlertStore(self.versions)
        self.escrows = EscrowStore(self.versions)
        self.backlogs = BacklogStore(self.versions)
        self.runs = RunStore(self.versions)
        self.ring = MessageRing(self.started_at)
        self.pubsub = PubSub(
            settings.project, settings.emulator_host, self.clock, traced=settings.otel
        )
        self.journal = Journal(
            settings.data_dir / "control-room.db",
            self.clock,
            rules=room_rules(settings),
        )
        self.audit = AuditTrail(self.journal, self.clock)
        self.intake = Intake(
            self.journal,
            Stores(self.prices, self.alerts, self.escrows, self.positions, self.runs, self.ring),
            self.clock,
        )
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None
        self.actions = Actions(
            settings=settings,
            policy=self.policy,
            publisher=self.publisher,
            receivers=self._receivers,
            journal=self.journal,
            audit=self.audit,
            runs=self.runs,
            clock=self.clock,
        )
        self.scorer = Scorer(
            positions=self.positions,
            prices=self.prices,
            alerts=self.alerts,
            versions=self.versions,
            clock=self.clock,
            grace=timedelta(seconds=10),
        )
        self.source = BacklogSource(settings.project, settings.emulator_host, self.clock)
        self.poller = BacklogPoller(
            source=self.source,
            store=self.backlogs,
            period=settings.backlog_period,
            clock=self.clock,
        )
        self.feeds = tuple(self._feed(topic) for topic in TOPICS)
        self._viewer = Viewer(self._sights())

    def _feed(self, topic: str) -> Feed:
        name = NAMES[topic]
        mine = ephemeral(name, topic, self.replica)
        given = self.settings.own_subscriptions.get(name)
        return Feed(
            pubsub=self.pubsub,
            name=name,
            topic=topic,
            subscription=given or mine.name,
            handle=self.intake.handle_all,
            together=AT_ONCE,
            clock=self.clock,
            cadence=self.settings.cadence if topic == PRICES else None,
            recreate=None if given else mine,
            delete=True,
        )

    def _sights(self) -> Sights:
        return Sights(
            settings=self.settings,
            clock=self.clock,
            started_at=self.started_at,
            book_faults=self.book_faults,
            pubsub=self.pubsub,
            feeds=self.feeds,
            journal=self.journal,
            scorer=self.scorer,
            versions=self.versions,
            prices=self.prices,
            alerts=self.alerts,
            escrows=self.escrows,
            positions=self.positions,
            backlogs=self.backlogs,
            runs=self.runs,
            ring=self.ring,
            published=self._published,
        )

    def start(self) -> None:
        """Journal first, then what it remembers, then the scores, then the streams.

        With nothing to remember, because the journal is new or was corrupt, the broker tells the
        last hour again, also to subscriptions that outlived it.
        """
        self.journal.start()
        self.audit.prepare()
        self.actions.prepare()  # the test runs first, so that their receipts find them
        remembered = self.intake.warm()
        self.scorer.start()
        self.poller.start()
        back = None if remembered else WARM_UP
        for feed in self.feeds:
            feed.start(back)
        log.info("runtime_started", remembered=remembered, accounts=len(self.positions.base))

    def stop(self, timeout: float = 6.0) -> None:
        """Streams first, so that nothing arrives any more; the journal last."""
        end = self.clock.monotonic() + timeout
        stoppers: list[Callable[[float], None]] = [feed.stop for feed in self.feeds]
        threads = [
            threading.Thread(target=stop, args=(timeout / 2,), name="stopping", daemon=True)
            for stop in stoppers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.1, end - self.clock.monotonic()))
        self.poller.stop(1.0)
        self.scorer.stop(1.0)
        if self._publisher is not None:
            self._publisher.close()
        self.journal.stop()
        self.source.close()
        self.pubsub.close()
        end_spans(self.settings)
        log.info("runtime_stopped")

    @property
    def version(self) -> int:
        """Grows with every change of any store."""
        return self.versions.version

    def wait(self, version: int, timeout: float) -> int:
        """Block this thread until the version exceeds `version`, at most `timeout` seconds."""
        return self.versions.wait(version, timeout)

    def publisher(self) -> Publisher:
        """Made on first use: a control room that only looks never has one."""
        with self._lock:
            if self._publisher is None:
                self._publisher = self.pubsub.publisher()
            return self._publisher

    def picture(self) -> Picture:
        """Everything a page may show, at most a tenth of a second old."""
        return self._viewer.picture()

    def _published(self) -> Published:
        sender = self._publisher
        if sender is None:
            return NOTHING_PUBLISHED
        return Published(sender.counts, sender.failures, sender.pending)

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Whether every feed is live and the book is scored; else the reasons why not."""
        reasons = unready(self.picture())
        return not reasons, reasons

    def assess(self, user_id: str) -> Assessment | None:
        """The exact assessment of one account on the newest scored prices."""
        scores = self.scorer.latest()
        if scores is None or user_id not in scores.book.rows:
            return None
        return scores.valuation.assess(user_id)

    def price_history(self, asset: str, window: timedelta) -> tuple[tuple[int, float], ...]:
        """(epoch ms in market time, USD), oldest first, at most 2,000 points."""
        return self.prices.history(asset, window)

    def messages(self, limit: int = 200, topic: str | None = None) -> tuple[Message, ...]:
        """Recent messages, newest first, from memory: looking causes no call to the broker."""
        return self.ring.newest(limit, topic)

    def quarantine(self, limit: int = 100) -> tuple[Message, ...]:
        """What could not be decoded, newest first, as much of each as a page shows."""
        return tuple(
            Message(
                q.entry.topic,
                Received(q.entry.message_id, q.entry.publish_time, q.entry.received_at),
                q.entry.key,
                q.entry.attributes,
                q.entry.data,
                q.reason,
                q.size,
            )
            for q in self.journal.quarantined(limit, SHOWN_BYTES)
        )

    def preview_test_alert(self, severity: Severity, by: str) -> Preview:
        """The exact bytes of a test alert, and who would receive it."""
        return self.actions.preview(severity, by)

    def send_test_alert(self, preview: Preview, by: str) -> TestRun:
        """Publish a previewed test alert once; raises ActionRefusedError."""
        return self.actions.send(preview, by)

    def tests_left(self) -> int:
        """Test alerts that may still be sent within this minute."""
        return self.actions.left()

    def _receivers(self, topic: str) -> tuple[str, ...]:
        return self.pubsub.topic_subscriptions(topic)

    def state(self) -> dict[str, object]:
        """The whole picture as plain values with ages, for machines."""
        return state_of(self.picture(), *self.ready())


NAMES: Mapping[str, str] = {
    PRICES: "prices",
    SETTLEMENTS: "settlements",
    ALERTS: "alerts",
    RECEIPTS: "receipts",
}
