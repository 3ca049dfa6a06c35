"""A book of accounts as columns, revalued at once.

The vectorised twin of `core.margin.assess`: float64 for all accounts, and the exact assessment for
the few that lie within a hair of a threshold. Status is identical to the exact one for every
account; C, B and C/B agree within 1e-9, relative.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from core.bands import CODE, STATUS_ORDER, Bands, Floats, Indices
from core.columns import Columns, freeze
from core.errors import FieldError
from core.exact import CONTEXT, ONE
from core.margin import Assessment, assess
from core.policy import Policy, Status
from core.portfolio import TEST_PREFIX, Portfolio, PriceSnapshot, Side
from core.position_table import ChangedPortfolios, PositionTable, TablePortfolios
from core.settling import Delta, overdrawn, settle, unseen
from core.valuation import Valuation

__all__ = ("STATUS_ORDER", "Book", "Valuation")

_BLOCK = 131_072  # accounts at a time: large enough to hide the calls, small enough for the cache
_UNKNOWN = CODE[Status.UNKNOWN]

_Span = tuple[int, int]  # rows from, and up to but without
_Map = Callable[[Callable[[_Span], list[Indices]], Iterable[_Span]], Iterable[list[Indices]]]


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Accounts in the order they were given; row i of every column belongs to `users[i]`.

    `overdrawn` are the rows with a negative net amount after settlement, `settled` the keys of the
    deltas that are in the amounts.
    """

    users: tuple[str, ...]
    assets: tuple[str, ...]
    policy: Policy
    portfolios: Sequence[Portfolio]
    collateral: Columns
    borrow: Columns
    debtless: Indices
    rows: Mapping[str, int]
    overdrawn: Indices
    settled: frozenset[str]

    @classmethod
    def from_portfolios(cls, portfolios: Iterable[Portfolio], policy: Policy) -> "Book":
        """Freeze a book. Raises FieldError for an account given twice or under the test prefix."""
        held = tuple(portfolios)
        rows = _rows(portfolio.user_id for portfolio in held)
        assets = tuple(sorted(frozenset().union(*(p.assets for p in held))))
        given = dict(enumerate(held))
        columns = (
            Columns.of(*_positions(given, side, assets, policy), len(held), len(assets))
            for side in Side
        )
        debtless = [row for row, portfolio in given.items() if not portfolio.borrow]
        return cls._of(assets, policy, held, tuple(columns), rows, np.array(debtless, np.intp))

    @classmethod
    def from_table(cls, table: PositionTable, policy: Policy) -> "Book":
        """Freeze a book of many accounts; each becomes a Portfolio only when it is looked at."""
        rows = _rows(table.users)
        amounts, held = table.amounts(), ~table.owed
        with localcontext(CONTEXT):
            weights = np.array([float(policy.weights.get(asset, ONE)) for asset in table.assets])
        amounts[held] *= weights[table.ids[held]]
        columns = (
            Columns.of(
                table.rows[side], table.ids[side], amounts[side], len(rows), len(table.assets)
            )
            for side in (held, table.owed)
        )
        owing = np.bincount(table.rows[table.owed], minlength=len(rows))
        debtless = np.flatnonzero(owing == 0)
        held_by = TablePortfolios(table)
        return cls._of(table.assets, policy, held_by, tuple(columns), rows, debtless)

    @classmethod
    def _of(
        cls,
        assets: tuple[str, ...],
        policy: Policy,
        portfolios: Sequence[Portfolio],
        columns: tuple[Columns, ...],
        rows: Mapping[str, int],
        debtless: Indices,
    ) -> "Book":
        collateral, borrow = columns
        none = np.empty(0, np.intp)
        freeze(debtless, none)
        return cls(
            users=tuple(rows),
            assets=assets,
            policy=policy,
            portfolios=portfolios,
            collateral=collateral,
            borrow=borrow,
            debtless=debtless,
            rows=MappingProxyType(rows),
            overdrawn=none,
            settled=frozenset(),
        )

    def __len__(self) -> int:
        return len(self.users)

    def index_of(self, user_id: str) -> int:
        """The row of an account; CoreError when the book has no such account."""
        row = self.rows.get(user_id)
        if row is None:
            raise FieldError("user_id", f"{user_id} is not in the book")
        return row

    def portfolio(self, user_id: str) -> Portfolio:
        """The exact positions of an account; CoreError when the book has no such account.

        After settlement an amount in it may be negative: `assess` knows what that means.
        """
        return self.portfolios[self.index_of(user_id)]

    def assess(self, user_id: str, prices: PriceSnapshot) -> Assessment:
        """The exact assessment of an account; UNKNOWN while a net amount of it is negative."""
        return assess(self.portfolio(user_id), prices, self.policy)

    def holders(self, asset: str) -> Indices:
        """The rows that hold or owe `asset`, ascending; empty for an asset nobody has."""
        if asset not in self.assets:
            return np.empty(0, np.intp)
        number = self.assets.index(asset)
        holds = np.zeros(len(self), np.bool_)
        self.collateral.mark(number, holds)
        self.borrow.mark(number, holds)
        return np.flatnonzero(holds)

    def settle(self, deltas: Iterable[Delta]) -> "Book":
        """The book after these deltas of collateral, in whatever order; this one stays as it is.

        A delta whose key is settled changes nothing, nor does one of an account that is not in the
        book; the latter does not count as settled.
        """
        fresh = unseen(deltas, self.settled, self.rows)
        if not fresh:
            return self
        changed = settle(fresh.values(), self.portfolios, self.rows)
        given = frozenset().union(*(p.collateral for p in changed.values()))
        assets = tuple(sorted({*self.assets, *given}))
        collateral, borrow = self.collateral, self.borrow
        if assets != self.assets:
            place = np.array([*map(assets.index, self.assets), len(assets)], np.intp)
            collateral, borrow = collateral.renumbered(place), borrow.renumbered(place)
        rows = np.array(sorted(changed), np.intp)
        positions = _positions(changed, Side.COLLATERAL, assets, self.policy)
        short = [row for row, portfolio in changed.items() if overdrawn(portfolio)]
        still = np.setdiff1d(self.overdrawn, rows)
        negative = np.sort(np.concatenate((still, np.array(short, np.intp))))
        freeze(negative)
        return replace(
            self,
            assets=assets,
            portfolios=ChangedPortfolios.of(self.portfolios, changed),
            collateral=collateral.replaced(rows, *positions, len(assets)),
            borrow=borrow,
            overdrawn=negative,
            settled=self.settled | fresh.keys(),
        )

    def sealed(self) -> "Book":
        """The same positions without the keys of what settled: whoever settles on knows them."""
        return replace(self, settled=frozenset())

    def revalue(self, prices: PriceSnapshot, run: _Map = map, lanes: int = 1) -> Valuation:
        """Every account's C, B, score and status on one price snapshot.

        With `lanes` above one the accounts are valued in so many parts, which `run` may take at the
        same time: the `map` of a pool of threads. The result is the same.
        """
        vector = self.price_vector(prices)
        size, bands = len(self), Bands.of(self.policy)
        collateral, borrow, score = np.empty(size), np.empty(size), np.empty(size)
        status = np.empty(size, np.int8)
        held, owed = self.collateral.at(vector), self.borrow.at(vector)

        def lane(span: _Span) -> list[Indices]:
            found, (first, last) = [], span
            scratch = np.empty(2 * min(last - first, _BLOCK))
            for begin in range(first, last, _BLOCK):
                part = slice(begin, min(last, begin + _BLOCK))
                held.fill(begin, collateral[part], scratch)
                owed.fill(begin, borrow[part], scratch)
                doubtful = bands.decide(collateral[part], borrow[part], score[part], status[part])
                if len(doubtful):
                    found.append(doubtful + begin)
            return found

        ends = [size * i // lanes for i in range(lanes + 1)]
        unsure = [rows for found in run(lane, pairwise(ends)) for rows in found]
        if unsure:
            rows = np.setdiff1d(np.concatenate(unsure), self.overdrawn)
            for row in rows:
                exact = assess(self.portfolios[row], prices, self.policy)
                code = CODE[exact.status]
                assert exact.score is not None  # a float score was found: every price is there
                status[row], score[row] = code, bands.settle(code, exact.score)
        if np.isnan(vector).any():
            unpriced = np.isnan(collateral) | np.isnan(borrow)
            status[unpriced] = _UNKNOWN
            score[unpriced] = np.nan
        status[self.debtless] = CODE[Status.NO_DEBT]
        score[self.debtless] = np.nan
        status[self.overdrawn] = _UNKNOWN
        score[self.overdrawn] = collateral[self.overdrawn] = np.nan
        freeze(collateral, borrow, score, status)
        return Valuation(self, prices, collateral, borrow, score, status)

    def price_vector(self, prices: PriceSnapshot) -> Floats:
        """Prices by asset id, NaN where unusable, and a zero at the end for the padding."""
        usable = (
            float(prices.points[asset].price) if prices.fault(asset) is None else np.nan
            for asset in self.assets
        )
        return np.fromiter((*usable, 0.0), float, len(self.assets) + 1)


def _rows(users: Iterable[str]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, user in enumerate(users):
        if user.startswith(TEST_PREFIX):
            raise FieldError("user_id", f"{user} is reserved for test alerts")
        if rows.setdefault(user, row) != row:
            raise FieldError("user_id", f"{user} is given twice")
    return rows


def _positions(
    portfolios: Mapping[int, Portfolio], side: Side, assets: Sequence[str], policy: Policy
) -> tuple[Indices, Indices, Floats]:
    """One side of some accounts as a long table sorted by row: row, asset id, counted amount."""
    numbers = {asset: number for number, asset in enumerate(assets)}
    rows: list[int] = []
    ids: list[int] = []
    amounts: list[float] = []
    with localcontext(CONTEXT):
        for row in sorted(portfolios):
            portfolio = portfolios[row]
            for asset, amount in portfolio.side(side).items():
                rows.append(row)
                ids.append(numbers[asset])
                amounts.append(float(_counted(portfolio, side, asset, amount, policy)))
    return np.array(rows, np.intp), np.array(ids, np.intp), np.array(amounts, float)


def _counted(
    portfolio: Portfolio, side: Side, asset: str, amount: Decimal, policy: Policy
) -> Decimal:
    return amount * policy.weight_of(portfolio, asset) if side is Side.COLLATERAL else amount
