"""A book of accounts as columns, revalued at once.

The vectorised twin of `core.margin.assess`: float64 for all accounts, and the exact assessment for
the few that lie within a hair of a threshold. Status is identical to the exact one for every
account; C, B and C/B agree within 1e-9, relative.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from types import MappingProxyType

import numpy as np

from core.bands import CODE, STATUS_ORDER, Bands, Floats, Indices
from core.columns import Columns, freeze
from core.errors import FieldError
from core.exact import CONTEXT
from core.margin import assess
from core.policy import Policy, Status
from core.portfolio import TEST_PREFIX, Portfolio, PriceSnapshot, Side
from core.valuation import Valuation

__all__ = ("STATUS_ORDER", "Book", "Valuation")

_BLOCK = 65_536  # accounts at a time: large enough to hide the calls, small enough for the cache


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Accounts in the order they were given; row i of every column belongs to `users[i]`."""

    users: tuple[str, ...]
    assets: tuple[str, ...]
    policy: Policy
    portfolios: Sequence[Portfolio]
    collateral: Columns
    borrow: Columns
    debtless: Indices
    rows: Mapping[str, int]

    @classmethod
    def from_portfolios(cls, portfolios: Iterable[Portfolio], policy: Policy) -> "Book":
        """Freeze a book. Raises FieldError for an account given twice or under the test prefix."""
        held = tuple(portfolios)
        rows: dict[str, int] = {}
        for row, portfolio in enumerate(held):
            if portfolio.user_id.startswith(TEST_PREFIX):
                raise FieldError("user_id", f"{portfolio.user_id} is reserved for test alerts")
            if rows.setdefault(portfolio.user_id, row) != row:
                raise FieldError("user_id", f"{portfolio.user_id} is given twice")
        assets = tuple(sorted(frozenset().union(*(p.assets for p in held))))
        debtless = np.array([row for row, p in enumerate(held) if not p.borrow], np.intp)
        freeze(debtless)
        return cls(
            users=tuple(rows),
            assets=assets,
            policy=policy,
            portfolios=held,
            collateral=_columns(held, Side.COLLATERAL, assets, policy),
            borrow=_columns(held, Side.BORROW, assets, policy),
            debtless=debtless,
            rows=MappingProxyType(rows),
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
        """The exact positions of an account; CoreError when the book has no such account."""
        return self.portfolios[self.index_of(user_id)]

    def holders(self, asset: str) -> Indices:
        """The rows that hold or owe `asset`, ascending; empty for an asset nobody has."""
        if asset not in self.assets:
            return np.empty(0, np.intp)
        number = self.assets.index(asset)
        holds = np.zeros(len(self), np.bool_)
        self.collateral.mark(number, holds)
        self.borrow.mark(number, holds)
        return np.flatnonzero(holds)

    def revalue(self, prices: PriceSnapshot) -> Valuation:
        """Every account's C, B, score and status on one price snapshot."""
        vector = self._vector(prices)
        size = len(self)
        collateral, borrow, score = np.empty(size), np.empty(size), np.empty(size)
        status = np.empty(size, np.int8)
        bands, unsure = Bands.of(self.policy), []
        held, owed = self.collateral.at(vector), self.borrow.at(vector)
        scratch = np.empty(2 * min(size, _BLOCK))
        for begin in range(0, size, _BLOCK):
            part = slice(begin, begin + _BLOCK)
            held.fill(begin, collateral[part], scratch)
            owed.fill(begin, borrow[part], scratch)
            found = bands.decide(collateral[part], borrow[part], score[part], status[part])
            if len(found):
                unsure.append(found + begin)
        for row in np.concatenate(unsure) if unsure else ():
            exact = assess(self.portfolios[row], prices, self.policy)
            code = CODE[exact.status]
            assert exact.score is not None  # a float score was found, so every price is there
            status[row], score[row] = code, bands.settle(code, exact.score)
        if np.isnan(vector).any():
            unpriced = np.isnan(collateral) | np.isnan(borrow)
            status[unpriced] = CODE[Status.UNKNOWN]
            score[unpriced] = np.nan
        status[self.debtless] = CODE[Status.NO_DEBT]
        score[self.debtless] = np.nan
        freeze(collateral, borrow, score, status)
        return Valuation(self, prices, collateral, borrow, score, status)

    def _vector(self, prices: PriceSnapshot) -> Floats:
        """Prices by asset id, NaN where unusable, and a zero at the end for the padding."""
        usable = (
            float(prices.points[asset].price) if prices.fault(asset) is None else np.nan
            for asset in self.assets
        )
        return np.fromiter((*usable, 0.0), float, len(self.assets) + 1)


def _columns(
    portfolios: Sequence[Portfolio], side: Side, assets: Sequence[str], policy: Policy
) -> Columns:
    numbers = {asset: number for number, asset in enumerate(assets)}
    rows: list[int] = []
    ids: list[int] = []
    amounts: list[float] = []
    with localcontext(CONTEXT):
        for row, portfolio in enumerate(portfolios):
            for asset, amount in portfolio.side(side).items():
                rows.append(row)
                ids.append(numbers[asset])
                amounts.append(float(_counted(portfolio, side, asset, amount, policy)))
    return Columns.of(
        np.array(rows, np.intp),
        np.array(ids, np.intp),
        np.array(amounts),
        len(portfolios),
        len(assets),
    )


def _counted(
    portfolio: Portfolio, side: Side, asset: str, amount: Decimal, policy: Policy
) -> Decimal:
    return amount * policy.weight_of(portfolio, asset) if side is Side.COLLATERAL else amount
