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
from consumers.oracle import NAME as ORACLE
from consumers.pubsub import PubSub
from consumers.runtime import Runtime
from consumers.settings import Settings
from consumers.topology import ALERTS, RECEIPTS, provision
from core.alerts import Severity, channels_for
from core.policy import Status
from embedded.broker.process import BrokerProcess
from embedded.platform import JOURNAL
from embedded.platform_process import PlatformProcess
from embedded.report import Report
from embedded.stack import StartError, environment
from embedded.under_way import under_way

LOOK_S = 0.1
STALLED_S = 15.0  # without any progress after the last price, the rest is given up and counted lost
STOPPED_S = 4.0  # the same for a market that is stopped in the middle
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
        self._pause = threading.Event()  # never set

    def run(self, stop: threading.Event) -> Summary:
        """Run until the replay has ended and arrived, or until `stop`; then count.

        The book must be there. Raises what a part raises that does not start; leaves nothing.
        """
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
                self._until_played(stop)
                self._until_arrived(runtime, stop)
                self._platform.stop()
                self._await_journalled(runtime)
                duration_s = self._clock.monotonic() - began
                return _summary(settings, self._platform.report, runtime, duration_s)
            finally:
                runtime.stop()
        finally:
            self._platform.stop()

    def _until_played(self, stop: threading.Event) -> None:
        """Return after the last price of a replay, or when told to stop."""
        while not stop.wait(LOOK_S) and not self._platform.report.finished:
            self._still_there()

    def _until_arrived(self, runtime: Runtime, stop: threading.Event) -> None:
        """Return when nothing is under way any more, or nothing moves.

        A market that goes on because it was stopped in the middle gets a few seconds at most.
        """
        began = since = self._clock.monotonic()
        seen: object = None
        while not _arrived(report := self._platform.report, journalled := _journalled(runtime)):
            self._still_there()
            now = self._clock.monotonic()
            if seen != (seen := (report, journalled)):
                since = now
            if now - since > STALLED_S or (stop.is_set() and now - began > STOPPED_S):
                log.error("arrival_given_up", after_s=now - since, errors=dict(report.errors))
                return
            self._pause.wait(LOOK_S)

    def _still_there(self) -> None:
        if not self._platform.alive:
            raise StartError("the platform ended by itself; its log says why")

    def _await_journalled(self, runtime: Runtime) -> None:
        """What was published while the platform was ending is on its way."""
        end = self._clock.monotonic() + STOPPED_S
        published = sum(self._platform.report.published.values())
        while _journalled(runtime) < published and self._clock.monotonic() < end:
            self._pause.wait(LOOK_S)


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
    idle = not under_way(report.counters, report.published)
    return idle and journalled >= sum(report.published.values())


def _journalled(runtime: Runtime) -> int:
    """Messages of this run that the control room has on disk, each counted once."""
    status = runtime.journal.status()
    return status.committed + status.quarantined


def _summary(settings: Settings, report: Report, runtime: Runtime, duration_s: float) -> Summary:
    lost = max(0, sum(report.published.values()) - _journalled(runtime))
    with runtime.journal.reader() as connection:
        received = _receipts(connection)
    missing = _expected(settings) - received
    if lost or missing:
        log.error("lost", messages=lost, receipts=len(missing), sample=sorted(missing)[:5])
    counters = report.counters.get(RISK_ENGINE, {})
    return Summary(
        ticks=report.of(ORACLE, "ticks"),
        rounds=report.of(RISK_ENGINE, "rounds"),
        transitions={name: n for name, n in sorted(counters.items()) if "->" in name},
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
    if not path.exists():
        return frozenset()  # stopped before the platform was up
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchone():
            return frozenset()
        rows = connection.execute("SELECT key, attributes FROM outbox WHERE topic = ?", (ALERTS,))
        return frozenset(
            (event_id, channel)
            for event_id, attributes in rows
            for channel in channels_for(Severity(orjson.loads(attributes)["severity"]))
        )
    finally:
        connection.close()
