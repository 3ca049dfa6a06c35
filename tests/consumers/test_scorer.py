"""The scorer: every round of a replay, only the present of a live market, and what it remembers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from consumers.clock import SystemClock
from consumers.scorer import Scorer
from consumers.settled import Settled
from consumers.stores import AlertStore, PositionStore, PriceStore, Versions
from consumers.stores.values import Received, Transition
from consumers.wire import PriceTick
from core.book import Book
from core.policy import Policy, Status
from core.portfolio import Portfolio
from core.settling import Delta
from tests.support import eventually

CLOCK = SystemClock()


class Bench:
    """A scorer over real stores."""

    def __init__(self) -> None:
        self.versions = Versions()
        self.prices = PriceStore(self.versions, timedelta(seconds=2))
        ann = Portfolio.of("ann", {"ETH": "1"}, {"USDC": "2000"})
        self.positions = PositionStore(
            self.versions, Book.from_portfolios([ann], Policy()), datetime(2026, 1, 1, tzinfo=UTC)
        )
        self.scorer = Scorer(
            positions=self.positions,
            prices=self.prices,
            alerts=AlertStore(self.versions),
            versions=self.versions,
            clock=CLOCK,
            grace=timedelta(seconds=10),
        )

    def round(self, number: int, eth: str, **metadata: str) -> None:
        now: datetime = CLOCK.now()
        meta = {"round": str(number), "round_size": "2", **metadata}
        for place, (asset, price) in enumerate((("ETH", eth), ("USDC", "1"))):
            tick = PriceTick(asset, Decimal(price), "test", now, False, meta, ())
            self.prices.apply(tick, Received(f"{number}{place}", now, now))

    def market_time(self) -> datetime | None:
        scores = self.scorer.latest()
        return None if scores is None else scores.market_time

    def status(self) -> Status | None:
        scores = self.scorer.latest()
        if scores is None:
            return None
        return next(status for status, count in scores.counts.items() if count)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.scorer.stop()


def replayed(hour: int, *, last: bool = False) -> dict[str, str]:
    at = f"2022-05-09T{hour:02d}:00:00Z"
    meta = {"replayed_from": at, "speed": "3600", "cadence_s": "3600"}
    return {**meta, "last": "true"} if last else meta


def test_a_live_round_is_scored(bench: Bench) -> None:
    bench.scorer.start()
    bench.round(1, "3000")
    eventually(lambda: bench.status() is Status.HEALTHY)
    bench.round(2, "2500")
    eventually(lambda: bench.status() is Status.MARGIN_CALL)


def test_what_settles_is_scored_in_a_live_market_and_not_in_a_replay(bench: Bench) -> None:
    paid = Settled(Delta("1/0xa/0", "ann", "ETH", Decimal("-0.2")), datetime.now(UTC))
    bench.scorer.start()
    bench.round(1, "3000", **replayed(1))
    eventually(lambda: bench.status() is Status.HEALTHY)
    bench.positions.apply(paid)
    bench.round(2, "3001", **replayed(2))
    eventually(lambda: bench.market_time() == datetime(2022, 5, 9, 2, tzinfo=UTC))
    assert bench.status() is Status.HEALTHY
    bench.round(3, "3000")
    eventually(lambda: bench.status() is Status.MARGIN_CALL)  # 2,400 against 2,000


def test_every_round_of_a_replay_counts_however_fast_they_come(bench: Bench) -> None:
    bench.scorer.start()
    bench.round(1, "3000", **replayed(1))
    eventually(lambda: bench.status() is Status.HEALTHY)
    bench.round(2, "2500", **replayed(2))
    bench.round(3, "3000", **replayed(3))
    eventually(lambda: len(_transitions(bench)) == 2)
    assert [t.after for t in _transitions(bench)] == [Status.HEALTHY, Status.MARGIN_CALL]


def _transitions(bench: Bench) -> tuple[Transition, ...]:
    scores = bench.scorer.latest()
    return () if scores is None else scores.transitions


def test_a_replay_that_ended_before_a_restart_is_scored_once_more(bench: Bench) -> None:
    bench.round(1, "2500", **replayed(1, last=True))
    bench.scorer.start()
    eventually(lambda: bench.status() is Status.MARGIN_CALL)


def test_a_fault_in_one_evaluation_is_shown_and_the_next_round_scored(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    original = Book.revalue

    def failing(self: Book, *args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("once")
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Book, "revalue", failing)
    bench.round(1, "2500", **replayed(1))
    bench.scorer.start()
    eventually(lambda: bool(calls))
    eventually(lambda: bench.status() is Status.MARGIN_CALL)
    eventually(lambda: bench.scorer.last_error is None)
