"""A book under a thousand scenarios, beside the bare matrix product."""

import tracemalloc
from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from benchmarks.report import Result, shown, within
from benchmarks.sample_book import ASSETS, prices, snapshot, table
from benchmarks.timing import least
from core.book import Book
from core.book_stress import book_stress
from core.policy import Policy

BLOCK = 1024


def stress(
    accounts: int = 100_000, scenarios: int = 1_000, seconds: float = 4.0
) -> Iterator[Result]:
    """How many accounts are in which status, in every scenario; nothing is materialised.

    The bare products are the two that C and B need, whole into memory that is there already, and
    the same in blocks that fit the cache.
    """
    base = prices()
    book = Book.from_table(table(accounts, base), Policy())
    market = snapshot(base)
    random = np.random.default_rng(4)
    shocks = random.normal(-0.1, 0.15, (scenarios, len(ASSETS))).clip(-0.9, 1.0).round(4)
    named = {
        f"s{i}": {asset: Decimal(repr(float(s))) for asset, s in zip(ASSETS, row, strict=True)}
        for i, row in enumerate(shocks)
    }
    factors, exposures = 1 + shocks, random.random((len(ASSETS), accounts))
    whole = np.zeros((scenarios, accounts))
    blocked = np.empty((scenarios, BLOCK))
    blocks = [exposures[:, i : i + BLOCK].copy() for i in range(0, accounts, BLOCK)]

    def product() -> None:
        for _ in range(2):
            np.matmul(factors, exposures, out=whole)

    def in_blocks() -> None:
        for block in blocks:
            for _ in range(2):
                np.matmul(factors, block, out=blocked[:, : block.shape[1]])

    bare, cached = float("inf"), float("inf")
    ours = float("inf")
    for _ in range(3):  # in turn, so that a busy moment meets all of them
        bare = min(bare, least(product, seconds / 6, 1))
        cached = min(cached, least(in_blocks, seconds / 6, 1))
        ours = min(ours, least(lambda: book_stress(book, market, named), seconds / 3, 1))
    what = f"{scenarios:,} scenarios x {accounts:,} accounts"
    yield within(what, ours * 1e3, "ms", "bare matrix products", bare * 1e3, 4)
    yield within(what, ours * 1e3, "ms", "bare products in blocks", cached * 1e3, None)
    yield shown("a valuation", ours / scenarios / accounts * 1e9, "ns")
    tracemalloc.start()
    book_stress(book, market, named)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield within(
        "memory at its highest", peak / 1e6, "MB", "the two matrices", 2 * whole.nbytes / 1e6, 0.2
    )
