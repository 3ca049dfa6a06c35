"""A file where alerts are delivered to: one JSON object a line, on disk before it counts."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import orjson

TAIL = 8 * 1024 * 1024  # bytes of the end that are read for what was delivered before a kill
Delivery = tuple[str, str]  # event id, channel


class FileSink:
    """One file of deliveries. One thread's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def open(self) -> frozenset[Delivery]:
        """Open for appending and tell what the end of the file says was delivered.

        A last line torn by a kill was not delivered: it is cut off. Raises OSError.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b", buffering=0)
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, size - TAIL))
        tail = self._file.read()
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn:
            self._file.truncate(size - torn)
        lines = tail[: len(tail) - torn].splitlines()
        # beyond the tail's length the first line is probably cut; it is old anyway
        return frozenset(_deliveries(lines[1:] if size > TAIL else lines))

    def write(self, lines: Iterable[Mapping[str, object]]) -> None:
        """Append lines and wait until they are on disk; all of them, or OSError and none."""
        data = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        if not data:
            return
        file = self._file
        assert file is not None
        before = file.seek(0, os.SEEK_END)
        try:
            _write_all(file, data)
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _write_all(file: BinaryIO, data: bytes) -> None:
    written = 0
    while written < len(data):  # an unbuffered file may take less than it is given
        written += file.write(data[written:])


def _deliveries(lines: Iterable[bytes]) -> Iterable[Delivery]:
    for line in lines:
        try:
            kept = orjson.loads(line)
            yield str(kept["event_id"]), str(kept["channel"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
