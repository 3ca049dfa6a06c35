"""A whole book under many scenarios: how many accounts end in which status, in each of them.

Two matrix products (scenarios x assets by assets x accounts) give C and B of every account in
every scenario. They are never held as a whole: blocks that fit the cache are counted and forgotten.
What floats cannot decide is judged by the exact assessment, so the counts are the exact ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from core.bands import CODE, RECHECK, STATUS_ORDER, Floats, Indices
from core.book import Book
from core.columns import Columns, freeze
from core.edits import HYPOTHETICAL, fraction_of
from core.exact import CONTEXT, ONE
from core.margin import assess
from core.policy import Status, coverage
from core.portfolio import PriceSnapshot, symbol_of

_ACCOUNTS = 1024  # a block of them: a multiple of 8, and at most 8 * 255 (see _row_counts)
_SCENARIOS = 96

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BookStress:
    """Row s is scenario `scenarios[s]`.

    `counts[s, code]` are accounts per status code of STATUS_ORDER; each row adds up to the book.
    `collateral_usd` and `borrow_usd` are C and B of the accounts that have a score, after the
    scenario.
    """

    scenarios: tuple[str, ...]
    counts: Counts
    collateral_usd: Floats
    borrow_usd: Floats

    def of(self, scenario: str) -> dict[Status, int]:
        """The counts of one scenario by status."""
        row = self.counts[self.scenarios.index(scenario)]
        return {status: int(row[code]) for code, status in enumerate(STATUS_ORDER)}


def book_stress(
    book: Book, prices: PriceSnapshot, scenarios: Mapping[str, Mapping[str, Decimal]]
) -> BookStress:
    """Count statuses under each scenario: name -> signed fraction by asset, above -1.

    An asset not named stands still. An account with an unpriced asset is UNKNOWN in every scenario,
    one without a borrow NO_DEBT. Raises FieldError such as `crash.ETH`.
    """
    moves = [_checked(name, shocks) for name, shocks in scenarios.items()]
    factors = _factors(book.assets, moves)
    base = book.revalue(prices)
    scored = np.flatnonzero(~np.isnan(base.score))
    sides = [_Exposures.of(side, book, prices, scored) for side in (book.collateral, book.borrow)]
    blocks = _Blocks.of(book, factors)
    for begin in range(0, len(scored), _ACCOUNTS):
        size = min(_ACCOUNTS, len(scored) - begin)
        blocks.count(sides[0].block(begin, size), sides[1].block(begin, size), begin)
    counts = np.zeros((len(moves), len(STATUS_ORDER)), np.int64)
    steps = (np.full(len(moves), len(scored)), *blocks.reached, np.zeros(len(moves), np.int64))
    for code, (here, above) in enumerate(pairwise(steps)):
        counts[:, code] = here - above
    for status in (Status.NO_DEBT, Status.UNKNOWN):
        counts[:, CODE[status]] = np.count_nonzero(base.status == CODE[status])
    for scenario, row, guess in blocks.unsure:
        case = shocked(prices, moves[scenario])
        exact = assess(book.portfolio(book.users[scored[row]]), case, book.policy)
        counts[scenario, guess] -= 1
        counts[scenario, CODE[exact.status]] += 1
    freeze(counts)
    held, owed = (factors @ side.totals() for side in sides)
    return BookStress(tuple(scenarios), counts, held, owed)


def shocked(prices: PriceSnapshot, shocks: Mapping[str, Decimal]) -> PriceSnapshot:
    """The prices after signed fractions by asset; one that had a fault keeps it."""
    with localcontext(CONTEXT):
        points = {
            asset: replace(
                prices.points[asset],
                price=prices.points[asset].price * (ONE + shock),
                tick_id=HYPOTHETICAL,
            )
            for asset, shock in shocks.items()
            if shock and prices.fault(asset) is None
        }
    return replace(prices, points=MappingProxyType({**prices.points, **points}))


@dataclass(frozen=True, slots=True, eq=False)
class _Exposures:
    """Counted USD by asset of the scored accounts on one side, as a table sorted by account."""

    assets: int
    rows: Indices
    ids: Indices
    usd: Floats

    @classmethod
    def of(cls, side: Columns, book: Book, prices: PriceSnapshot, scored: Indices) -> "_Exposures":
        place = np.full(len(book), -1, np.intp)
        place[scored] = np.arange(len(scored))
        rows, ids, amounts = side.table()
        keep = place[rows] >= 0  # a scored account has a price for all it holds
        usable = (
            float(prices.points[asset].price) if prices.fault(asset) is None else 0.0
            for asset in book.assets
        )
        vector = np.fromiter(usable, float, len(book.assets))
        ids = ids[keep]
        return cls(len(book.assets), place[rows[keep]], ids, amounts[keep] * vector[ids])

    def block(self, begin: int, size: int) -> Floats:
        """The accounts begin..begin+size as (assets, size)."""
        low, high = np.searchsorted(self.rows, (begin, begin + size))
        dense = np.zeros((self.assets, size))
        dense[self.ids[low:high], self.rows[low:high] - begin] = self.usd[low:high]
        return dense

    def totals(self) -> Floats:
        """USD by asset."""
        return np.bincount(self.ids, self.usd, self.assets).astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Counts, block after block: `reached[t, s]` accounts at or above threshold t, lowest first.

    `unsure` are (scenario, row, code guessed) of cells too near a threshold for floats.
    """

    factors: Floats
    edges: tuple[tuple[float, float], ...]
    reached: Counts
    unsure: list[tuple[int, int, int]]
    ratio: Floats
    owed: Floats
    mask: NDArray[np.bool_]

    @classmethod
    def of(cls, book: Book, factors: Floats) -> "_Blocks":
        at = [float(coverage(bound)) for bound in reversed(book.policy.thresholds())]
        edges = tuple((k - _reach(k), k + _reach(k)) for k in at)
        shape = min(_SCENARIOS, len(factors)), _ACCOUNTS
        return cls(
            factors,
            edges,
            np.zeros((len(at), len(factors)), np.int64),
            [],
            np.empty(shape),
            np.empty(shape),
            np.zeros(shape, np.bool_),
        )

    def count(self, collateral: Floats, borrow: Floats, begin: int) -> None:
        """Add one block of accounts, (assets, accounts) each; `begin` is its first row."""
        size = collateral.shape[1]
        for first in range(0, len(self.factors), _SCENARIOS):
            moved = self.factors[first : first + _SCENARIOS]
            ratio, owed = self.ratio[: len(moved), :size], self.owed[: len(moved), :size]
            np.matmul(moved, collateral, out=ratio)
            np.matmul(moved, borrow, out=owed)
            with np.errstate(over="ignore"):
                np.divide(ratio, owed, out=ratio)
            near = False
            mask = self.mask[: len(moved)]
            mask[:, size:] = False  # only the last block is short
            for reached, (low, high) in zip(self.reached, self.edges, strict=True):
                np.greater_equal(ratio, high, out=mask[:, :size])
                surely = np.count_nonzero(mask)
                np.greater_equal(ratio, low, out=mask[:, :size])
                counted = _row_counts(mask)
                reached[first : first + len(moved)] += counted
                near = near or surely != int(counted.sum())
            if near:
                self._note(ratio, first, begin)

    def _note(self, ratio: Floats, first: int, begin: int) -> None:
        code, surely = np.zeros(ratio.shape, np.int8), np.zeros(ratio.shape, np.int8)
        for low, high in self.edges:
            code += ratio >= low
            surely += ratio >= high
        for scenario, row in zip(*np.nonzero(code != surely), strict=True):
            guess = int(code[scenario, row])
            self.unsure.append((int(scenario) + first, int(row) + begin, guess))


def _reach(k: float) -> float:
    """Half the band around a coverage in which floats do not decide."""
    return 2 * RECHECK * max(1.0, k)


def _row_counts(mask: NDArray[np.bool_]) -> Counts:
    """True cells per row. Eight flags are added at a time, each in its own byte of a word."""
    words = np.add.reduce(mask.view(np.uint64), axis=1)
    counts: Counts = words.view(np.uint8).reshape(len(mask), 8).sum(axis=1, dtype=np.int64)
    return counts


def _checked(name: str, shocks: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {
        symbol_of(asset, f"{name}.{asset}"): fraction_of(shock, f"{name}.{asset}")
        for asset, shock in shocks.items()
    }


def _factors(assets: Sequence[str], moves: Sequence[Mapping[str, Decimal]]) -> Floats:
    """What each asset's price is multiplied by in each scenario, (scenarios, assets)."""
    numbers = {asset: number for number, asset in enumerate(assets)}
    factors = np.ones((len(moves), len(assets)))
    with localcontext(CONTEXT):
        for row, shocks in zip(factors, moves, strict=True):
            for asset, shock in shocks.items():
                if asset in numbers:
                    row[numbers[asset]] = float(ONE + shock)
    return factors
