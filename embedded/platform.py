"""The platform of one machine: every worker, one connection and one journal."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

import structlog

from consumers import incidents, progress, settled
from consumers.clock import Clock
from consumers.feed_status import FeedState, FeedStatus
from consumers.journal import Journal, JournalStatus
from consumers.notifier import NAME as NOTIFIER
from consumers.notifier import Notifier
from consumers.oracle import NAME as ORACLE
from consumers.oracle import Oracle
from consumers.picture import Published
from consumers.pubsub import PubSub
from consumers.remembering import platform_rules
from consumers.risk_engine import RiskEngine
from consumers.settings import Settings
from consumers.settled import ASSET
from consumers.settlement import NAME as SETTLEMENT
from consumers.settlement import SettlementConsumer
from consumers.spans import end_spans
from consumers.stores import PositionStore, Versions
from consumers.topology import provision
from consumers.worker import Worker, WorkerStatus
from core.book import Book
from embedded.opening import Opening, open_market, price_source
from embedded.relayer import NAME as RELAYER
from embedded.relayer import Relayer
from embedded.under_way import under_way

RISK_ENGINE = incidents.NAME
WORKERS = (
    NOTIFIER,
    SETTLEMENT,
    RISK_ENGINE,
    RELAYER,
    ORACLE,
)  # who listens starts before who speaks
JOURNAL = "platform.db"
SPEAKERS = (RELAYER, ORACLE)
LOOK_S = 0.02
ARRIVES_S = 1.5  # how long an orderly end waits for what is under way; a tenth of it is usual
log = structlog.get_logger(__name__)


class SimulationRefusedError(RuntimeError):
    """A simulated worker was asked for where real prices and escrows are."""

    def __init__(self, name: str, environment: str) -> None:
        super().__init__(f"{name}: nothing is simulated in the {environment} environment")


class Platform:
    """Chosen workers over one journal and one connection. Start and stop once, from one thread."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        workers: Collection[str] = WORKERS,
        fresh_broker: bool = False,
        resume: bool = False,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._names = tuple(name for name in WORKERS if name in workers)
        self._fresh_broker = fresh_broker
        self._resume = resume
        self._journal = Journal(settings.data_dir / JOURNAL, clock, rules=platform_rules(settings))
        self._pubsub = PubSub(settings.project, settings.emulator_host, clock, traced=settings.otel)
        self._publisher = self._pubsub.publisher()
        self._started: list[Worker] = []
        self.oracle: Oracle | None = None
        self.risk_engine: RiskEngine | None = None
        for name in self._names:
            if name in (ORACLE, RELAYER) and settings.environment != "embedded":
                raise SimulationRefusedError(name, settings.environment)

    def start(self) -> None:
        """Provision, open the journal, start the workers; all of them, or none and the error."""
        opening = open_market(self._settings, self._clock.now())
        if self._settings.embedded:
            provision(
                self._pubsub,
                price_subscription=self._settings.price_subscription,
                alert_subscription=self._settings.alert_subscription,
            )
        self._journal.start()
        try:
            for name in self._names:
                worker = self._makers(opening)[name]()
                self._started.append(worker)
                worker.start()
        except BaseException:
            self.stop()
            raise
        log.info("platform_started", workers=list(self._names), accounts=len(opening.book))

    def stop(self, timeout: float = 5.0) -> None:
        """Who speaks first; then, when what they said has arrived, who listens; the journal last.

        What has not arrived in time is on disk, and goes on at the next start.
        """
        end = self._clock.monotonic() + timeout
        speak = [worker for worker in self._started if worker.status().name in SPEAKERS]
        self._stop_together(speak, end)
        if len(self._started) == len(WORKERS):
            self._await_arrival(min(end - timeout / 2, self._clock.monotonic() + ARRIVES_S))
        self._stop_together([worker for worker in self._started if worker not in speak], end)
        self._publisher.close(1.0)
        self._journal.stop(2.0)
        self._pubsub.close()
        end_spans(self._settings)
        log.info("platform_stopped")

    def _stop_together(self, workers: Sequence[Worker], end: float) -> None:
        timeout = max(0.1, end - self._clock.monotonic())
        stopping = [
            threading.Thread(target=worker.stop, args=(timeout,), name="stopping", daemon=True)
            for worker in workers
        ]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join(max(0.1, end - self._clock.monotonic()))

    def _await_arrival(self, end: float) -> None:
        """Until nothing is under way; without a broker nothing arrives, so nothing is awaited."""
        pause = threading.Event()  # never set
        while self._clock.monotonic() < end and self._hears() and self._under_way():
            pause.wait(LOOK_S)

    def _hears(self) -> bool:
        return not any(_cut_off(feed) for one in self.status() for feed in one.feeds)

    def _under_way(self) -> bool:
        waiting = self._publisher.pending > 0
        counters = {one.name: one.counters for one in self.status()}
        return waiting or under_way(counters, self.published)

    def status(self) -> tuple[WorkerStatus, ...]:
        """Each worker's, in the order of `WORKERS`."""
        return tuple(worker.status() for worker in self._started)

    @property
    def published(self) -> Mapping[str, int]:
        """Messages the broker acknowledged, by topic."""
        return self._publisher.counts

    def publishing(self) -> Published:
        """What was published, what failed and what has no answer yet."""
        sender = self._publisher
        return Published(sender.counts, sender.failures, sender.pending)

    def journal_status(self) -> JournalStatus:
        """The journal of the workers."""
        return self._journal.status()

    def _makers(self, opening: Opening) -> Mapping[str, Callable[[], Worker]]:
        return {
            NOTIFIER: self._notifier,
            SETTLEMENT: self._settlement,
            RISK_ENGINE: lambda: self._risk_engine(opening),
            RELAYER: lambda: self._relayer(opening),
            ORACLE: lambda: self._oracle(opening),
        }

    def _notifier(self) -> Worker:
        return Notifier(
            settings=self._settings,
            pubsub=self._pubsub,
            publisher=self._publisher,
            journal=self._journal,
            clock=self._clock,
            fresh_broker=self._fresh_broker,
        )

    def _settlement(self) -> Worker:
        return SettlementConsumer(pubsub=self._pubsub, journal=self._journal, clock=self._clock)

    def _risk_engine(self, opening: Opening) -> Worker:
        self.risk_engine = RiskEngine(
            settings=self._settings,
            pubsub=self._pubsub,
            publisher=self._publisher,
            journal=self._journal,
            clock=self._clock,
            book=opening.book,
            as_of=opening.as_of,
            fresh_broker=self._fresh_broker,
        )
        return self.risk_engine

    def _relayer(self, opening: Opening) -> Worker:
        done = self._journal.execute(settled.load).result()
        positions = PositionStore(Versions(), opening.book, opening.as_of)
        positions.apply_all(done)
        return Relayer(
            balances=_balances(positions.book()),
            seed=self._settings.market_seed,
            interval_s=self._settings.settlement_interval_s,
            publisher=self._publisher,
            clock=self._clock,
        )

    def _oracle(self, opening: Opening) -> Worker:
        scored = (
            progress.reached(self._journal, RISK_ENGINE) if RISK_ENGINE in self._names else None
        )
        self.oracle = Oracle(
            source=price_source(
                self._settings,
                opening,
                published=progress.reached(self._journal, ORACLE),
                scored=scored,
                resume=self._resume,
            ),
            publisher=self._publisher,
            journal=self._journal,
            clock=self._clock,
        )
        return self.oracle


def _cut_off(feed: FeedStatus) -> bool:
    """Whether it lost its broker; a feed that never had one may only just have begun."""
    lost = feed.state is FeedState.CONNECTING and feed.messages > 0
    return lost or feed.state in (FeedState.DENIED, FeedState.MISSING)


def _balances(book: Book) -> Mapping[str, Decimal]:
    """What each account could pay into an escrow: those that post ETH, or all if hardly any do."""
    held = {user: book.portfolio(user).collateral.get(ASSET, Decimal(0)) for user in book.users}
    able = {user: amount for user, amount in held.items() if amount > 0}
    return able if len(able) > 1 else held
