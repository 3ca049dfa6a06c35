"""The price oracle: publishes rounds of prices from a source, on the source's own schedule."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import structlog

from consumers import progress
from consumers.clock import Clock
from consumers.journal import Journal
from consumers.pubsub import Publisher, PublishResult
from consumers.topology import PRICES
from consumers.wire import Encoded, PriceTick, encode_price
from consumers.wire.fields import stamp
from consumers.worker import WorkerState, WorkerStatus

NAME = "oracle"
MOST_IN_FLIGHT = 2_000  # unacknowledged publishes; beyond it a replay waits and a market skips
RETRY_S = 1.0
BEHIND_S = 5.0  # a live market this late starts its schedule anew instead of catching up
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Quote:
    """One price in USD to be published; `counted` is False for what the file itself lacks."""

    asset: str
    price: Decimal
    source: str
    cadence_s: float
    counted: bool = True


@dataclass(frozen=True, slots=True)
class PriceRound:
    """One consistent set of prices. `number` grows by one from round to round, over restarts too.

    `due_s` is wall seconds after the source began; `reached` is what the source wants to be told
    to go on after this round. `replayed_from` and `speed` are set in a replay only.
    """

    number: int
    quotes: tuple[Quote, ...]
    due_s: float
    reached: str
    replayed_from: datetime | None = None
    speed: float | None = None
    last: bool = False


class PriceSource(Protocol):
    """Where rounds come from: a simulated market or a file."""

    def rounds(self) -> Iterator[PriceRound]:
        """The rounds in order; each is asked for just before it is due."""


@dataclass(slots=True)
class _InFlight:
    """A round on its way to the broker."""

    round: PriceRound
    waiting: int


class Oracle:
    """Owns the thread `oracle`. `_lock` guards what publish acknowledgements change."""

    def __init__(
        self, *, source: PriceSource, publisher: Publisher, journal: Journal, clock: Clock
    ) -> None:
        self._source = source
        self._publisher = publisher
        self._journal = journal
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)
        self._lock = threading.Lock()
        self._in_flight: deque[_InFlight] = deque()
        self._waiting = 0
        self._again: list[tuple[_InFlight, Quote, Encoded]] = []
        self._counters = {"ticks": 0, "rounds": 0, "messages": 0, "failed": 0, "skipped": 0}
        self._state, self._since = WorkerState.STARTING, clock.now()
        self._error: str | None = None
        self._finished = threading.Event()

    def start(self) -> None:
        """Begin publishing."""
        self._journal.execute(progress.prepare).result()
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread; what is in flight stays in flight."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._enter(WorkerState.STOPPED)

    @property
    def finished(self) -> bool:
        """True once a replay's last round is published and acknowledged."""
        return self._finished.is_set()

    def status(self) -> WorkerStatus:
        """`ticks` are rows of a replayed file (or simulated prices) the broker acknowledged."""
        with self._lock:
            return WorkerStatus(NAME, self._state, self._since, dict(self._counters), self._error)

    def _run(self) -> None:
        try:
            self._publish_all()
        except Exception as error:
            log.exception("oracle_failed")
            self._enter(WorkerState.FAILED, f"{type(error).__name__}: {error}")

    def _publish_all(self) -> None:
        start = self._clock.monotonic()
        self._enter(WorkerState.RUNNING)
        for one in self._source.rounds():
            late = self._clock.monotonic() - start - one.due_s
            if late > BEHIND_S and one.speed is None:
                start += late  # the machine slept: no burst of old prices
            if self._wait_until(start + one.due_s) or not self._room(one):
                break
            self._publish(one)
        while not self._stop.is_set() and self._left():
            self._stop.wait(0.02)
            self._retry()
        if not self._stop.is_set():
            self._finished.set()
            self._enter(WorkerState.WAITING)
            log.info("replay_ended", rounds=self._counters["rounds"])

    def _wait_until(self, due: float) -> bool:
        """Wait for `due` on the monotonic clock; True when stopped meanwhile."""
        while (remaining := due - self._clock.monotonic()) > 0:
            if self._stop.wait(min(remaining, RETRY_S)):
                return True
            self._retry()
        return self._stop.is_set()

    def _room(self, one: PriceRound) -> bool:
        """A replay waits until the broker keeps up; False when stopped meanwhile."""
        while one.speed is not None and self._left() > MOST_IN_FLIGHT:
            if self._stop.wait(0.02):
                return False
            self._retry()
        return not self._stop.is_set()

    def _left(self) -> int:
        with self._lock:
            return self._waiting

    def _publish(self, one: PriceRound) -> None:
        with self._lock:
            if self._waiting > MOST_IN_FLIGHT:
                self._counters["skipped"] += 1
                return
            flight = _InFlight(one, len(one.quotes))
            self._in_flight.append(flight)
            self._waiting += flight.waiting
        now = self._clock.now()
        for quote in one.quotes:
            self._send(flight, quote, encode_price(_tick(quote, one, now)))

    def _send(self, flight: _InFlight, quote: Quote, encoded: Encoded) -> None:
        self._publisher.publish(
            PRICES, encoded, lambda result: self._done(flight, quote, encoded, result)
        )

    def _done(
        self, flight: _InFlight, quote: Quote, encoded: Encoded, result: PublishResult
    ) -> None:
        """On a thread of the publisher: one message is acknowledged, or is not."""
        with self._lock:
            if result.error is not None:
                self._counters["failed"] += 1
                self._error = str(result.error)
                if flight.round.speed is not None:
                    self._again.append((flight, quote, encoded))
                    return
            else:
                self._error = None
                self._counters["messages"] += 1
                self._counters["ticks"] += quote.counted
            flight.waiting -= 1
            self._waiting -= 1
            reached = self._reached()
        if reached is not None:
            self._journal.execute(lambda connection: progress.record(connection, NAME, reached))

    def _reached(self) -> str | None:
        """What the newest round says of which all, and all before it, is acknowledged."""
        reached = None
        while self._in_flight and not self._in_flight[0].waiting:
            reached = self._in_flight.popleft().round.reached
            self._counters["rounds"] += 1
        return reached

    def _retry(self) -> None:
        """A row of a replay that the broker did not take is sent again."""
        with self._lock:
            again, self._again = self._again, []
        if again and not self._stop.wait(RETRY_S):
            for flight, quote, encoded in again:
                self._send(flight, quote, encoded)

    def _enter(self, state: WorkerState, error: str | None = None) -> None:
        with self._lock:
            if state is not self._state and self._state is not WorkerState.FAILED:
                self._state, self._since = state, self._clock.now()
                self._error = error or self._error


def _tick(quote: Quote, one: PriceRound, now: datetime) -> PriceTick:
    return PriceTick(
        asset=quote.asset,
        price=quote.price,
        source=quote.source,
        timestamp=now,
        historical=False,
        metadata=_metadata(quote, one),
        notes=(),
    )


def _metadata(quote: Quote, one: PriceRound) -> Mapping[str, str]:
    """What lets a reader tell rounds apart and judge staleness in the market's own time."""
    metadata = {
        "round": str(one.number),
        "round_size": str(len(one.quotes)),
        "cadence_s": f"{quote.cadence_s:g}",
    }
    if one.replayed_from is not None:
        metadata["replayed_from"] = stamp(one.replayed_from)
        metadata["speed"] = f"{one.speed:g}"
    if one.last:
        metadata["last"] = "true"
    return metadata
