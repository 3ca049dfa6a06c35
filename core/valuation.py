"""A book at one set of prices, and the questions one asks of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.bands import CODE, RECHECK, STATUS_ORDER, Codes, Floats, Indices
from core.errors import CoreError
from core.exact import CONTEXT, ONE, Number
from core.margin import Assessment
from core.policy import Status, coverage
from core.portfolio import PriceSnapshot

if TYPE_CHECKING:
    from core.book import Book

_LIQUIDATION = CODE[Status.LIQUIDATION]


@dataclass(frozen=True, slots=True, eq=False)
class Valuation:
    """Row i belongs to `book.users[i]`: C and B in USD, score in percent, status as a code of
    STATUS_ORDER. NaN stands for what has no price (C, B) and for NO_DEBT and UNKNOWN (score).
    """

    book: "Book"
    prices: PriceSnapshot
    collateral: Floats
    borrow: Floats
    score: Floats
    status: Codes

    def __len__(self) -> int:
        return len(self.status)

    def assess(self, user_id: str) -> Assessment:
        """The exact assessment of one account at these prices, with its lines."""
        return self.book.assess(user_id, self.prices)

    def counts(self) -> dict[Status, int]:
        """Accounts per status, all six, in the order of STATUS_ORDER."""
        counted = np.bincount(self.status, minlength=len(STATUS_ORDER))
        return {status: int(counted[code]) for code, status in enumerate(STATUS_ORDER)}

    def collateral_by_status(self) -> dict[Status, float]:
        """Counted collateral in USD per status; accounts whose collateral lacks a price add 0."""
        held = np.where(np.isnan(self.collateral), 0.0, self.collateral)
        sums = np.bincount(self.status, weights=held, minlength=len(STATUS_ORDER))
        return {status: float(sums[code]) for code, status in enumerate(STATUS_ORDER)}

    def distance(self) -> Floats:
        """Points of score above the lower end of the account's own band, >= 0.

        NaN where there is nothing below: LIQUIDATION, NO_DEBT, UNKNOWN.
        """
        healthy, warning, call = map(float, self.book.policy.thresholds())
        return self.score - self._by_status(np.nan, call, warning, healthy)

    def nearest(self, count: int) -> Indices:
        """The rows most in need of a look, at most `count`.

        Accounts in LIQUIDATION first, lowest score first; then by distance to the next lower band.
        Equal ones stay in the order of the book.
        """
        fallen = np.flatnonzero(self.status == _LIQUIDATION)
        fallen = fallen[np.argsort(self.score[fallen], kind="stable")][:count]
        rest = _smallest(self.distance(), count - len(fallen))
        return np.concatenate((fallen, rest))

    def uniform_drop(self) -> Floats:
        """By which fraction all collateral may fall until the next lower band, `1 - k*B/C`.

        Negative in LIQUIDATION: by how much it must rise to leave it (-0.1: by 10 percent), -inf
        without collateral. NaN for NO_DEBT and UNKNOWN. The debt's prices stand still.
        """
        healthy, warning, call = (float(coverage(t)) for t in self.book.policy.thresholds())
        needed = self._by_status(call, call, warning, healthy)
        return self._room(needed)

    def drop_curve(self, drops: Sequence[Number]) -> Floats:
        """Collateral, at present prices, of the accounts in LIQUIDATION after each uniform fall.

        A fall is a fraction of all collateral prices (0.2: 20 percent); at 0 the curve stands at
        what is in LIQUIDATION now. UNKNOWN accounts are not in it.
        """
        room = self._liquidation_room()
        scored = np.flatnonzero(~np.isnan(self.score))
        order = scored[np.argsort(room[scored])]
        sorted_room, summed = room[order], np.cumsum(self.collateral[order])
        found = np.empty(len(drops))
        for i, drop in enumerate(map(exactly, drops)):
            low, high = np.searchsorted(sorted_room, _around(drop))
            found[i] = summed[low - 1] if low else 0.0
            near = [row for row in order[low:high] if self._falls(int(row), drop)]
            found[i] += self.collateral[near].sum()
        return found

    def fallen_after(self, drop: Number) -> Indices:
        """The rows in LIQUIDATION after a uniform fall of all collateral prices; a rise if < 0.

        Those that floats cannot place are decided exactly.
        """
        fraction = exactly(drop)
        if not fraction:
            return np.flatnonzero(self.status == _LIQUIDATION)
        room, (low, high) = self._liquidation_room(), _around(fraction)
        room[np.isnan(self.score)] = np.nan
        fallen = room < low
        for row in np.flatnonzero((room >= low) & (room <= high)):
            fallen[row] = self._falls(int(row), fraction)
        return np.flatnonzero(fallen)

    def histogram(self, edges: Sequence[Number]) -> NDArray[np.intp]:
        """Scored accounts per bin of score: below the first edge, [edge, next), from the last on.

        One more bin than edges, so that the counts add up to all scored accounts. An account that
        floats cannot place is put by its exact score.
        """
        scored = np.flatnonzero(~np.isnan(self.score))
        bounds, scores = [exactly(edge) for edge in edges], self.score[scored]
        at = np.array([float(bound) for bound in bounds])
        reach = 2 * RECHECK * np.maximum(1.0, np.abs(at))
        bins = np.searchsorted(at - reach, scores, "right")
        surely = np.searchsorted(at + reach, scores, "right")
        for place in np.flatnonzero(bins != surely):
            exact = self.assess(self.book.users[scored[place]]).score
            bins[place] = sum(exact is not None and exact >= bound for bound in bounds)
        return np.bincount(bins, minlength=len(bounds) + 1)

    def movers(self, other: "Valuation") -> Indices:
        """The rows whose status differs between two valuations of the same accounts."""
        if self.book is not other.book and self.book.users != other.book.users:
            raise CoreError("movers: the two valuations are of different accounts")
        return np.flatnonzero(self.status != other.status)

    def _liquidation_room(self) -> Floats:
        """`1 - k*B/C` to LIQUIDATION; 0 is not below it where the status says so."""
        call = float(coverage(self.book.policy.margin_call))
        return self._room(self._by_status(call, call, call, call))

    def _falls(self, row: int, drop: Decimal) -> bool:
        """Whether an account is in LIQUIDATION after the fall: `(1 - drop)*C < k*B`, exactly."""
        found = self.assess(self.book.users[row])
        if found.collateral_usd is None or found.borrow_usd is None:
            return False
        with localcontext(CONTEXT):
            left = (ONE - drop) * found.collateral_usd
            return left < coverage(self.book.policy.margin_call) * found.borrow_usd

    def _by_status(self, liquidation: float, call: float, warning: float, healthy: float) -> Floats:
        values = np.array([liquidation, call, warning, healthy, np.nan, np.nan])
        return values[self.status]

    def _room(self, coverages: Floats) -> Floats:
        """`1 - k*B/C`, with the sign that the status says even where rounding lost it."""
        with np.errstate(divide="ignore", invalid="ignore"):
            room = 1.0 - coverages * self.borrow / self.collateral
        fallen = self.status == _LIQUIDATION
        return np.where(fallen, np.minimum(room, -np.finfo(float).tiny), np.maximum(room, 0.0))


def exactly(number: Number) -> Decimal:
    """A bound as it was written; a float means its shortest spelling."""
    return number if isinstance(number, Decimal) else Decimal(str(number))


def _around(drop: Decimal) -> tuple[float, float]:
    """The band of room in which floats do not know on which side of a drop an account is."""
    at = float(drop)
    reach = 2 * RECHECK * max(1.0, abs(1.0 - at))
    return at - reach, at + reach


def _smallest(values: Floats, count: int) -> Indices:
    """The indices of the `count` smallest, NaN left out, stable."""
    known = np.flatnonzero(~np.isnan(values))
    if count <= 0 or not len(known):
        return known[:0]
    if count < len(known):
        limit = np.partition(values[known], count - 1)[count - 1]
        known = known[values[known] <= limit]
    return known[np.argsort(values[known], kind="stable")][:count]
