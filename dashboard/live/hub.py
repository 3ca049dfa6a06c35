"""One encoder for every browser: a thread turns pictures into bytes, event loops hand them out.

A section is encoded once, when it changed. A browser that keeps up is sent the very bytes that the
encoder made; one that fell behind is sent each section it has missed in its newest form, and
nothing in between: what waits for a slow reader is never more than one whole board.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import structlog

from consumers.clock import Clock
from dashboard.live import payload
from dashboard.live.figures import epoch_ms
from dashboard.live.payload import BoardBuilder

if TYPE_CHECKING:
    from consumers.picture import Picture

PERIOD_S = 0.25
BEAT_S = 1.5
ALIVE_S = 4.0
RETRY_MS = 1000
log = structlog.get_logger(__name__)


class Seen(Protocol):
    """What the encoder needs of a runtime."""

    @property
    def clock(self) -> Clock:
        """Wall time, as the pictures have it."""

    def price_history(self, asset: str, window: timedelta) -> tuple[tuple[int, float], ...]:
        """(epoch ms in market time, USD), oldest first."""

    def picture(self) -> "Picture":
        """The present picture."""

    def wait(self, version: int, timeout: float) -> int:
        """Block until the version grows, at most `timeout` seconds."""


@dataclass(frozen=True, slots=True)
class Board:
    """The board at one version: each section's bytes and the version that last changed it."""

    version: int
    frame: bytes  # the event for a reader of the version before this one
    head: bytes
    sections: Mapping[str, tuple[int, bytes]]

    def since(self, version: int) -> bytes:
        """The event that brings a reader from `version` to this board."""
        if version == self.version - 1:
            return self.frame
        missed = {n: b for n, (changed, b) in self.sections.items() if changed > version}
        return event(self.version, self.head, missed)


class Hub:
    """Owns the thread `board`; `_board` has one writer, the subscribers live on their loops."""

    def __init__(self) -> None:
        self._board = Board(0, b"", b"{}", {})
        self._readers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clock: Clock | None = None
        self._values: dict[str, Any] = {}
        self._encoded = 0.0

    def start(self, runtime: Seen) -> None:
        """Begin encoding this runtime's pictures."""
        self._clock = runtime.clock
        self._stop.clear()
        self._thread = threading.Thread(
            target=self._run, args=(runtime,), name="board", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread and every stream."""
        self.close()
        if self._thread is not None:
            self._thread.join(timeout)

    def close(self) -> None:
        """Let every stream end, so that the server can; safe in a signal handler."""
        self._stop.set()
        self._wake()

    @property
    def closed(self) -> bool:
        """True once the server is going down."""
        return self._stop.is_set()

    @property
    def alive(self) -> bool:
        """Whether the encoder works: a beat must not vouch for a board that stands still."""
        return time.monotonic() - self._encoded < ALIVE_S

    @property
    def board(self) -> Board:
        """The newest board."""
        return self._board

    @property
    def readers(self) -> int:
        """Browsers connected now."""
        return len(self._readers)

    async def stream(self) -> AsyncIterator[bytes]:
        """The events for one browser: everything once, then what changes, and a beat between."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        self._readers[news] = loop
        version = -1
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            while not self.closed:
                board = self._board
                if board.version > max(version, 0):
                    yield board.since(version)
                    version = board.version
                    continue
                news.clear()
                if self._board.version != version and self._board.version:
                    continue
                try:
                    await asyncio.wait_for(news.wait(), BEAT_S)
                except TimeoutError:
                    if self.alive:
                        yield self._beat()
        finally:
            self._readers.pop(news, None)

    def _run(self, runtime: Seen) -> None:
        builder = BoardBuilder(runtime.price_history)
        version, due = -1, 0.0
        while not self._stop.is_set():
            try:
                self._encode(runtime.picture(), builder)
                self._encoded = time.monotonic()
            except Exception:
                log.exception("board_not_encoded")
            due = time.monotonic() + PERIOD_S
            version = runtime.wait(version, 1.0)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _encode(self, picture: "Picture", builder: BoardBuilder) -> None:
        """Make the next board, if anything on it changed."""
        built = builder.build(picture, time.monotonic())
        clock = payload.market(picture)
        changed = {n: s for n, s in built.items() if self._values.get(n) != s}
        moved = self._values.get("market") != clock
        if not changed and not moved:
            return
        self._values = {**built, "market": clock}
        number = self._board.version + 1
        head = orjson.dumps({"now": epoch_ms(picture.at), "market": clock})
        fresh = {n: orjson.dumps(s) for n, s in changed.items()}
        held = dict(self._board.sections) | {n: (number, b) for n, b in fresh.items()}
        self._board = Board(number, event(number, head, fresh), head, held)
        self._wake()

    def _beat(self) -> bytes:
        now: datetime | None = None if self._clock is None else self._clock.now()
        body = orjson.dumps({"now": None if now is None else epoch_ms(now)})
        return b"event: beat\ndata: " + body + b"\n\n"

    def _wake(self) -> None:
        for news, loop in tuple(self._readers.items()):
            try:
                loop.call_soon_threadsafe(news.set)
            except RuntimeError:  # its loop has ended, and with it the reader
                self._readers.pop(news, None)


def event(version: int, head: bytes, sections: Mapping[str, bytes]) -> bytes:
    """One server-sent event; the sections are JSON already."""
    body = b",".join(orjson.dumps(name) + b":" + part for name, part in sections.items())
    return (
        f"event: board\nid: {version}\ndata: ".encode()
        + head[:-1]
        + b',"sections":{'
        + body
        + b"}}\n\n"
    )
