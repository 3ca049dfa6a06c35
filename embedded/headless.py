"""A whole market without a dashboard: play it, wait for all of it, count what is lost.

The control room's runtime is in this process; broker and platform are children, as they are under
`fusion run`: on two cores that is twice as fast as one process for all.
"""

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import structlog

from consumers.clock import Clock
from consumers.incidents import NAME as RISK_ENGINE
from consumers.memory import settle
from consumers.notifier import NAME as NOTIFIER
from consumers.oracle import NAME as ORACLE
from consumers.pubsub import PubSub
from consumers.runtime import Runtime
from consumers.settings import Settings
from consumers.topology import ALERTS, PRICES, RECEIPTS, provision
from core.alerts import Severity, channels_for
from core.policy import Status
from embedded.broker.process import BrokerProcess
from embedded.opening import open_market
from embedded.platform import JOURNAL
from embedded.platform_process import PlatformProcess
from embedded.report import Report
from embedded.stack import StartError, environment

LOOK_S = 0.1
STALLED_S = 15.0  # without any progress after the last price, the rest is given up and counted lost
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to; `lost` is published messages never journalled plus missing receipts."""

    ticks: int
    rounds: int
    transitions: Mapping[str, int]
    alerts_published: int
    receipts: int
    lost: int
    duration_s: float
    unknown_accounts: int
    statuses: Mapping[str, int]

    def line(self) -> str:
        """One line of JSON."""
        return orjson.dumps(self).decode()


class Headless:
    """One run; everything happens on the thread that calls `run`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._platform = PlatformProcess()

    def run(self, stop: threading.Event) -> Summary:
        """Run until the replay has ended and arrived, or until `stop`; then count.

        Raises what a part raises that does not start; nothing is left running.
        """
        open_market(self._settings, self._clock.now())
        if self._settings.emulator_host is not None:
            return self._run(self._settings, stop)
        with BrokerProcess() as broker:
            update = {"emulator_host": broker.address}
            return self._run(self._settings.model_copy(update=update), stop)

    def _run(self, settings: Settings, stop: threading.Event) -> Summary:
        """The control room's subscriptions begin in the past, so that both may start at once."""
        began = self._clock.monotonic()
        try:
            self._platform.start(environment(settings))
            _provision(settings)
            runtime = Runtime(settings, self._clock)
            runtime.start()
            settle()
            try:
                self._play(runtime, stop)
                self._platform.stop()
                duration_s = self._clock.monotonic() - began
                return _summary(settings, self._platform.report, runtime, duration_s)
            finally:
                runtime.stop()
        finally:
            self._platform.stop()

    def _play(self, runtime: Runtime, stop: threading.Event) -> None:
        """Return when all of the market has been played and has arrived, or no longer does."""
        before: object = None
        since = self._clock.monotonic()
        while not stop.is_set():
            report, journal = self._platform.report, runtime.journal.status()
            journalled = journal.committed + journal.quarantined
            if report.finished and _arrived(report, journalled):
                return
            if not self._platform.alive:
                raise StartError("the platform ended by itself; its log says why")
            now = (report, journalled)
            if not report.finished or now != before:
                before, since = now, self._clock.monotonic()
            elif self._clock.monotonic() - since > STALLED_S:
                log.error("arrival_stalled", after_s=STALLED_S, errors=dict(report.errors))
                return
            stop.wait(LOOK_S)


def _provision(settings: Settings) -> None:
    pubsub = PubSub(settings.project, settings.emulator_host)
    try:
        provision(
            pubsub,
            price_subscription=settings.price_subscription,
            alert_subscription=settings.alert_subscription,
        )
    finally:
        pubsub.close()


def _arrived(report: Report, journalled: int) -> bool:
    """Whether every worker is idle and the control room has journalled what was published."""
    scored = report.of(RISK_ENGINE, "ticks") >= report.published.get(PRICES, 0)
    told = report.of(NOTIFIER, "alerts") >= report.of(RISK_ENGINE, "alerts")
    waiting = report.of(RISK_ENGINE, "alerts_waiting") + report.of(NOTIFIER, "receipts_waiting")
    return scored and told and not waiting and journalled >= sum(report.published.values())


def _summary(settings: Settings, report: Report, runtime: Runtime, duration_s: float) -> Summary:
    with runtime.journal.reader() as connection:
        journalled = dict(
            connection.execute("SELECT topic, count(*) FROM events GROUP BY topic").fetchall()
        )
        received = _receipts(connection)
    lost = sum(max(0, n - journalled.get(topic, 0)) for topic, n in report.published.items())
    missing = _expected(settings) - received
    if lost or missing:
        log.error("lost", messages=lost, receipts=len(missing), sample=sorted(missing)[:5])
    transitions = {
        name: n for name, n in sorted(report.counters[RISK_ENGINE].items()) if "->" in name
    }
    return Summary(
        ticks=report.of(ORACLE, "ticks"),
        rounds=report.of(RISK_ENGINE, "rounds"),
        transitions=transitions,
        alerts_published=report.of(RISK_ENGINE, "alerts_published"),
        receipts=len(received),
        lost=lost + len(missing),
        duration_s=round(duration_s, 3),
        unknown_accounts=report.statuses.get(Status.UNKNOWN, 0),
        statuses=report.statuses,
    )


def _receipts(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """(event, channel) of every receipt the control room has, from their keys."""
    rows = connection.execute("SELECT key FROM events WHERE topic = ?", (RECEIPTS,))
    parts = (key.split("/") for (key,) in rows)
    return frozenset((event_id, channel) for event_id, channel, *_ in parts)


def _expected(settings: Settings) -> frozenset[tuple[str, str]]:
    """(event, channel) of every alert the risk engine decided on, from its own outbox."""
    path = settings.data_dir / JOURNAL
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT key, attributes FROM outbox WHERE topic = ?", (ALERTS,))
        return frozenset(
            (event_id, channel)
            for event_id, attributes in rows
            for channel in channels_for(Severity(orjson.loads(attributes)["severity"]))
        )
    finally:
        connection.close()
