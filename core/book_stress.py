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
from typing import Any

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

_ACCOUNTS = 2040  # a block of them: 8 * 255, the most that _row_counts can count
_SCENARIOS = 500  # few large products: each one makes the threads of a busy machine wait
_TAME = 1e6  # prices moved by more than this, up or down, are not looked at in float32
_MOST = 1e20  # collateral per debt: more is no healthier, and must not overflow

Counts = NDArray[np.int64]
Rough = NDArray[Any]  # float32, or float64 where that would overflow


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
    for threshold, scenario, row in blocks.unsure:
        case = shocked(prices, moves[scenario])
        exact = assess(book.portfolio(book.users[scored[row]]), case, book.policy)
        blocks.reached[threshold, scenario] -= CODE[exact.status] <= threshold
    counts = np.zeros((len(moves), len(STATUS_ORDER)), np.int64)
    steps = (np.full(len(moves), len(scored)), *blocks.reached, np.zeros(len(moves), np.int64))
    for code, (here, above) in enumerate(pairwise(steps)):
        counts[:, code] = here - above
    for status in (Status.NO_DEBT, Status.UNKNOWN):
        counts[:, CODE[status]] = np.count_nonzero(base.status == CODE[status])
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

    A first look in float32 is half the work; what it cannot place is looked at in float64, and
    what that cannot place is put into `unsure`, as (threshold, scenario, row), counted as reached.
    """

    factors: Floats
    rough: Rough
    edges: tuple[tuple[float, float], ...]
    slack: float
    reached: Counts
    unsure: list[tuple[int, int, int]]
    ratio: Rough
    owed: Rough
    low: NDArray[np.bool_]
    high: NDArray[np.bool_]

    @classmethod
    def of(cls, book: Book, factors: Floats) -> "_Blocks":
        at = [float(coverage(bound)) for bound in reversed(book.policy.thresholds())]
        shape = min(_SCENARIOS, len(factors)), _ACCOUNTS
        wild = bool(((factors < 1 / _TAME) | (factors > _TAME)).any())
        return cls(
            factors,
            factors.astype(np.float64 if wild else np.float32),
            tuple((k - _reach(k), k + _reach(k)) for k in at),
            # sums of as many rounded terms as there are assets, above and below the line
            (2 * factors.shape[1] + 8) * float(np.finfo(np.float32).eps),
            np.zeros((len(at), len(factors)), np.int64),
            [],
            np.empty(shape, np.float64 if wild else np.float32),
            np.empty(shape, np.float64 if wild else np.float32),
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.bool_),
        )

    def count(self, collateral: Floats, borrow: Floats, begin: int) -> None:
        """Add one block of accounts, (assets, accounts) each; `begin` is its first row."""
        size = collateral.shape[1]
        total = borrow.sum(axis=0)
        held = np.minimum(collateral / total, _MOST).astype(self.rough.dtype)
        owes = (borrow / total).astype(self.rough.dtype)
        self.low[:, size:] = self.high[:, size:] = False  # only the last block is short
        for first in range(0, len(self.factors), _SCENARIOS):
            moved = self.rough[first : first + _SCENARIOS]
            count = len(moved)
            ratio, owed = self.ratio[:count, :size], self.owed[:count, :size]
            np.matmul(moved, held, out=ratio)
            np.matmul(moved, owes, out=owed)
            np.divide(ratio, owed, out=ratio)
            low, high = self.low[:count], self.high[:count]
            for number, (below, above) in enumerate(self.edges):
                np.greater_equal(ratio, below * (1 - self.slack), out=low[:, :size])
                np.greater_equal(ratio, above * (1 + self.slack), out=high[:, :size])
                counted = _row_counts(low)
                self.reached[number, first : first + count] += counted
                if np.count_nonzero(high) != int(counted.sum()):
                    cells = np.divmod(np.flatnonzero(low != high), _ACCOUNTS)
                    self._look(number, cells, (first, begin), collateral, borrow)

    def _look(
        self,
        number: int,
        cells: tuple[Indices, Indices],
        origin: tuple[int, int],
        collateral: Floats,
        borrow: Floats,
    ) -> None:
        """Place by float64 the cells that are near a threshold, and take back those below it."""
        scenario, account = cells[0] + origin[0], cells[1]
        moved = self.factors[scenario]
        held = np.einsum("ij,ji->i", moved, collateral[:, account])
        owed = np.einsum("ij,ji->i", moved, borrow[:, account])
        below, above = self.edges[number]
        np.subtract.at(self.reached[number], scenario[held < below * owed], 1)
        for cell in np.flatnonzero((held >= below * owed) & (held < above * owed)):
            self.unsure.append((number, int(scenario[cell]), int(account[cell]) + origin[1]))


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
