"""Large books revalued on every core: numpy lets go of the interpreter while it computes."""

import os
from concurrent.futures import ThreadPoolExecutor

from core.book import Book, Valuation
from core.portfolio import PriceSnapshot

LEAST = 100_000  # accounts for which a lane of its own pays


class Lanes:
    """A pool of threads `lane-*`, made when the first large book comes; the owner closes it."""

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._cores, thread_name_prefix="lane")

    def revalue(self, book: Book, prices: PriceSnapshot) -> Valuation:
        """As `book.revalue`, on as many cores as the book is worth."""
        lanes = min(self._cores, len(book) // LEAST)
        return book.revalue(prices) if lanes < 2 else book.revalue(prices, self._pool.map, lanes)

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()
