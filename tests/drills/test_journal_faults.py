"""R18, R19, R21: a disk that is full, a file that is locked, a file that is corrupt."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from consumers.book_source import write_book
from consumers.clock import SystemClock
from consumers.feed import Feed
from consumers.monitoring import BacklogSource
from consumers.pubsub import PubSub
from consumers.runtime import Runtime
from consumers.settings import load
from consumers.stream import ack_all
from consumers.topology import SETTLEMENTS, ephemeral, provision
from embedded.broker import BrokerProcess
from tests.drills.figures import tell
from tests.drills.room import BOOK
from tests.drills.test_kill import event
from tests.support import eventually

LOCK = """
import sqlite3, sys, threading
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
threading.Event().wait(float(sys.argv[2]))
"""


class Watched:
    """A control room in this process, what is published to it, and what waits at the broker."""

    def __init__(self, address: str, project: str, folder: Path) -> None:
        write_book(folder / "book.csv", BOOK)
        self.folder = folder
        self.pubsub = PubSub(project, address)
        provision(self.pubsub)
        self.publisher = self.pubsub.publisher()
        self.source = BacklogSource(project, address, SystemClock())
        self.runtime = Runtime(
            load({}, project=project, emulator_host=address, data_dir=folder), SystemClock()
        )
        self.sent = 0

    def send(self, count: int) -> None:
        """Publish so many more events."""
        for number in range(self.sent, self.sent + count):
            self.publisher.publish(SETTLEMENTS, event(number))
        self.sent += count
        assert self.publisher.flush(10)

    def journal(self) -> dict[str, object]:
        """Its part of `/api/state`."""
        told = self.runtime.state()["journal"]
        assert isinstance(told, dict)
        return told

    def kept(self) -> int:
        """Events on disk."""
        return sum(1 for _ in self.runtime.journal.replay(SETTLEMENTS))

    def waiting(self) -> int | None:
        """Events that the broker has no acknowledgement for."""
        name = ephemeral("settlements", SETTLEMENTS, self.runtime.replica).name
        return self.source.poll(timedelta(seconds=3))[name].backlog

    def close(self) -> None:
        """End everything."""
        self.runtime.stop()
        self.publisher.close()
        self.source.close()
        self.pubsub.close()


@pytest.fixture
def room(broker: BrokerProcess, project: str, tmp_path: Path) -> Iterator[Watched]:
    made = Watched(broker.address, project, tmp_path)
    yield made
    made.close()


def test_a_full_disk_stops_the_acks_loses_nothing_says_so_and_ends_by_itself(
    room: Watched,
) -> None:
    """R18."""
    room.runtime.start()
    room.send(200)
    eventually(lambda: room.kept() == 200)
    journal = room.runtime.journal
    journal.execute(_fill).result(5)
    pages = journal.execute(lambda db: int(db.execute("PRAGMA page_count").fetchone()[0])).result(5)
    journal.execute(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result(5)
    room.send(2_000)
    eventually(lambda: "full" in str(room.journal()["error"]), what="the state says so")
    kept, waiting = room.kept(), room.waiting()
    assert waiting is not None
    assert kept + waiting >= room.sent, "what is not on disk is not acknowledged"
    assert waiting > 0
    verdict = room.runtime.picture().verdict
    assert verdict.code == "journal_failing"
    other = sqlite3.connect(journal.status().path, timeout=5)  # somebody makes room
    other.execute("DELETE FROM filler")
    other.commit()
    other.close()
    eventually(lambda: room.kept() == room.sent, 15, 0.05, "all is on disk")
    assert room.journal()["error"] is None
    eventually(lambda: room.waiting() == 0, 15, 0.2, "all is acknowledged")


def _fill(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE filler (x)")
    db.executemany("INSERT INTO filler VALUES (?)", [(bytes(4_000),)] * 1_000)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_file_locked_for_ten_seconds_stops_the_acks_and_loses_nothing(room: Watched) -> None:
    """R19."""
    room.runtime.start()
    room.send(200)
    eventually(lambda: room.kept() == 200)
    command = [sys.executable, "-c", LOCK, str(room.folder / "control-room.db"), "10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        room.send(2_000)
        eventually(lambda: "locked" in str(room.journal()["error"]), what="the state says so")
        assert room.kept() == 200
        assert (room.waiting() or 0) >= 2_000
        assert room.runtime.picture().verdict.code == "journal_failing"
        other.wait()
    begun = SystemClock().monotonic()
    eventually(lambda: room.kept() == 2_200, 15, 0.01)
    took = SystemClock().monotonic() - begun
    assert room.journal()["error"] is None
    eventually(lambda: room.waiting() == 0, 15, 0.5)
    tell(f"R19: locked 10 s, 2,000 sent meanwhile: 0 lost, all on disk {took:.1f} s after")


def test_a_corrupt_journal_is_kept_aside_and_said_and_the_room_starts(room: Watched) -> None:
    """R21. What it had taken in the last hour it takes again: the broker has it still."""
    room.send(10)
    _taken_in_an_earlier_life(room, 10)
    path = room.folder / "control-room.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xaa" * 20_000)
    with capture_logs() as logs:
        room.runtime.start()
    aside = room.journal()["set_aside"]
    assert isinstance(aside, str)
    assert aside.startswith("control-room.db.corrupt-2")
    assert path.with_name(aside).read_bytes().endswith(b"\xaa" * 20_000)
    assert [e["log_level"] for e in logs if e["event"] == "journal_set_aside"] == ["error"]
    room.send(10)
    eventually(lambda: room.kept() == 20)


def _taken_in_an_earlier_life(room: Watched, count: int) -> None:
    """The subscription outlives whoever acknowledged these."""
    mine = ephemeral("settlements", SETTLEMENTS, room.runtime.replica)
    feed = Feed(
        pubsub=room.pubsub,
        name="earlier",
        topic=SETTLEMENTS,
        subscription=mine.name,
        handle=ack_all,
        clock=SystemClock(),
        cadence=None,
        recreate=mine,
    )
    feed.start()
    eventually(lambda: feed.status().messages == count)
    feed.stop()
    assert mine.name in room.pubsub.subscriptions()
