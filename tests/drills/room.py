"""A control room's process as a drill sees it: started, watched, killed; its journal read."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from consumers.book_source import write_book
from consumers.pubsub import PubSub
from consumers.topology import TOPICS
from consumers.wire import Encoded
from core.portfolio import Portfolio
from tests.support import ROOT, eventually

BOOK = [Portfolio.of(f"u-{n}", {"ETH": "1"}, {"USDC": str(1_500 + n)}) for n in range(100)]


class Room:
    """One folder and one project at a broker; processes come and go."""

    def __init__(self, address: str, project: str, folder: Path, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_book(folder / "book.csv", BOOK)
        self.journal = folder / "control-room.db"
        self.pubsub = PubSub(project, address)
        for topic in TOPICS:  # no subscription that nobody reads here, and whose backlog would grow
            self.pubsub.ensure_topic(topic)
        self.publisher = self.pubsub.publisher()
        self.env = {
            "PUBSUB_EMULATOR_HOST": address,
            "GCP_PROJECT": project,
            "FUSION_DATA_DIR": str(folder),
            "FUSION_LOG_LEVEL": "error",
            "FUSION_REPLICA": "a1",
            **environment,
        }
        self._command = [sys.executable, "-m", "tests.drills.room_process"]
        self.process: subprocess.Popen[bytes] | None = None
        self.told: dict[str, Any] = {}

    def start(self, mode: str = "right") -> None:
        """Start a process; it is up once it has told something."""
        self.told = {}
        process = subprocess.Popen(
            [*self._command, mode],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **self.env},
        )
        self.process = process
        threading.Thread(target=self._read, args=(process,), name="told", daemon=True).start()
        eventually(lambda: self.told, 30, what="the room is up")

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with contextlib.suppress(json.JSONDecodeError):  # cut short by a kill
                    self.told = orjson.loads(line)

    def kill(self) -> None:
        """Kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.terminate()
        return self.process.wait(15)

    def publish(self, topic: str, message: Encoded) -> None:
        """Send one message."""
        self.publisher.publish(topic, message)

    def rows(self, topic: str) -> int:
        """How many events of a topic are on disk."""
        if not self.journal.exists():
            return 0
        uri = f"file:{self.journal}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5)) as db:
            try:
                row = db.execute("SELECT count(*) FROM events WHERE topic = ?", (topic,)).fetchone()
            except sqlite3.OperationalError:  # not a journal yet
                return 0
        return int(row[0])

    def bodies(self, topic: str) -> Iterator[dict[str, Any]]:
        """What is on disk, decoded."""
        with contextlib.closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as db:
            for (data,) in db.execute("SELECT data FROM events WHERE topic = ?", (topic,)):
                yield orjson.loads(data)

    def rss_kb(self) -> int:
        """Memory of the process now."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        wal = self.journal.with_name(f"{self.journal.name}-wal")
        return wal.stat().st_size if wal.exists() else 0

    def close(self) -> None:
        """End everything of this room's."""
        self.stop()
        self.publisher.close()
        self.pubsub.close()


@contextlib.contextmanager
def room(address: str, project: str, folder: Path, **environment: str) -> Iterator[Room]:
    """A room that is closed at the end, whatever happened."""
    made = Room(address, project, folder, **environment)
    try:
        yield made
    finally:
        made.close()
