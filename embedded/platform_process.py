"""The platform as a child process that reports; its logs go where ours go."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping

import orjson
import structlog

from embedded.report import Report, read_report
from embedded.tether import tethered

COMMAND = (sys.executable, "-m", "cli.main", "worker", "platform", "--report")
log = structlog.get_logger(__name__)


class PlatformProcess:
    """One child from `start` to `stop`; owns the thread `platform-reports`.

    Start it from a thread that lives as long as the process does.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._report = Report()

    def start(self, env: Mapping[str, str]) -> None:
        """Start the child with `env` over our own environment."""
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            tethered(COMMAND),
            # handed on, not read: settings.py alone reads the environment
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, name="platform-reports", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 6.0) -> None:
        """SIGTERM, SIGKILL when it does not end; what it reports meanwhile counts. Repeatable."""
        process = self._process
        if process is None or process.stdout is None or process.stdout.closed:
            return
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            log.warning("platform_killed")
            process.kill()
            process.wait()
        if self._thread is not None:
            self._thread.join(timeout)
        process.stdout.close()

    @property
    def report(self) -> Report:
        """The newest report."""
        return self._report

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._process is not None and self._process.poll() is None

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._report = read_report(line)
            except (orjson.JSONDecodeError, TypeError):
                log.warning("report_unreadable")
