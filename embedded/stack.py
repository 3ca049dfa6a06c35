"""The whole control room on one machine: broker, platform and dashboard under one supervisor.

The supervisor only starts, watches and ends processes: it holds no connection and scores nothing.
"""

import http.client
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog
from pydantic import SecretStr

from consumers.clock import Clock
from consumers.settings import Settings
from embedded.broker.process import BrokerProcess
from embedded.children import Child
from embedded.lock import Run, RunLock

ROOT = Path(__file__).resolve().parent.parent
LOOK_S = 0.2
DASHBOARD_FIRST_S = 25.0  # how long a replay waits for somebody to watch it
GIVE_UP_AFTER = 3  # deaths in a row of a child that never came up
END_S = 4.5
BROKER_END_S = 1.5
log = structlog.get_logger(__name__)


class StartError(RuntimeError):
    """The control room cannot start, or a part of it does not come up; the text is for the user."""


class PortBusyError(StartError):
    """The dashboard's port is taken."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is busy: choose another with --port")


class ChildFailedError(StartError):
    """A child died again and again; the last lines of its log follow."""

    def __init__(self, child: Child) -> None:
        super().__init__(
            f"the {child.name} does not start; the end of {child.log_path}:\n{child.tail()}"
        )


def free_port(host: str, port: int) -> int:
    """`port`, or any free one for 0. Raises PortBusyError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PortBusyError(host, port) from None
        return int(probe.getsockname()[1])


def environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment of a child; secrets are inherited, never written down."""
    env = {"PYTHONUNBUFFERED": "1"}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is not None and not isinstance(value, SecretStr):
            path = isinstance(value, Path)
            env[str(field.alias)] = str(value.resolve() if path else value)
    return env


def dashboard_command(settings: Settings) -> list[str]:
    """Streamlit serving the control room on the settings' host and port."""
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py"]
    return [*command, "--server.port", str(settings.port), "--server.address", settings.host]


class Stack:
    """Start, watch, restart and end the parts, all on the thread that calls `run`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        lock: RunLock,
        *,
        dashboard: Sequence[str] | None = None,
        ready: Callable[["Stack"], None] = lambda _stack: None,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = lock
        self._ready = ready
        self._tell = tell
        self.url = f"http://{_bracketed(settings.host)}:{settings.port}"
        own = settings.emulator_host is None
        self._broker = BrokerProcess(cloud_delays=settings.cloud_delays) if own else None
        self._dashboard = self._child("dashboard", dashboard or dashboard_command(settings))
        self._platform = self._child(
            "platform", [sys.executable, "-m", "cli.main", "worker", "platform"]
        )
        self._env: dict[str, str] = {}
        self._answered = False
        self._platform_options: list[str] = ["--resume"] if lock.was_killed else []
        self._platform_wanted = False
        self._began = clock.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Run until `stop`; everything is gone when this returns or raises.

        Raises StartError when a part does not come up.
        """
        embedded = self._settings.environment == "embedded"
        try:
            if embedded:
                self._start_broker()
            self._env = environment(self._settings)
            self._dashboard.start(self._env)
            while not stop.is_set():
                self._look(embedded=embedded)
                stop.wait(LOOK_S)
        finally:
            self._end()

    @property
    def pids(self) -> Mapping[str, int | None]:
        """The parts' process ids while they live."""
        broker = None if self._broker is None else self._broker.pid
        return {
            "broker": broker,
            "platform": self._platform.pid,
            "dashboard": self._dashboard.pid,
        }

    def _child(self, name: str, command: Sequence[str]) -> Child:
        log_path = self._settings.data_dir / "logs" / f"{name}.log"
        return Child(name=name, command=command, cwd=ROOT, log_path=log_path, clock=self._clock)

    def _start_broker(self) -> None:
        if self._broker is not None:
            address = self._broker.start()
            self._settings = self._settings.model_copy(update={"emulator_host": address})
        self._lock.tell(Run(os.getpid(), self._settings.emulator_host, self.url))

    def _look(self, *, embedded: bool) -> None:
        """One round of the watch: who is gone comes back, who is new is announced."""
        if self._broker is not None and embedded and not self._broker.alive:
            self._restart_broker()
        for child in (self._dashboard, self._platform):
            if child.died():
                self._tell(f"The {child.name} died; its log is {child.log_path}.")
                if child.deaths >= GIVE_UP_AFTER and not self._answered:
                    raise ChildFailedError(child)
        if self._dashboard.due:
            self._start(self._dashboard)
        if embedded and self._platform.due and self._may_play():
            self._start(self._platform, self._platform_options)
            self._platform_options = ["--resume"]
        if not self._answered and self._dashboard.alive and _healthy(self._settings):
            self._answered = True
            self._ready(self)

    def _start(self, child: Child, options: Sequence[str] = ()) -> None:
        child.start(self._env, options)
        if child.deaths or "--fresh-broker" in options:
            self._tell(f"The {child.name} is started again (pid {child.pid}).")
        elif self._answered:
            self._tell(f"The {child.name} runs (pid {child.pid}).")

    def _may_play(self) -> bool:
        """A market starts at once; a replay when the dashboard is there to see its beginning."""
        waited = self._clock.monotonic() - self._began > DASHBOARD_FIRST_S
        return self._settings.replay_file is None or self._answered or waited

    def _restart_broker(self) -> None:
        """Same port, no memory: the platform starts anew and tells again what is recent."""
        assert self._broker is not None
        log.error("broker_died")
        self._broker.start()
        self._tell(f"The broker died; it is started again (pid {self._broker.pid}).")
        self._platform.ask_to_end()
        self._platform.end(END_S)
        self._platform_options = ["--resume", "--fresh-broker"]

    def _end(self) -> None:
        """All parts, the broker last; nothing is left."""
        children = (self._dashboard, self._platform)
        for child in children:
            child.ask_to_end()
        end = self._clock.monotonic() + END_S
        for child in children:
            child.end(end - self._clock.monotonic())
        if self._broker is not None:
            self._broker.stop(BROKER_END_S)


def _healthy(settings: Settings) -> bool:
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=0.5)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
