"""`fusion run` as a person starts it, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.dashboard.browser import free_port
from tests.support import ROOT, eventually

FUSION = (sys.executable, "-m", "cli.main")


class Room:
    """A running control room, asked over HTTP."""

    def __init__(self, data: Path, *arguments: str, **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [*FUSION, "run", "--port", str(self.port), "--data-dir", str(data), *arguments]
        self.log = data.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log
            )

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON; (0, None) while nobody answers."""
        return self._ask(urllib.request.Request(f"{self.url}{path}"))

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON of a POST."""
        data = json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        return self._ask(urllib.request.Request(f"{self.url}{path}", data, headers))

    def _ask(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None

    def state(self) -> dict[str, Any]:
        """The whole picture; empty while nobody answers."""
        status, state = self.get("/api/state")
        return state if status == 200 else {}

    def ready(self) -> bool:
        """Feeds live and the book scored."""
        return self.get("/api/ready")[0] == 200

    def await_ready(self, timeout: float = 60) -> None:
        """Wait until it is."""
        eventually(self.ready, timeout, 0.1, f"ready; log: {self.log.read_text()[-2000:]}")

    def child(self, words: str) -> int:
        """The pid of the descendant of this room whose command line holds `words`."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and words in _command(folder) and self._mine(folder):
                return int(folder.name)
        raise LookupError(words)

    def _mine(self, folder: Path) -> bool:
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        return parent == self.process.pid

    def stop(self) -> int:
        """As Ctrl-C does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@contextmanager
def room(data: Path, *arguments: str, **environment: str) -> Iterator[Room]:
    """A control room that is stopped at the end, whatever happened."""
    running = Room(data, *arguments, **environment)
    try:
        yield running
    finally:
        running.stop()
