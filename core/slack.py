"""Ticks that look only at the accounts whose status can have changed.

An account's slack is `|ln(C/B) - ln k|` to the nearest coverage k of a threshold. With amounts
that are not negative, ln(C/B) moves by no more than the prices of what is held have moved apart
from the prices of what is owed. So after small moves only the accounts of least slack need another
look: they are kept side by side, sorted by slack, and the rest of the book is not touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.bands import CODE, Bands, Codes, Floats, Indices
from core.book import Book
from core.columns import Columns, freeze
from core.policy import Status, coverage
from core.portfolio import PriceSnapshot
from core.valuation import Valuation

NEAR = 0.125
"""The share of the book that an index keeps at hand."""
LEAST = 1024
"""How many accounts an index keeps at hand at least."""

_GUARD = 1e-8  # far above what floats and the re-decision band add to a slack
_COST = 2.0  # of a candidate's look, in units of an account's full revaluation
_REBUILD = 6.0  # of an index with its revaluation, in units of a full revaluation
_NO_DEBT = CODE[Status.NO_DEBT]


@dataclass(frozen=True, slots=True, eq=False)
class SlackIndex:
    """A valuation and its nearest accounts: `rows` by ascending `slack`, with their columns.

    `reach` is the slack up to which `rows` is complete.
    """

    base: Valuation
    vector: Floats
    rows: Indices
    slack: Floats
    reach: float
    collateral: Columns
    borrow: Columns

    @classmethod
    def of(cls, base: Valuation, near: float = NEAR, least: int = LEAST) -> "SlackIndex":
        """Index a valuation; `near` is the share of the accounts to keep, `least` their number."""
        book = base.book
        slack = _slack(base)
        judged = np.flatnonzero(~np.isnan(slack))
        count = min(len(judged), max(least, int(near * len(slack))))
        reach = np.inf
        if count < len(judged):
            reach = float(np.partition(slack[judged], count)[count])
            judged = judged[slack[judged] < reach]
        rows = judged[np.argsort(slack[judged], kind="stable")]
        ordered = slack[rows]
        vector = book.price_vector(base.prices)
        freeze(rows, ordered, vector)
        held, owed = book.collateral.take(rows), book.borrow.take(rows)
        return cls(base, vector, rows, ordered, reach, held, owed)

    def tick(self, prices: PriceSnapshot) -> "Tick | None":
        """Who is in another status than in `base` at these prices; None when the index is blind.

        It is blind when another set of assets is unpriced than in `base`, and when prices moved
        further than it reaches. The statuses are those of a full revaluation, exact.
        """
        vector = self.base.book.price_vector(prices)
        drift = self._drift(vector)
        if drift is None or drift >= self.reach:
            return None
        count = int(np.searchsorted(self.slack, drift, "right"))
        rows = self.rows[:count]
        status = self._decide(count, vector, prices)
        moved = np.flatnonzero(status != self.base.status[rows])
        moved = moved[np.argsort(rows[moved])]
        changed, codes = rows[moved], status[moved]
        freeze(changed, codes)
        return Tick(prices, count, changed, codes)

    def _drift(self, vector: Floats) -> float | None:
        """By how much ln(C/B) of any account may have moved since `base`, above."""
        ratio = vector[:-1] / self.vector[:-1]
        known = ~np.isnan(ratio)
        if not np.array_equal(np.isnan(vector), np.isnan(self.vector)):
            return None
        moves = ratio[known]
        return float(np.log(moves.max() / moves.min())) + _GUARD if len(moves) else _GUARD

    def _decide(self, count: int, vector: Floats, prices: PriceSnapshot) -> Codes:
        """The status codes of the first `count` accounts."""
        book, bands = self.base.book, Bands.of(self.base.book.policy)
        held, owed, score = np.empty(count), np.empty(count), np.empty(count)
        status, scratch = np.empty(count, np.int8), np.empty(2 * count)
        self.collateral.at(vector).fill(0, held, scratch)
        self.borrow.at(vector).fill(0, owed, scratch)
        for place in bands.decide(held, owed, score, status):
            user = book.users[self.rows[place]]
            status[place] = CODE[book.assess(user, prices).status]
        return status


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


def _slack(base: Valuation) -> Floats:
    """Distance of ln(C/B) to the nearest threshold's; NaN for NO_DEBT and UNKNOWN."""
    bounds = [float(coverage(bound)) for bound in base.book.policy.thresholds()]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(base.collateral / base.borrow)
        slack = np.minimum.reduce([np.abs(ratio - np.log(bound)) for bound in bounds])
    slack[base.status >= _NO_DEBT] = np.nan
    found: Floats = slack
    return found
