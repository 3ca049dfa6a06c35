"""A book as one long table of whole numbers: for books too large to hold an object per account."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import overload

import numpy as np
from numpy.typing import NDArray

from core.bands import Floats, Indices
from core.errors import FieldError
from core.exact import CONTEXT
from core.portfolio import Portfolio, Side


@dataclass(frozen=True, slots=True, eq=False)
class PositionTable:
    """Position i: account `users[rows[i]]` has `units[i]` of the smallest unit of `assets[ids[i]]`.

    An asset's smallest unit is `10**-places`. `rows` ascend, `assets` are sorted and in upper case,
    `units` are above zero, an account has an asset once on each side. `owed` marks borrows.
    Raises FieldError naming the column that breaks this.
    """

    users: tuple[str, ...]
    assets: tuple[str, ...]
    places: tuple[int, ...]
    rows: Indices
    ids: NDArray[np.integer]
    owed: NDArray[np.bool_]
    units: NDArray[np.int64]

    def __post_init__(self) -> None:
        size, users = len(self.rows), len(self.users)
        faults = {
            "ids": len(self.ids) != size,
            "owed": len(self.owed) != size,
            "units": len(self.units) != size or (size > 0 and int(self.units.min()) <= 0),
            "places": len(self.places) != len(self.assets),
            "assets": list(self.assets) != sorted(set(self.assets)),
            "rows": not _within(self.rows, users) or bool((np.diff(self.rows) < 0).any()),
        }
        faults["ids"] = faults["ids"] or not _within(self.ids, len(self.assets))
        for name, wrong in faults.items():
            if wrong:
                raise FieldError(name, "is not as a table of positions has it")

    def amounts(self) -> Floats:
        """Units of each position as float64."""
        scales = np.array([10.0**places for places in self.places])
        amounts: Floats = self.units / scales[self.ids]
        return amounts

    def portfolio(self, row: int) -> Portfolio:
        """The exact positions of one account."""
        begin, end = np.searchsorted(self.rows, (row, row + 1))
        sides: Mapping[Side, dict[str, Decimal]] = {side: {} for side in Side}
        with localcontext(CONTEXT):
            for i in range(begin, end):
                number = int(self.ids[i])
                amount = Decimal(int(self.units[i])).scaleb(-self.places[number])
                side = Side.BORROW if self.owed[i] else Side.COLLATERAL
                sides[side][self.assets[number]] = amount
        collateral, borrow = map(MappingProxyType, sides.values())
        return Portfolio(self.users[row], collateral, borrow)


@dataclass(frozen=True, slots=True, eq=False)
class TablePortfolios(Sequence[Portfolio]):
    """The accounts of a table, each made when it is looked at."""

    table: PositionTable

    def __len__(self) -> int:
        return len(self.table.users)

    @overload
    def __getitem__(self, row: int) -> Portfolio: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Portfolio]: ...
    def __getitem__(self, row: int | slice) -> Portfolio | Sequence[Portfolio]:
        if isinstance(row, slice):
            return [self.table.portfolio(i) for i in range(*row.indices(len(self)))]
        return self.table.portfolio(range(len(self))[row])


@dataclass(frozen=True, slots=True, eq=False)
class ChangedPortfolios(Sequence[Portfolio]):
    """The accounts as they were, but for some rows."""

    base: Sequence[Portfolio]
    changed: Mapping[int, Portfolio]

    @classmethod
    def of(
        cls, before: Sequence[Portfolio], changed: Mapping[int, Portfolio]
    ) -> "ChangedPortfolios":
        """One layer over the first accounts, however often they change."""
        if isinstance(before, ChangedPortfolios):
            return cls(before.base, MappingProxyType({**before.changed, **changed}))
        return cls(before, MappingProxyType(dict(changed)))

    def __len__(self) -> int:
        return len(self.base)

    def __iter__(self) -> Iterator[Portfolio]:
        changed = self.changed
        return (changed.get(row, held) for row, held in enumerate(self.base))

    @overload
    def __getitem__(self, row: int) -> Portfolio: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Portfolio]: ...
    def __getitem__(self, row: int | slice) -> Portfolio | Sequence[Portfolio]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        number = range(len(self))[row]
        found = self.changed.get(number)
        return self.base[number] if found is None else found


def _within(numbers: NDArray[np.integer], end: int) -> bool:
    return not len(numbers) or bool(int(numbers.min()) >= 0 and int(numbers.max()) < end)
