"""One side of a book as columns: for each account up to `width` positions, the rest apart.

Most accounts hold few assets. So the first `width` positions of every account lie in dense planes,
padded with an amount of zero in a slot whose price is zero; the few positions beyond lie in a list
of their own. `width` is where planes and list together cost least.

Two planes make a pair: an account's two assets are one small number, and one look-up fetches both
prices as one complex number. The two amounts are another, conjugated, so that one complex product
has the value of both positions as its real part. That halves the look-ups and the sums.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bands import Floats, Indices

_OVERFLOW_COST = 4  # of a listed position, in units of a padded one

Ids = NDArray[np.unsignedinteger]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Weighted amounts of one side, read-only.

    Asset ids index a price vector whose last slot, the padding's, is 0. `pairs` is (width // 2,
    accounts) and says which row of `couples` (couples, 2) holds the two asset ids; its amounts are
    `first - i * second` in `pair_amounts`, of the same shape. An odd width has one `single` plane
    more, (1, accounts), else (0, accounts). The positions beyond are `more_ids`, `more_amounts`,
    grouped by account: group g belongs to account `more_rows[g]` and starts at `more_starts[g]`.
    """

    couples: Indices
    pairs: Ids
    pair_amounts: Complexes
    single: Ids
    single_amounts: Floats
    more_rows: Indices
    more_starts: Indices
    more_ids: Ids
    more_amounts: Floats

    def __post_init__(self) -> None:
        freeze(*self._arrays())

    @classmethod
    def of(
        cls, rows: Indices, ids: NDArray[np.integer], amounts: Floats, accounts: int, assets: int
    ) -> "Columns":
        """Build from a long table sorted by row: account, asset id (0..assets-1), amount."""
        counts = np.bincount(rows, minlength=accounts)
        shape = _best_width(counts), accounts
        planes, weights, beyond = _dense(rows, ids, amounts, shape, assets)
        even = 2 * (shape[0] // 2)
        couples, pairs = _coupled(planes[:even:2], planes[1:even:2], assets + 1)
        return cls(
            couples,
            pairs,
            _joined(weights, even),
            planes[even:].copy(),
            weights[even:].copy(),
            *_grouped(rows[beyond]),
            ids[beyond].astype(planes.dtype),
            amounts[beyond],
        )

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return len(self.pairs.T)

    @property
    def ids(self) -> Indices:
        """Asset ids as (width, accounts), padding included; made anew at each look."""
        coupled = np.moveaxis(self.couples[self.pairs], 2, 1).reshape(
            2 * len(self.pairs), self.accounts
        )
        return np.concatenate((coupled, self.single.astype(np.intp)))

    @property
    def amounts(self) -> Floats:
        """Weighted amounts as (width, accounts), zero in the padding; made anew at each look."""
        two = np.stack((self.pair_amounts.real, -self.pair_amounts.imag), axis=1)
        coupled = two.reshape(2 * len(self.pairs), self.accounts)
        return np.concatenate((coupled, self.single_amounts))

    @property
    def nbytes(self) -> int:
        """Bytes held; also what one revaluation reads."""
        return sum(array.nbytes for array in self._arrays())

    def at(self, prices: Floats) -> "PricedColumns":
        """Ready to be valued at these prices, by asset id, with the zero at the end."""
        table = prices[self.couples].view(np.complex128)[:, 0]  # two floats as one item
        more = np.empty(0)
        if len(self.more_rows):
            more = np.add.reduceat(self.more_amounts * prices[self.more_ids], self.more_starts)
        return PricedColumns(self, prices, table, more)

    def mark(self, asset: int, holds: NDArray[np.bool_]) -> None:
        """Set `holds` for every account that has this asset id on this side."""
        coupled = (self.couples == asset).any(axis=1)
        for pair in self.pairs:
            holds |= coupled[pair]
        for plane in self.single:
            holds |= plane == asset
        holds[self._listed()[self.more_ids == asset]] = True

    def units(self, assets: int) -> Floats:
        """Counted units of each asset over all accounts."""
        total = np.bincount(self.more_ids, self.more_amounts, assets + 1).astype(float)
        for pair, amounts in zip(self.pairs, self.pair_amounts, strict=True):
            for hand, units in enumerate((amounts.real, -amounts.imag)):
                summed = np.bincount(pair, units, len(self.couples))
                total += np.bincount(self.couples[:, hand], summed, assets + 1)
        for plane, amounts in zip(self.single, self.single_amounts, strict=True):
            total += np.bincount(plane, amounts, assets + 1)
        counted: Floats = total[:assets]
        return counted

    def table(self) -> tuple[Indices, Indices, Floats]:
        """Every position that counts as a long table sorted by row: account, asset id, amount."""
        ids, amounts = self.ids, self.amounts
        plane, row = np.nonzero(amounts)
        rows = np.concatenate((row, self._listed()))
        order = np.argsort(rows, kind="stable")
        found = np.concatenate((ids[plane, row], self.more_ids.astype(np.intp)))
        weighted = np.concatenate((amounts[plane, row], self.more_amounts))
        return rows[order], found[order], weighted[order]

    def take(self, rows: Indices) -> "Columns":
        """The columns of these accounts alone, in this order; no account twice."""
        place = np.full(self.accounts, -1, np.intp)
        place[rows] = np.arange(len(rows))
        listed = place[self._listed()]
        wanted = np.flatnonzero(listed >= 0)
        wanted = wanted[np.argsort(listed[wanted], kind="stable")]
        return Columns(
            self.couples,
            self.pairs[:, rows],
            self.pair_amounts[:, rows],
            self.single[:, rows],
            self.single_amounts[:, rows],
            *_grouped(listed[wanted]),
            self.more_ids[wanted],
            self.more_amounts[wanted],
        )

    def renumbered(self, place: Indices) -> "Columns":
        """The same columns where asset id i is called `place[i]`, the padding's included."""
        kind = np.min_scalar_type(int(place[-1]))
        return Columns(
            place[self.couples],
            self.pairs,
            self.pair_amounts,
            place[self.single].astype(kind),
            self.single_amounts,
            self.more_rows,
            self.more_starts,
            place[self.more_ids].astype(kind),
            self.more_amounts,
        )

    def replaced(
        self,
        accounts: Indices,
        rows: Indices,
        ids: NDArray[np.integer],
        amounts: Floats,
        assets: int,
    ) -> "Columns":
        """These accounts (ascending) with other positions: a long table as `of` takes it."""
        even = 2 * len(self.pairs)
        shape = even + len(self.single), len(accounts)
        local = np.searchsorted(accounts, rows)
        planes, weights, beyond = _dense(local, ids, amounts, shape, assets)
        fresh = np.stack((planes[:even:2], planes[1:even:2]), axis=2).astype(np.intp)
        couples, number = np.unique(
            np.concatenate((self.couples, fresh.reshape(-1, 2))), axis=0, return_inverse=True
        )
        kind = np.min_scalar_type(len(couples))
        old, new = np.split(number.reshape(-1).astype(kind), [len(self.couples)])
        pairs, single = old[self.pairs], self.single.copy()
        pairs[:, accounts] = new.reshape(len(pairs), len(accounts))
        single[:, accounts] = planes[even:]
        pair_amounts, single_amounts = self.pair_amounts.copy(), self.single_amounts.copy()
        pair_amounts[:, accounts] = _joined(weights, even)
        single_amounts[:, accounts] = weights[even:]
        listed = self._listed()
        stays = ~np.isin(listed, accounts)
        more_rows = np.concatenate((listed[stays], rows[beyond]))
        order = np.argsort(more_rows, kind="stable")
        return Columns(
            couples,
            pairs,
            pair_amounts,
            single,
            single_amounts,
            *_grouped(more_rows[order]),
            np.concatenate((self.more_ids[stays], ids[beyond].astype(planes.dtype)))[order],
            np.concatenate((self.more_amounts[stays], amounts[beyond]))[order],
        )

    def _listed(self) -> Indices:
        """The account of each position beyond the planes."""
        lengths = np.diff(np.append(self.more_starts, len(self.more_ids)))
        return np.repeat(self.more_rows, lengths)

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True, eq=False)
class PricedColumns:
    """One side at one set of prices: `couples` as pairs of prices, `more` per listed account."""

    columns: Columns
    prices: Floats
    couples: Complexes
    more: Floats

    def fill(self, begin: int, out: Floats, scratch: Floats) -> None:
        """Set `out` to the values of the accounts begin..begin+len(out); one NaN price spreads.

        `scratch` has room for twice as many floats.
        """
        columns, part = self.columns, slice(begin, begin + len(out))
        both, first = scratch[: 2 * len(out)].view(np.complex128), True
        for pair, amounts in zip(columns.pairs, columns.pair_amounts, strict=True):
            self.couples.take(pair[part], out=both, mode="wrap")  # the cheapest mode; all are in
            np.multiply(both, amounts[part], out=both)
            if first:
                np.copyto(out, both.real)
            else:
                np.add(out, both.real, out=out)
            first = False
        for ids, amounts in zip(columns.single, columns.single_amounts, strict=True):
            value = out if first else scratch[: len(out)]
            self.prices.take(ids[part], out=value, mode="wrap")
            np.multiply(value, amounts[part], out=value)
            if not first:
                np.add(out, value, out=out)
        if len(self.more):
            low, high = np.searchsorted(columns.more_rows, (begin, begin + len(out)))
            out[columns.more_rows[low:high] - begin] += self.more[low:high]


def freeze(*arrays: NDArray[Any]) -> None:
    """Make arrays read-only from now on."""
    for array in arrays:
        array.setflags(write=False)


def _dense(
    rows: Indices,
    ids: NDArray[np.integer],
    amounts: Floats,
    shape: tuple[int, int],
    assets: int,
) -> tuple[Ids, Floats, NDArray[np.bool_]]:
    """Planes of ids and of amounts, (width, accounts), and which positions lie beyond them."""
    width, accounts = shape
    counts = np.bincount(rows, minlength=accounts)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    planes = np.full(shape, assets, np.min_scalar_type(assets))
    weights = np.zeros(shape)
    beyond = place >= width
    place, rows = place[~beyond], rows[~beyond]
    planes[place, rows] = ids[~beyond]
    weights[place, rows] = amounts[~beyond]
    return planes, weights, beyond


def _joined(weights: Floats, even: int) -> Complexes:
    """The first `even` planes of amounts two by two, as `pair_amounts` has them."""
    joined = np.empty((even // 2, weights.shape[1]), np.complex128)
    joined.real, joined.imag = weights[:even:2], -weights[1:even:2]
    return joined


def _grouped(rows: Indices) -> tuple[Indices, Indices]:
    """The accounts of a sorted list, each once, and where each begins."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return rows[starts], starts


def _coupled(left: Ids, right: Ids, size: int) -> tuple[Indices, Ids]:
    """The couples of asset ids that occur, and for every pair of planes which couple it is."""
    keys = left.astype(np.intp) * size + right
    if size * size <= max(4096, keys.size):  # a table of all couples is cheaper than a sort
        used = np.flatnonzero(np.bincount(keys.ravel(), minlength=size * size))
        number = np.zeros(size * size, np.min_scalar_type(len(used)))
        number[used] = np.arange(len(used))
        return np.stack(np.divmod(used, size), axis=1), number[keys]
    used, found = np.unique(keys, return_inverse=True)
    kind = np.min_scalar_type(len(used))
    return np.stack(np.divmod(used, size), axis=1), found.reshape(keys.shape).astype(kind)


def _best_width(counts: NDArray[np.integer]) -> int:
    """The number of planes with the least cost; at least one."""
    sizes = np.bincount(counts) if len(counts) else np.zeros(1, np.intp)
    longest = np.arange(len(sizes))

    def cost(width: int) -> int:
        beyond = int((np.maximum(longest - width, 0) * sizes).sum())
        return len(counts) * width + _OVERFLOW_COST * beyond

    return min(range(1, max(2, len(sizes))), key=cost)
