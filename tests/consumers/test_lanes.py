"""A large book on several cores is the same book."""

import numpy as np

from benchmarks.sample_book import moved, prices, snapshot, table
from consumers.lanes import LEAST, Lanes
from core.book import Book
from core.policy import Policy


def test_lanes_find_what_one_core_finds() -> None:
    base = prices()
    book = Book.from_table(table(3 * LEAST + 7, base), Policy())
    market = snapshot(moved(base, 0.01))
    lanes, alone = Lanes(cores=3), book.revalue(market)
    found = lanes.revalue(book, market)
    lanes.close()
    for name in ("collateral", "borrow", "score", "status"):
        assert np.array_equal(getattr(found, name), getattr(alone, name), equal_nan=True)
