"""Letters are sent after their commit, until the broker has them, and again by the next life."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.journal import Journal
from consumers.outbox import Letter, Outbox, forget
from consumers.publisher import PublishResult
from consumers.wire import Encoded
from tests.support import FakeClock, eventually

TOPIC = "alerts.margin.v1"


class Broker:
    """Answers at once; refuses while `down`, says nothing while `silent`."""

    def __init__(self, *, down: bool = False, silent: bool = False) -> None:
        self.down, self.silent = down, silent
        self.taken: list[Encoded] = []
        self._lock = threading.Lock()

    def publish(
        self, topic: str, encoded: Encoded, on_done: Callable[[PublishResult], None]
    ) -> None:
        if not self.down:
            with self._lock:
                self.taken.append(encoded)
        if not self.silent:
            on_done(PublishResult(topic, None, "no broker" if self.down else None, 0.0))

    @property
    def bodies(self) -> list[bytes]:
        return [one.data for one in self.taken]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def journal(tmp_path: Path, clock: FakeClock) -> Iterator[Journal]:
    made = Journal(tmp_path / "platform.db", clock)
    made.start()
    yield made
    made.stop()


def _letter(name: str) -> Letter:
    return Letter(name, Encoded(name.encode(), {"severity": "high"}))


def _outbox(journal: Journal, broker: Broker, clock: FakeClock, *, fresh: bool = False) -> Outbox:
    outbox = Outbox(topic=TOPIC, journal=journal, publisher=broker, clock=clock)
    outbox.start(fresh_broker=fresh)
    return outbox


def _write(outbox: Outbox, journal: Journal, clock: FakeClock, *names: str) -> list[Letter]:
    letters = [_letter(name) for name in names]
    at = clock.now()
    journal.execute(lambda connection: outbox.write(connection, letters, at)).result()
    return letters


def test_a_letter_is_published_with_its_attributes_and_counted(
    journal: Journal, clock: FakeClock
) -> None:
    broker = Broker()
    outbox = _outbox(journal, broker, clock)
    outbox.send(_write(outbox, journal, clock, "a", "b"))
    eventually(lambda: outbox.published == 2)
    assert broker.bodies == [b"a", b"b"]
    assert broker.taken[0].attributes == {"severity": "high"}
    assert outbox.left == 0
    outbox.stop()


def test_what_was_committed_and_not_sent_is_sent_by_the_next_life(
    journal: Journal, clock: FakeClock
) -> None:
    first = _outbox(journal, Broker(), clock)
    _write(first, journal, clock, "a", "b")  # killed here, before `send`
    first.stop()
    broker = Broker()
    second = _outbox(journal, broker, clock)
    eventually(lambda: second.published == 2)
    assert broker.bodies == [b"a", b"b"]
    second.stop()


def test_what_is_acknowledged_is_not_sent_again(journal: Journal, clock: FakeClock) -> None:
    first = _outbox(journal, Broker(), clock)
    first.send(_write(first, journal, clock, "a"))
    eventually(lambda: first.published == 1)
    first.stop()
    broker = Broker()
    second = _outbox(journal, broker, clock)
    second.send(_write(second, journal, clock, "b"))
    eventually(lambda: second.published == 1)
    assert broker.bodies == [b"b"]
    second.stop()


def test_what_the_broker_never_answered_for_is_sent_again(
    journal: Journal, clock: FakeClock
) -> None:
    first = _outbox(journal, Broker(silent=True), clock)
    first.send(_write(first, journal, clock, "a"))
    eventually(lambda: first.left == 1)
    first.stop()
    second = _outbox(journal, Broker(), clock)
    eventually(lambda: second.published == 1)
    second.stop()


def test_a_refused_letter_is_tried_again_after_a_pause(journal: Journal, clock: FakeClock) -> None:
    broker = Broker(down=True)
    outbox = _outbox(journal, broker, clock)
    outbox.send(_write(outbox, journal, clock, "a"))
    eventually(lambda: outbox.error == "no broker")
    broker.down = False
    assert outbox.left == 1
    clock.advance(11)
    eventually(lambda: outbox.published == 1)
    assert outbox.error is None
    outbox.stop()


def test_a_broker_without_memory_is_told_again_what_is_younger_than_ten_minutes(
    journal: Journal, clock: FakeClock
) -> None:
    first = _outbox(journal, Broker(), clock)
    first.send(_write(first, journal, clock, "old"))
    clock.advance(timedelta(minutes=9).total_seconds())
    first.send(_write(first, journal, clock, "new"))
    eventually(lambda: first.published == 2)
    first.stop()
    clock.advance(timedelta(minutes=5).total_seconds())
    broker = Broker()
    second = _outbox(journal, broker, clock, fresh=True)
    eventually(lambda: second.published == 1)
    assert broker.bodies == [b"new"]
    second.stop()


def test_the_same_key_keeps_its_first_bytes(journal: Journal, clock: FakeClock) -> None:
    first = _outbox(journal, Broker(), clock)
    _write(first, journal, clock, "a")
    again = Letter("a", Encoded(b"other", {}))
    at = clock.now()
    journal.execute(lambda connection: first.write(connection, [again], at)).result()
    first.stop()
    broker = Broker()
    second = _outbox(journal, broker, clock)
    eventually(lambda: second.published == 1)
    assert broker.bodies == [b"a"]
    second.stop()


def test_letters_that_cannot_be_sent_do_not_keep_the_others(
    journal: Journal, clock: FakeClock
) -> None:
    outbox = _outbox(journal, Broker(), clock)
    letters = [_letter(str(n)) for n in range(12)]
    journal.execute(lambda db: outbox.write(db, letters, clock.now())).result(5)
    journal.execute(
        lambda db: db.execute("UPDATE outbox SET published = 1 WHERE seq > 8") and None
    ).result(5)
    later = clock.now() + timedelta(days=1)
    assert journal.execute(lambda db: forget(db, later, 3)).result(5) == 3
    assert journal.execute(lambda db: forget(db, later, 3)).result(5) == 1
    assert journal.execute(lambda db: forget(db, later, 3)).result(5) == 0
    outbox.stop()
