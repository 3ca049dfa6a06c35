"""What an operator can make happen: a test alert out and back, once, audited before the act."""

import hashlib
import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Protocol

import orjson

from consumers.audit import AuditTrail
from consumers.clock import Clock
from consumers.journal import Journal
from consumers.pubsub import PublishResult
from consumers.settings import Settings
from consumers.stores import RunStore
from consumers.stores.values import TestRun
from consumers.topology import ALERTS
from consumers.wire import Encoded, decode_alert, encode_alert
from core.alerts import MarginAlert, Severity, test_alert
from core.policy import Policy

MINUTE = timedelta(minutes=1)
TABLE = """
CREATE TABLE IF NOT EXISTS test_runs (
  test_id TEXT PRIMARY KEY, who TEXT NOT NULL, built_at TEXT NOT NULL, published_at TEXT,
  timeout_s REAL NOT NULL, data BLOB NOT NULL, attributes TEXT NOT NULL)
"""
RUNS = "test_runs"
_FORGET = (
    "DELETE FROM test_runs WHERE test_id IN"
    " (SELECT test_id FROM test_runs WHERE built_at < ? ORDER BY built_at LIMIT ?)"
)


class ActionRefusedError(Exception):
    """The act was not done; `reason` says why, for the person who asked."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Publishing(Protocol):
    """The part of a publisher that an action needs."""

    def publish(
        self, topic: str, encoded: Encoded, on_done: Callable[[PublishResult], None] | None = None
    ) -> object:
        """Hand one message to the broker."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A test alert that is ready to go: the very bytes that would be published."""

    test_id: str
    alert: MarginAlert
    encoded: Encoded
    sha256: str
    receivers: tuple[str, ...]


class Actions:
    """The only door to a publisher for the people at the screen. The lock guards `_sent`."""

    def __init__(
        self,
        *,
        settings: Settings,
        policy: Policy,
        publisher: Callable[[], Publishing],
        receivers: Callable[[str], tuple[str, ...]],
        journal: Journal,
        audit: AuditTrail,
        runs: RunStore,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._publisher = publisher
        self._receivers = receivers
        self._journal = journal
        self._audit = audit
        self._runs = runs
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: deque[datetime] = deque()
        self._used: set[str] = set()

    def prepare(self) -> None:
        """Make the table and bring back the runs of before; the journal must run."""
        self._journal.execute(lambda db: db.execute(TABLE)).result(5)
        with self._journal.reader() as db:
            rows = db.execute(
                "SELECT test_id, who, built_at, published_at, timeout_s, data, attributes"
                " FROM (SELECT * FROM test_runs ORDER BY built_at DESC LIMIT 200)"
                " ORDER BY built_at"
            ).fetchall()
        for test_id, who, built, published, timeout, data, attributes in rows:
            built_at = datetime.fromisoformat(built)
            alert = decode_alert(bytes(data), orjson.loads(attributes), built_at)
            self._used.add(test_id)
            if isinstance(alert, MarginAlert):
                at = None if published is None else datetime.fromisoformat(published)
                run = TestRun(test_id, alert, who, timedelta(seconds=timeout), built_at, at)
                self._runs.add(run)

    def preview(self, severity: Severity, by: str) -> Preview:
        """Build a test alert as production would, without sending it."""
        test_id = f"T-{secrets.token_hex(4)}"
        alert = test_alert(
            severity=severity, test_id=test_id, at=self._clock.now(), policy=self._policy, by=by
        )
        encoded = encode_alert(alert, ALERTS)
        return Preview(
            test_id,
            alert,
            Encoded(encoded.data, MappingProxyType(dict(encoded.attributes))),
            hashlib.sha256(encoded.data).hexdigest(),
            self._receivers(ALERTS),
        )

    def left(self) -> int:
        """Test alerts that may still be sent within this minute."""
        with self._lock:
            self._forget(self._clock.now())
            return self._settings.test_alerts_per_minute - len(self._sent)

    def send(self, preview: Preview, by: str, role: str = "admin") -> TestRun:
        """Publish the previewed bytes once; raises ActionRefusedError, which is on record too."""
        params = {"test_id": preview.test_id, "sha256": preview.sha256}
        refusal = self._refusal(preview.test_id)
        result = "allowed" if refusal is None else f"refused: {refusal}"
        self._audit.record(
            who=by,
            role=role,
            action="send_test_alert",
            target=ALERTS,
            params=params,
            result=result,
        )
        if refusal is not None:
            raise ActionRefusedError(refusal)
        timeout = timedelta(seconds=self._settings.test_alert_timeout_s)
        run = TestRun(preview.test_id, preview.alert, by, timeout, self._clock.now())
        self._runs.add(run)
        self._remember(run, preview.encoded)
        self._publisher().publish(ALERTS, preview.encoded, self._published(run.test_id))
        return run

    def _refusal(self, test_id: str) -> str | None:
        """Takes one of the minute's places when it answers None."""
        now = self._clock.now()
        with self._lock:
            self._forget(now)
            if test_id in self._used:
                return "this test was sent already"
            if len(self._sent) >= self._settings.test_alerts_per_minute:
                left = int((self._sent[0] + MINUTE - now).total_seconds()) + 1
                return f"limit of {self._settings.test_alerts_per_minute} a minute: {left} s left"
            self._sent.append(now)
            self._used.add(test_id)
            return None

    def _forget(self, now: datetime) -> None:
        while self._sent and now - self._sent[0] >= MINUTE:
            self._sent.popleft()

    def _published(self, test_id: str) -> Callable[[PublishResult], None]:
        def done(result: PublishResult) -> None:
            if result.error is not None:
                self._runs.failed(test_id, result.error)
                return
            at = self._clock.now()
            self._runs.published(test_id, at)
            self._journal.execute(
                lambda db: (
                    db.execute(
                        "UPDATE test_runs SET published_at=? WHERE test_id=?",
                        (at.isoformat(), test_id),
                    )
                    and None
                )
            )

        return done

    def _remember(self, run: TestRun, encoded: Encoded) -> None:
        row = (
            run.test_id,
            run.by,
            run.built_at.isoformat(),
            None,
            run.timeout.total_seconds(),
            encoded.data,
            orjson.dumps(dict(encoded.attributes)).decode(),
        )

        def insert(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR IGNORE INTO test_runs VALUES (?,?,?,?,?,?,?)", row)

        self._journal.execute(insert).result(5)


def forget(connection: sqlite3.Connection, horizon: datetime, chunk: int) -> int:
    """Delete so many of the oldest test runs from before `horizon`; how many there were."""
    return connection.execute(_FORGET, (horizon.isoformat(), chunk)).rowcount
