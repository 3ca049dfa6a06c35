"""The broker as a child process of ours."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from embedded.broker.errors import BrokerStartError


class BrokerProcess:
    """Starts, watches and stops one broker process; it ends when this process does.

    Not for several threads at once. A port once given is kept over restarts, so that clients find
    the next broker where they lost the last one. `memory_mb` bounds what its messages take.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        seed: Path | None = None,
        memory_mb: int | None = None,
        cloud_delays: bool = False,
    ) -> None:
        self._host = host
        self._cloud_delays = cloud_delays
        self._seed = seed
        self._memory_mb = memory_mb
        self._port = port
        self._address = ""
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`127.0.0.1:8085`; empty before the first start."""
        return self._address

    @property
    def pid(self) -> int | None:
        """The process id while it is alive."""
        return self._child.pid if self._child is not None and self.alive else None

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._child is not None and self._child.poll() is None

    def start(self, timeout: float = 10.0) -> str:
        """Start it and return its address once it listens; BrokerStartError if it does not."""
        if self.alive:
            return self._address
        self._close()
        command = [sys.executable, "-m", "embedded.broker", "--host", self._host]
        command += ["--port", str(self._port), "--parent", str(os.getpid())]
        command += [] if self._seed is None else ["--seed", str(self._seed)]
        command += [] if self._memory_mb is None else ["--memory-mb", str(self._memory_mb)]
        command += ["--cloud-delays"] if self._cloud_delays else []
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            self._address = json.loads(self._first_line(timeout))["address"]
        except BaseException:
            self.stop()
            raise
        self._port = int(self._address.rpartition(":")[2])
        return self._address

    def stop(self, timeout: float = 5.0) -> None:
        """End it: SIGTERM, and SIGKILL if it is still there after `timeout` seconds."""
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._close()

    def __enter__(self) -> "BrokerProcess":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _first_line(self, timeout: float) -> bytes:
        assert self._child is not None
        assert self._child.stdout is not None
        end, line, out = time.monotonic() + timeout, b"", self._child.stdout.fileno()
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([out], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                raise BrokerStartError("it said nothing in time")
            piece = os.read(out, 4096)
            if not piece:
                self._child.wait()
                raise BrokerStartError("it ended; its standard error says why")
            line += piece
        return line

    def _close(self) -> None:
        if self._child is not None:
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    pipe.close()
