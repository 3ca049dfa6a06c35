"""A child process of the control room: started, watched, started again, ended."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from consumers.clock import Clock
from embedded.tether import tethered

BACKOFF_S = (0.5, 10.0)
SETTLED_S = 20.0  # alive this long, a child's earlier deaths are forgotten
TAIL = 12  # lines of a log shown when a child does not come up
LOG_LIMIT = 20_000_000  # bytes of a child's log before a start puts it aside
log = structlog.get_logger(__name__)


class Child:
    """One command, tied to this process. One thread's own, and that thread must live on."""

    def __init__(
        self, *, name: str, command: Sequence[str], cwd: Path, log_path: Path, clock: Clock
    ) -> None:
        self.name = name
        self.log_path = log_path
        self.deaths = 0
        self._command = tuple(command)
        self._cwd = cwd
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._due_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it lives."""
        return self._process.pid if self._process is not None and self.alive else None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self, env: Mapping[str, str], extra: Sequence[str] = ()) -> None:
        """Start it in a session of its own, its output going to its log."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT:
            self.log_path.replace(self.log_path.with_suffix(".old.log"))
        with self.log_path.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                tethered([*self._command, *extra]),
                cwd=self._cwd,
                # handed on, not read: settings.py alone reads the environment
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started_at = self._clock.monotonic()
        log.info("child_started", name=self.name, pid=self._process.pid)

    def died(self) -> bool:
        """Whether it ended by itself; told once, with the time of its next start put off."""
        if self._process is None or self.alive:
            if self.alive and self._clock.monotonic() - self._started_at > SETTLED_S:
                self.deaths = 0
            return False
        log.warning("child_died", name=self.name, status=self._process.returncode)
        self._process = None
        first, longest = BACKOFF_S
        self._due_at = self._clock.monotonic() + min(first * 2**self.deaths, longest)
        self.deaths += 1
        return True

    @property
    def due(self) -> bool:
        """Whether it is down and may be started."""
        return self._process is None and self._clock.monotonic() >= self._due_at

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def end(self, timeout: float) -> None:
        """Wait for the end, SIGKILL to it and all it started when that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, timeout))
        except subprocess.TimeoutExpired:
            log.warning("child_killed", name=self.name)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def tail(self) -> str:
        """The last lines of its log."""
        try:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {self.name}: {line}" for line in lines[-TAIL:])

    def _signal(self, number: signal.Signals) -> None:
        """To the child's whole session, which may outlive the child itself."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):
                return
