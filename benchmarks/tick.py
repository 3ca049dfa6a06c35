"""A tick through the slack index, beside our own full revaluation."""

from collections.abc import Iterator

import numpy as np

from benchmarks.report import Result, faster, shown
from benchmarks.sample_book import moved, prices, snapshot, table
from benchmarks.timing import least_of
from core.book import Book
from core.policy import Policy
from core.portfolio import PriceSnapshot
from core.slack import SlackIndex, Watch

GOAL = 60
MOVES = ((0.0005, GOAL), (0.001, GOAL), (0.005, None), (0.02, None))


def tick(accounts: int = 1_000_000, seconds: float = 2.0) -> Iterator[Result]:
    """Which statuses changed after moves of at most 0.05, 0.1, 0.5 and 2 percent of every price."""
    base = prices()
    book = Book.from_table(table(accounts, base), Policy())
    start = book.revalue(snapshot(base))
    index = SlackIndex.of(start)
    for most, goal in MOVES:
        market = snapshot(moved(base, most))
        yield from _moved(book, index, market, f"{accounts:,} accounts, {most:.2%}", goal, seconds)
    one = base.copy()
    one[7] *= 0.999
    market, name = snapshot(one), f"{accounts:,} accounts, one asset 0.10%"
    yield from _moved(book, index, market, name, GOAL, seconds)
    built = least_of({"index": lambda: SlackIndex.of(start)}, 0.5)["index"]
    yield shown("building the index", built * 1e3, "ms")
    watch = Watch.of(book, snapshot(base))
    yield shown("following a tick of 0.10%, with the change since the one before", *_step(watch))


def _moved(
    book: Book,
    index: SlackIndex,
    market: PriceSnapshot,
    name: str,
    goal: float | None,
    seconds: float,
) -> Iterator[Result]:
    found, whole = index.tick(market), book.revalue(market)
    if found is None:
        yield shown(f"{name}: beyond the index, revalued in full", float(len(book)), "accounts")
        return
    calls = {"tick": lambda: index.tick(market), "full": lambda: book.revalue(market)}
    took = least_of(calls, seconds)
    yield faster(
        f"{name}: tick",
        took["tick"] * 1e3,
        "ms",
        "own full revaluation",
        took["full"] * 1e3,
        goal,
    )
    yield shown(f"{name}: candidates", float(found.candidates), "accounts")
    same = np.array_equal(found.rows, whole.movers(index.base))
    same = same and np.array_equal(found.status, whole.status[found.rows])
    yield shown(f"{name}: changes of status", float(len(found.rows)), "accounts")
    yield shown(f"{name}: changes other than the full revaluation's", float(not same), "ticks")


def _step(watch: Watch) -> tuple[float, str]:
    markets = [snapshot(moved(prices(), 0.001, seed)) for seed in (5, 6)]
    watch, _ = watch.advance(markets[0])
    return least_of({"step": lambda: watch.advance(markets[1])}, 0.5)["step"] * 1e3, "ms"
