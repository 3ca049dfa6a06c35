"""One control room to a data directory: a lock that the kernel lets go when its holder dies."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

NAME = "lock"


class LockedError(RuntimeError):
    """Another control room runs on the directory; `pid` is its process, None if not told."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        self.pid = pid
        who = "" if pid is None else f" (pid {pid})"
        super().__init__(f"another control room already runs on {directory}/{who}")


class UnwritableError(RuntimeError):
    """The data directory cannot be written."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"cannot write to {directory}/: {reason}")


@dataclass(frozen=True, slots=True)
class Run:
    """What a running control room says about itself."""

    pid: int
    broker: str | None = None
    url: str | None = None


class RunLock:
    """Held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: BinaryIO | None = None
        self.was_killed = False

    def acquire(self) -> None:
        """Take the lock; `was_killed` then says whether the last holder ended without releasing.

        Raises LockedError and UnwritableError.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            file = (self._directory / NAME).open("a+b")
        except OSError as error:
            raise UnwritableError(self._directory, error.strerror or str(error)) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            found = _read(file)
            file.close()
            raise LockedError(self._directory, found.pid if found else None) from None
        self.was_killed = _read(file) is not None
        self._file = file
        self.tell(Run(os.getpid()))

    def tell(self, run: Run) -> None:
        """Write down what others may want to know of this run."""
        assert self._file is not None
        self._file.truncate(0)
        content = {"pid": run.pid, "broker": run.broker, "url": run.url}
        self._file.write(orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def release(self) -> None:
        """Let go; an empty file says that the end was in order."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def running(directory: Path) -> Run | None:
    """The control room that runs on `directory` now, if one does."""
    path = directory / NAME
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return _read(file)
    except OSError:
        return None
    return None


def _read(file: BinaryIO) -> Run | None:
    file.seek(0)
    try:
        kept = orjson.loads(file.read(4096))
        return Run(int(kept["pid"]), kept.get("broker"), kept.get("url"))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
