"""A whole book revalued, beside pandas, polars, the exact loop and reading the same bytes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import exact_loop
from benchmarks.beside import peers
from benchmarks.machine import read_seconds
from benchmarks.report import Result, faster, shown, within
from benchmarks.sample_book import moved, prices, snapshot, table
from benchmarks.timing import least, least_of
from consumers.lanes import Lanes
from core.book import STATUS_ORDER, Book
from core.policy import Policy
from core.portfolio import PriceSnapshot
from core.position_table import PositionTable
from core.valuation import Valuation

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
LOOPED = 20_000  # accounts of the exact loop, which takes the same time for each
NS = 1e9


def book(accounts: int = 1_000_000, seconds: float = 3.0) -> Iterator[Result]:
    """Every account's C, B, score and status on one price snapshot."""
    base = prices()
    rows = table(accounts, base)
    held = Book.from_table(rows, Policy())
    market = snapshot(moved(base, 0.01))
    found = held.revalue(market)  # the first one also checks the statuses
    unit = "ns/account"
    price = held.price_vector(market)[:-1]
    lanes = Lanes()
    frames = {
        "plain": pandas_book(rows, price),
        "tuned": tuned_pandas_book(rows, price),
        "lanes": lambda: lanes.revalue(held, market),
        "alone": lambda: held.revalue(market),
    }
    took = {name: took / accounts * NS for name, took in least_of(frames, seconds).items()}
    lanes.close()
    # As the risk engine and the scorer do it; then the same on one core, as pandas runs.
    ours, what = took["lanes"], f"full revaluation of {accounts:,} accounts"
    alone, one = took["alone"], f"{what}, one core"
    yield faster(what, ours, unit, "pandas merge+groupby", took["plain"], 60)
    yield faster(one, alone, unit, "pandas merge+groupby", took["plain"], None)
    yield faster(one, alone, unit, "pandas, tuned by hand", took["tuned"], None)
    looped, agrees = _exact_loop(held, market, found)
    yield faster(one, alone, unit, "exact loop", looped * NS, 200)
    size = held.collateral.nbytes + held.borrow.nbytes + _output(found)
    read = read_seconds(size)
    limit = f"reading the same {size / 1e6:.0f} MB"
    yield within(one, alone, unit, limit, read / accounts * NS, 6)
    polars = peers("book", seconds, **_long(rows), price=price)
    theirs = polars.get("polars")
    yield faster(what, ours, unit, "polars join+group_by", theirs and theirs / accounts * NS, 10)
    yield shown("accounts whose status is not the exact loop's", agrees, "accounts")
    for count in (size for size in SIZES if size <= 10 * accounts):
        yield from _grown(count, seconds / 3)


def pandas_book(rows: PositionTable, price: Any) -> Callable[[], object]:
    """Merge the positions with the prices, group by account and side, score, cut into bands."""
    import pandas as pd

    held = pd.DataFrame(
        {
            "account": rows.rows,
            "asset": rows.ids.astype(np.int64),
            "owed": rows.owed,
            "amount": rows.amounts(),
        }
    )
    market = pd.DataFrame({"asset": np.arange(len(price)), "price": price})

    def call() -> object:
        merged = held.merge(market, on="asset")
        merged["value"] = merged["amount"] * merged["price"]
        sides = merged.groupby(["account", "owed"])["value"].sum().unstack(fill_value=0)
        sides.columns = pd.Index(["c", "b"])
        return _judged(sides)

    return call


def tuned_pandas_book(rows: PositionTable, price: Any) -> Callable[[], object]:
    """The same as fast as we could make it: small integers, a column for each side, one group."""
    import pandas as pd

    held = pd.DataFrame(_long(rows))
    market = pd.DataFrame({"asset": np.arange(len(price), dtype=np.uint8), "price": price})

    def call() -> object:
        merged = held.merge(market, on="asset")
        merged["c"] = merged["held"] * merged["price"]
        merged["b"] = merged["owed"] * merged["price"]
        return _judged(merged.groupby("account")[["c", "b"]].sum())

    return call


def _judged(sides: Any) -> object:
    sides["score"] = 100 * (sides["c"] - sides["b"]) / sides["b"]
    sides["status"] = sum((sides["score"] >= t).astype("int8") for t in (15, 30, 50))
    return sides


def _long(rows: PositionTable) -> dict[str, Any]:
    amounts = rows.amounts()
    return {
        "account": rows.rows.astype(np.int32),
        "asset": rows.ids.astype(np.uint8),
        "held": np.where(rows.owed, 0.0, amounts),
        "owed": np.where(rows.owed, amounts, 0.0),
    }


def _exact_loop(book: Book, market: PriceSnapshot, found: Valuation) -> tuple[float, int]:
    """Seconds an account, and how many of the looped accounts have another status."""
    looped = min(LOOPED, len(book))
    accounts = exact_loop.positions(book.portfolios[row] for row in range(looped))
    price = {asset: market.points[asset].price for asset in book.assets}
    codes = exact_loop.book(accounts, price, book.policy)
    wrong = int(np.count_nonzero(found.status[:looped] != np.array(codes, np.int8)))
    took = least(lambda: exact_loop.book(accounts, price, book.policy), 0.5, 2)
    return took / looped, wrong


def _grown(accounts: int, seconds: float) -> Iterator[Result]:
    """Time and memory of a book of this size."""
    base = prices()
    book = Book.from_table(table(accounts, base), Policy())
    market = snapshot(moved(base, 0.01))
    found = book.revalue(market)
    took = least(lambda: book.revalue(market), seconds, 3)
    size = book.collateral.nbytes + book.borrow.nbytes
    name = f"{accounts:,} accounts"
    yield shown(f"{name}: revaluation", took * 1e3, "ms")
    yield shown(f"{name}: revaluation each", took / accounts * NS, "ns/account")
    yield shown(f"{name}: columns", size / 1e6, "MB")
    yield shown(f"{name}: a valuation", _output(found) / 1e6, "MB")
    assert sum(found.counts().values()) == accounts == len(book)
    assert len(found.counts()) == len(STATUS_ORDER)


def _output(found: Valuation) -> int:
    return sum(a.nbytes for a in (found.collateral, found.borrow, found.score, found.status))
