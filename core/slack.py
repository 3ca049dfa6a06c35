"""Ticks that look only at the accounts whose status can have changed.

An account's slack is `|ln(C/B) - ln k|` to the nearest coverage k of a threshold. With amounts
that are not negative, ln(C/B) moves by no more than the prices of what is held have moved apart
from the prices of what is owed. So after small moves only the accounts of least slack need another
look: they are kept side by side, sorted by slack, and the rest of the book is not touched.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.bands import CODE, RECHECK, Codes, Floats, Indices
from core.book import Book
from core.columns import Columns, freeze
from core.policy import Status, coverage
from core.portfolio import PriceSnapshot
from core.valuation import Valuation

NEAR = 0.125
"""The share of the book that an index keeps at hand."""
LEAST = 1024
"""How many accounts an index keeps at hand at least."""

_GUARD = 1e-8  # far above what floats add to a slack
_COST = 2.0  # of a candidate's look, in units of an account's full revaluation
_REBUILD = 10.0  # of an index with its revaluation, in units of a full revaluation
_NO_DEBT = CODE[Status.NO_DEBT]


@dataclass(frozen=True, slots=True, eq=False)
class SlackIndex:
    """A valuation and its nearest accounts: `rows` by ascending `slack`.

    Within `reach` no account crosses another threshold than its nearest one, the k of code `under`
    and the one above it. So one signed sum decides, `C - k*B`: `surplus` are its positions,
    `above` whether it was zero or more, `doubt` the size below which floats do not know its sign.
    """

    base: Valuation
    vector: Floats
    rows: Indices
    slack: Floats
    reach: float
    surplus: Columns
    under: Codes
    above: NDArray[np.bool_]
    doubt: Floats

    @classmethod
    def of(cls, base: Valuation, near: float = NEAR, least: int = LEAST) -> "SlackIndex":
        """Index a valuation; `near` is the share of the accounts to keep, `least` their number."""
        book = base.book
        bounds = np.array([float(coverage(t)) for t in reversed(book.policy.thresholds())])
        slack = _slack(base, bounds)
        judged = np.flatnonzero(~np.isnan(slack))
        count = min(len(judged), max(least, int(near * len(slack))))
        reach = float(np.log(bounds[1:] / bounds[:-1]).min() / 2)
        if count < len(judged):
            reach = min(reach, float(np.partition(slack[judged], count)[count]))
        judged = judged[slack[judged] < reach]
        rows = judged[np.argsort(slack[judged], kind="stable")]
        held, owed = base.collateral[rows], base.borrow[rows]
        under = np.abs(np.log(held / owed)[:, None] - np.log(bounds)).argmin(axis=1)
        factor = bounds[under]
        index = cls(
            base,
            book.price_vector(base.prices),
            rows,
            slack[rows],
            reach,
            _surplus(book, rows, factor),
            under.astype(np.int8),
            base.status[rows] > under,
            RECHECK * (held + factor * owed),
        )
        freeze(index.vector, rows, index.slack, index.under, index.above, index.doubt)
        return index

    def tick(self, prices: PriceSnapshot) -> "Tick | None":
        """Who is in another status than in `base` at these prices; None when the index is blind.

        It is blind when another set of assets is unpriced than in `base`, and when prices moved
        further than it reaches. The statuses are those of a full revaluation, exact.
        """
        vector = self.base.book.price_vector(prices)
        low, high = self._moves(vector)
        if not high / low < math.exp(self.reach - _GUARD):  # NaN is not below anything
            return None
        drift = math.log(high / low) + _GUARD
        count = int(self.slack.searchsorted(drift, "right"))
        surplus = np.empty(count)
        # at the level of the base's prices, which `doubt` is made for
        self.surplus.at(vector / high).fill(0, surplus, np.empty(2 * count))
        above = surplus >= 0.0
        doubtful = np.flatnonzero(np.abs(surplus) <= self.doubt[:count])
        book = self.base.book
        for place in doubtful:
            exact = book.assess(book.users[self.rows[place]], prices)
            above[place] = CODE[exact.status] > self.under[place]
        moved = np.flatnonzero(above != self.above[:count])
        packed = (self.rows[moved] << 3) | (self.under[moved] + above[moved])
        packed.sort()  # a code has three bits; sorting plain numbers is far cheaper than argsort
        rows, codes = packed >> 3, (packed & 7).astype(np.int8)
        freeze(rows, codes)
        return Tick(prices, count, rows, codes)

    def _moves(self, vector: Floats) -> tuple[float, float]:
        """The least and the greatest factor of a price since `base`, apart from which ln(C/B)
        cannot have moved; NaN when other assets are unpriced than in the base."""
        ratio = vector[:-1] / self.vector[:-1]
        if not len(ratio):
            return 1.0, 1.0
        low, high = float(ratio.min()), float(ratio.max())
        if math.isnan(low):
            missing = np.isnan(vector[:-1])
            known = ratio[~missing]
            if np.array_equal(missing, np.isnan(self.vector[:-1])) and len(known):
                low, high = float(known.min()), float(known.max())
        return low, high


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What one set of prices changed: `rows`, ascending, are no longer in their status of the base.

    `status` are their codes now, `candidates` how many accounts were looked at.
    """

    prices: PriceSnapshot
    candidates: int
    rows: Indices
    status: Codes


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The accounts whose status one step changed, ascending, with the codes before and after."""

    rows: Indices
    before: Codes
    after: Codes


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """A book followed from tick to tick; each step gives the next watch and what changed.

    A new index is built when the old one is blind, and when looking at candidates since it was
    built has cost as much as building it: so drifting prices never cost more than twice what the
    best moment to build anew would. A blind tick costs a full revaluation and an index.
    """

    index: SlackIndex
    tick: Tick
    spent: float = 0.0

    @classmethod
    def of(cls, book: Book, prices: PriceSnapshot) -> "Watch":
        """Begin with a full revaluation."""
        return cls._begin(book.revalue(prices))

    @classmethod
    def _begin(cls, base: Valuation) -> "Watch":
        none = np.empty(0, np.intp)
        return cls(SlackIndex.of(base), Tick(base.prices, 0, none, np.empty(0, np.int8)))

    @property
    def rebuilt(self) -> bool:
        """Whether the index rests on the newest prices."""
        return self.tick.prices is self.index.base.prices

    def advance(self, prices: PriceSnapshot) -> tuple["Watch", Change]:
        """The watch at these prices, and the accounts whose status is another one than before."""
        base = self.index.base
        tick = None
        if self.spent < _REBUILD * len(base):
            tick = self.index.tick(prices)
        if tick is None:
            whole = base.book.revalue(prices)
            was = self._codes(np.arange(len(base)))
            rows = np.flatnonzero(was != whole.status)
            return Watch._begin(whole), Change(rows, was[rows], whole.status[rows])
        spent = self.spent + _COST * tick.candidates
        following = Watch(self.index, tick, spent)
        touched = np.union1d(self.tick.rows, tick.rows)
        was, now = self._codes(touched), following._codes(touched)
        differs = was != now
        return following, Change(touched[differs], was[differs], now[differs])

    def counts(self) -> Mapping[Status, int]:
        """Accounts per status at the newest prices."""
        counted = self.index.base.counts()
        before = self.index.base.status[self.tick.rows]
        for status, code in CODE.items():
            gone = np.count_nonzero(before == code)
            counted[status] += int(np.count_nonzero(self.tick.status == code)) - int(gone)
        return counted

    def _codes(self, rows: Indices) -> Codes:
        """Status codes of some rows, ascending, at the newest prices."""
        codes: Codes = self.index.base.status[rows]
        if len(self.tick.rows) and len(rows):
            place = np.minimum(np.searchsorted(self.tick.rows, rows), len(self.tick.rows) - 1)
            hit = self.tick.rows[place] == rows
            codes[hit] = self.tick.status[place[hit]]
        return codes


def _slack(base: Valuation, bounds: Floats) -> Floats:
    """Distance of ln(C/B) to the nearest threshold's; NaN for NO_DEBT and UNKNOWN."""
    slack = np.full(len(base), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(base.collateral / base.borrow)
        for bound in bounds:
            np.minimum(slack, np.abs(ratio - np.log(bound)), out=slack)
    slack[base.status >= _NO_DEBT] = np.nan
    return slack


def _surplus(book: Book, rows: Indices, factor: Floats) -> Columns:
    """`C - k*B` of some accounts as signed positions, k by account."""
    where, ids, amounts = book.collateral.take(rows).table()
    owing, debts, owed = book.borrow.take(rows).table()
    accounts = np.concatenate((where, owing))
    order = np.argsort(accounts, kind="stable")
    return Columns.of(
        accounts[order],
        np.concatenate((ids, debts))[order],
        np.concatenate((amounts, -owed * factor[owing]))[order],
        len(rows),
        len(book.assets),
    )
