"""The supervisor: everything starts, what is killed comes back, everything ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.settings import Settings, load
from embedded.lock import RunLock, running
from embedded.opening import open_market
from embedded.stack import ChildFailedError, PortBusyError, Stack, environment, free_port
from tests.support import ROOT, eventually

CLOCK = SystemClock()
DASHBOARD = """
import http.server, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/_stcore/health" else 404)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


def _settings(tmp_path: Path) -> Settings:
    settings = load(
        {},
        data_dir=tmp_path / "var",
        port=free_port("127.0.0.1", 0),
        accounts=20,
        price_interval_s=0.2,
        log_level="error",
    )
    open_market(settings, CLOCK.now())
    return settings


class Running:
    """A stack on a thread of its own, and what it said."""

    def __init__(self, settings: Settings, lock: RunLock, dashboard: list[str]) -> None:
        self.said: list[str] = []
        self.ready = threading.Event()
        self.error: Exception | None = None
        self.stop = threading.Event()
        self.stack = Stack(
            settings,
            CLOCK,
            lock,
            dashboard=dashboard,
            ready=lambda _stack: self.ready.set(),
            tell=self.said.append,
        )
        self.thread = threading.Thread(target=self._run, name="stack", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.stack.run(self.stop)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


@contextmanager
def _stack(settings: Settings, dashboard: list[str]) -> Iterator[Running]:
    lock = RunLock(settings.data_dir)
    lock.acquire()
    made = Running(settings, lock, dashboard)
    try:
        yield made
    finally:
        made.stop.set()
        made.thread.join(10)
        lock.release()


def _stand_in(settings: Settings) -> list[str]:
    return [sys.executable, "-c", DASHBOARD, str(settings.port)]


def _gone(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.timeout(100)
def test_what_is_killed_comes_back_and_all_of_it_ends_within_eight_seconds(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    sink = settings.data_dir / "notifications.jsonl"
    with _stack(settings, _stand_in(settings)) as made:
        assert made.ready.wait(20)
        eventually(lambda: all(made.stack.pids.values()), 20)
        told = running(settings.data_dir)
        assert told is not None
        assert told.url == f"http://127.0.0.1:{settings.port}"
        eventually(lambda: sink.exists() and sink.read_bytes(), 30, what="the first alert")
        first = dict(made.stack.pids)

        for name in ("platform", "dashboard"):
            os.kill(first[name] or 0, signal.SIGKILL)
        eventually(lambda: set(made.stack.pids.values()).isdisjoint({None, first["platform"]}), 20)
        assert made.stack.pids["broker"] == first["broker"]

        os.kill(first["broker"] or 0, signal.SIGKILL)
        eventually(lambda: made.stack.pids["broker"] not in (None, first["broker"]), 20)
        eventually(lambda: any("broker died" in line for line in made.said))
        again = running(settings.data_dir)
        assert again is not None
        assert again.broker == told.broker
        eventually(lambda: all(made.stack.pids.values()), 20)
        last = dict(made.stack.pids)
        began = CLOCK.monotonic()
        made.stop.set()
        made.thread.join(10)
        assert CLOCK.monotonic() - began < 8
    assert made.error is None
    assert all(_gone(pid) for pid in last.values())


def test_a_part_that_does_not_come_up_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    broken = [sys.executable, "-c", "raise SystemExit('no such page')"]
    with _stack(settings, broken) as made:
        eventually(lambda: made.error is not None, 30)
        assert isinstance(made.error, ChildFailedError)
        assert "dashboard does not start" in str(made.error)
        assert "dashboard: no such page" in str(made.error)
    assert set(made.stack.pids.values()) == {None}


def test_a_busy_port_is_told() -> None:
    port = free_port("127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortBusyError, match=str(port)):
        free_port("127.0.0.1", port)


def test_children_get_every_setting_but_no_secret(tmp_path: Path) -> None:
    settings = load({}, data_dir=tmp_path / "var", webhook_token="hush", market="crash")
    env = environment(settings)
    assert env["FUSION_MARKET"] == "crash"
    assert env["FUSION_DATA_DIR"] == str(tmp_path / "var")
    assert "hush" not in str(env)
    kept = {"data_dir", "market", "port", "accounts", "project"}
    assert {k: getattr(load(env), k) for k in kept} == {k: getattr(settings, k) for k in kept}


PARENT = """
import pathlib, sys, threading
from consumers.clock import SystemClock
from consumers.logs import configure
from consumers.settings import load
from embedded.lock import RunLock
from embedded.stack import Stack
lock = RunLock(pathlib.Path(sys.argv[1]))
lock.acquire()
settings = load({}, data_dir=sys.argv[1], port=sys.argv[2], accounts=20)
configure("error")
dashboard = [sys.executable, "-c", sys.argv[3], sys.argv[2]]
def ready(stack):
    print(*stack.pids.values(), flush=True)
Stack(settings, SystemClock(), lock, dashboard=dashboard, ready=ready).run(threading.Event())
"""


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    arguments = [str(settings.data_dir), str(settings.port), DASHBOARD]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *arguments], cwd=ROOT, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        parent.kill()
    eventually(lambda: all(_gone(pid) for pid in pids), 8)
    assert running(settings.data_dir) is None
