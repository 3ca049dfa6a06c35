"""The control room's own score of the whole book: one thread, from price rounds to snapshots."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

import numpy as np
import structlog

from consumers.clock import Clock
from consumers.lanes import Lanes
from consumers.pricing import snapshot_of
from consumers.shadow import Shadow
from consumers.stores import AlertStore, PositionStore, PriceStore, Round, Versions
from consumers.stores.values import ScoresSnapshot
from core.book import Valuation
from core.margin import Assessment

NEAREST = 25
PATIENCE_S = 10.0  # at the start, while the subscriptions catch up
BEHIND = timedelta(seconds=2)
TICK_S = 1.0  # without messages, staleness still moves
PACE_S = 0.05  # a burst is looked at so often: to wake at every message would hold it up
log = structlog.get_logger(__name__)


class Scorer:
    """Re-scores on every round, and every second in a live market; owns the thread `scorer`."""

    def __init__(
        self,
        *,
        positions: PositionStore,
        prices: PriceStore,
        alerts: AlertStore,
        versions: Versions,
        clock: Clock,
        grace: timedelta,
    ) -> None:
        self._positions = positions
        self._prices = prices
        self._alerts = alerts
        self._versions = versions
        self._clock = clock
        self._lanes = Lanes()
        self._shadow = Shadow(positions.base, grace, self._lanes.revalue)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scorer", daemon=True)
        self._latest: ScoresSnapshot | None = None
        self._count = 0
        self._patience_ends = 0.0
        self.last_error: str | None = None

    def start(self) -> None:
        """Begin; what the journal remembers must be in the stores by now."""
        self._prices.take_rounds()
        self._patience_ends = self._clock.monotonic() + PATIENCE_S
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._lanes.close()

    @property
    def thread(self) -> threading.Thread:
        """The one thread of this scorer."""
        return self._thread

    def latest(self) -> ScoresSnapshot | None:
        """The newest scores; None until the first prices came."""
        return self._latest

    def _run(self) -> None:
        version, next_tick = -1, 0.0
        while not self._stop.is_set():
            due = time.monotonic() + PACE_S
            rounds = self._prices.take_rounds()
            tick = self._clock.monotonic() >= next_tick
            if not rounds and tick:
                rounds = self._on_timer()
            if rounds:
                self._guarded(partial(self._score, rounds))
                next_tick = self._clock.monotonic() + TICK_S
            elif tick:
                self._guarded(self._refresh)
                next_tick = self._clock.monotonic() + TICK_S
            version = self._versions.wait(version, 0.25)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _guarded(self, act: Callable[[], None]) -> None:
        """A fault in one evaluation is logged and shown; the next round is scored all the same."""
        try:
            act()
            self.last_error = None
        except Exception as error:
            self.last_error = f"{type(error).__name__}: {error}"
            log.exception("scoring_failed")

    def _on_timer(self) -> list[Round]:
        latest = self._prices.latest()
        if not latest.assets:
            return []
        # A replay is scored round by round, but once at the start on what the journal remembers:
        # its next round may be far away, or it may have ended.
        return [] if latest.market.replay and self._latest is not None else [latest]

    def _score(self, rounds: list[Round]) -> None:
        if not rounds[-1].market.replay:
            rounds = rounds[-1:]  # a live market is judged by the wall clock: only now counts
        if self._latest is None:
            if self._behind(rounds[-1]):
                return
            self._shadow.remember(self._alerts.snapshot().told)
        for priced in rounds:
            self._one(priced, last=priced is rounds[-1])

    def _behind(self, priced: Round) -> bool:
        """At the start: whether what came is still the past, and more is on its way."""
        if priced.market.replay or self._clock.monotonic() > self._patience_ends:
            return False
        ages = [self._clock.now() - p.received.publish_time for p in priced.assets.values()]
        return min(ages, default=timedelta(days=1)) > BEHIND

    def _one(self, priced: Round, *, last: bool) -> None:
        started = time.perf_counter()
        wall = self._clock.now()
        market = priced.market
        moment = market.as_of if market.replay and market.as_of is not None else wall
        # as the risk engine does: what settles today is no part of a market of then
        book = self._positions.base if market.replay else self._positions.book()
        snapshot, freshness = snapshot_of(book.assets, priced.assets, moment)
        valuation = self._shadow.see(book, snapshot, wall, snapshot.as_of)
        if not last:
            return
        alerts = self._alerts.snapshot()
        not_told, since = self._shadow.not_told(valuation, alerts.told, wall)
        self._count += 1
        self._latest = ScoresSnapshot(
            self._count,
            wall,
            moment,
            valuation,
            book.policy,
            MappingProxyType(valuation.counts()),
            MappingProxyType(valuation.collateral_by_status()),
            tuple(valuation.assess(book.users[int(i)]) for i in valuation.nearest(NEAREST)),
            self._gravest(valuation),
            MappingProxyType(freshness),
            self._shadow.transitions(),
            self._shadow.ledger(self._alerts.get, alerts.told, wall),
            not_told,
            MappingProxyType(since),
            (time.perf_counter() - started) * 1000,
        )
        self._versions.bump()

    def _gravest(self, valuation: Valuation) -> Assessment | None:
        """The account with the lowest score, exactly; None where no account has one."""
        if not np.any(np.isfinite(valuation.score)):
            return None
        return valuation.assess(valuation.book.users[int(np.nanargmin(valuation.score))])

    def _refresh(self) -> None:
        """Between the rounds of a replay, what is owed still ages and receipts still come."""
        held = self._latest
        if held is None:
            return
        alerts = self._alerts.snapshot()
        wall: datetime = self._clock.now()
        not_told, since = self._shadow.not_told(held.valuation, alerts.told, wall)
        self._count += 1
        self._latest = replace(
            held,
            version=self._count,
            due=self._shadow.ledger(self._alerts.get, alerts.told, wall),
            not_told=not_told,
            not_told_since=MappingProxyType(since),
        )
        self._versions.bump()
