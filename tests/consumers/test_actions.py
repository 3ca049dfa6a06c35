"""Test alerts: the bytes previewed are the bytes sent, once, within the limit, audited first."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.actions import ActionRefusedError, Actions
from consumers.audit import AuditTrail
from consumers.journal import Journal
from consumers.pubsub import PublishResult
from consumers.settings import load
from consumers.stores import RunStore, Versions
from consumers.wire import Encoded
from core.alerts import Severity
from tests.support import FakeClock


class Outbox:
    """A publisher that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Encoded]] = []
        self.done: list[Callable[[PublishResult], None]] = []

    def publish(
        self, topic: str, encoded: Encoded, on_done: Callable[[PublishResult], None] | None = None
    ) -> None:
        self.sent.append((topic, encoded))
        if on_done is not None:
            self.done.append(on_done)


class Room:
    """Actions over a real journal, with an outbox in the broker's place."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.journal = Journal(folder / "j.db", self.clock)
        self.journal.start()
        self.audit = AuditTrail(self.journal, self.clock)
        self.audit.prepare()
        self.outbox = Outbox()
        self.runs = RunStore(Versions())
        self.actions = self.make(self.runs)

    def make(self, runs: RunStore) -> Actions:
        settings = load({})
        made = Actions(
            settings=settings,
            policy=settings.policy,
            publisher=lambda: self.outbox,
            receivers=lambda _topic: ("alert-notification-service",),
            journal=self.journal,
            audit=self.audit,
            runs=runs,
            clock=self.clock,
        )
        made.prepare()
        return made


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.journal.stop()


def test_the_bytes_previewed_are_the_bytes_published(room: Room) -> None:
    preview = room.actions.preview(Severity.HIGH, "ops")
    room.actions.send(preview, "ops")
    ((topic, encoded),) = room.outbox.sent
    assert topic == "alerts.margin.v1"
    assert hashlib.sha256(encoded.data).hexdigest() == preview.sha256
    assert encoded.attributes["test"] == "true"


def test_a_second_click_sends_nothing_and_is_on_record(room: Room) -> None:
    preview = room.actions.preview(Severity.HIGH, "ops")
    room.actions.send(preview, "ops")
    with pytest.raises(ActionRefusedError, match="sent already"):
        room.actions.send(preview, "ops")
    assert len(room.outbox.sent) == 1
    assert [r.result for r in room.audit.newest()] == [
        "refused: this test was sent already",
        "allowed",
    ]


def test_the_fourth_in_a_minute_is_refused_with_the_time_left(room: Room) -> None:
    for _ in range(3):
        room.actions.send(room.actions.preview(Severity.HIGH, "ops"), "ops")
    room.clock.advance(18)
    with pytest.raises(ActionRefusedError, match="limit of 3 a minute: 43 s left"):
        room.actions.send(room.actions.preview(Severity.HIGH, "ops"), "ops")
    assert room.actions.left() == 0
    room.clock.advance(42)
    assert room.actions.left() == 3


def test_it_is_audited_before_it_is_published(room: Room) -> None:
    recorded_at_publish: list[int] = []
    original = room.outbox.publish

    def publish(
        topic: str, encoded: Encoded, on_done: Callable[[PublishResult], None] | None = None
    ) -> None:
        recorded_at_publish.append(len(room.audit.newest()))
        original(topic, encoded, on_done)

    room.outbox.publish = publish  # type: ignore[method-assign]
    room.actions.send(room.actions.preview(Severity.HIGH, "ops"), "ops")
    assert recorded_at_publish == [1]


def test_a_run_survives_a_restart_and_cannot_be_sent_again(room: Room) -> None:
    preview = room.actions.preview(Severity.CRITICAL, "ops")
    room.actions.send(preview, "ops")
    again = RunStore(Versions())
    actions = room.make(again)
    (run,) = again.snapshot()
    assert (run.test_id, run.by, run.timeout) == (preview.test_id, "ops", timedelta(seconds=10))
    with pytest.raises(ActionRefusedError):
        actions.send(preview, "ops")
