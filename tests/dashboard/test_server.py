"""The process: bad settings end it in one line each, a signal ends it with its streams."""

import asyncio
import gc
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from consumers import door
from consumers.book_source import write_book
from core.portfolio import Portfolio
from dashboard import hosting
from dashboard.live.hub import Hub
from embedded.broker import BrokerProcess
from tests.collector import Collector
from tests.dashboard.browser import get, served
from tests.sessions.served_room import platform, ready
from tests.support import ROOT, eventually
from tests.support_runtime import sample_runtime

BAD = {
    "FUSION_PORT": "99999",
    "GCP_PROJECT": "1",
    "FUSION_MARKET": "mad",
    "PUBSUB_EMULATOR_HOST": "nowhere",
    "FUSION_ACCOUNTS": "few",
}


def test_five_wrong_settings_are_five_lines_and_exit_2() -> None:
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py"]
    done = subprocess.run(
        [*command, "--server.port", "0"],
        cwd=ROOT,
        env={**os.environ, **BAD},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert sorted(line.split("=")[0] for line in done.stderr.splitlines()) == sorted(BAD)


def test_server_with_an_open_stream_stops_within_eight_seconds(tmp_path: Path) -> None:
    with served(tmp_path / "log") as server:
        stream = urllib.request.urlopen(f"{server.url}/api/live", timeout=10)
        assert stream.readline() == b"retry: 1000\n"
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 8
        stream.close()
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


def test_spans_of_the_last_moment_are_exported_at_the_end(
    broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    """SIGTERM ends the server without Python's own handlers of an exit."""
    room = {
        "PUBSUB_EMULATOR_HOST": broker.address,
        "GCP_PROJECT": project,
        "FUSION_DATA_DIR": str(tmp_path),
    }
    write_book(tmp_path / "book.csv", [Portfolio.of("ann", {"ETH": "10"}, {"USDC": "20000"})])
    with Collector() as collector, platform(project, broker.address):
        log, server = tmp_path / "log", ROOT / "dashboard" / "server.py"
        with served(log, server, **room, **collector.environment) as running:
            eventually(lambda: ready(running), 30)
            assert collector.spans == []
    assert ("control-room", "subscribe") in {(of, name.split()[-1]) for of, name in collector.spans}


def test_foreign_host_and_headers_on_streamlits_own_pages(tmp_path: Path) -> None:
    with served(tmp_path / "log") as server:
        with urllib.request.urlopen(server.url, timeout=10) as page:
            assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert get(f"{server.url}/api/nope") == 404
        assert get(f"{server.url}/app/static/fonts/OFL.txt") == 200


def test_lifespan_opens_the_runtime_and_closes_it() -> None:
    runtime: Any = sample_runtime()
    hub = Hub()

    async def live() -> None:
        app: Any = None
        async with hosting.control_room(lambda: runtime, hub)(app):
            assert door.runtime() is runtime
            eventually(lambda: hub.board.version == 1)

    asyncio.run(live())
    gc.unfreeze()
    assert hub.closed
    with pytest.raises(door.RuntimeMissingError):
        door.runtime()
