"""One side of a book as columns: for each account up to `width` positions, the rest apart.

Most accounts hold few assets. So the first `width` positions of every account lie in dense planes,
padded with an amount of zero in a slot whose price is zero; the few positions beyond lie in a list
of their own. `width` is where planes and list together cost least.

Two planes make a pair: an account's two assets are one small number, and one look-up fetches both
prices. That halves the look-ups, which are the dearest part of a revaluation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bands import Floats, Indices

_OVERFLOW_COST = 4  # of a listed position, in units of a padded one

Ids = NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Weighted amounts of one side, read-only.

    Asset ids index a price vector whose last slot, the padding's, is 0. `pairs` is (width // 2,
    accounts) and says which row of `couples` (couples, 2) holds the two asset ids; its amounts are
    (width // 2, accounts, 2). An odd width has one `single` plane more, (1, accounts), else (0,
    accounts). The positions beyond are `more_ids`, `more_amounts`, grouped by account: group g
    belongs to account `more_rows[g]` and starts at `more_starts[g]`.
    """

    accounts: int
    couples: Indices
    pairs: Ids
    pair_amounts: Floats
    single: Ids
    single_amounts: Floats
    more_rows: Indices
    more_starts: Indices
    more_ids: Ids
    more_amounts: Floats

    @classmethod
    def of(
        cls, rows: Indices, ids: NDArray[np.integer], amounts: Floats, accounts: int, assets: int
    ) -> "Columns":
        """Build from a long table sorted by row: account, asset id (0..assets-1), amount."""
        counts = np.bincount(rows, minlength=accounts)
        width = _best_width(counts)
        starts = np.cumsum(counts) - counts
        place = np.arange(len(rows)) - np.repeat(starts, counts)
        kind = np.min_scalar_type(assets)
        planes = np.full((width, accounts), assets, kind)
        weights = np.zeros((width, accounts))
        dense = place < width
        planes[place[dense], rows[dense]] = ids[dense]
        weights[place[dense], rows[dense]] = amounts[dense]
        beyond = ~dense
        more_rows, more_starts = np.unique(rows[beyond], return_index=True)
        couples, pairs = _coupled(planes, assets)
        half = len(pairs)
        pair_amounts = np.empty((half, accounts, 2))
        pair_amounts[..., 0], pair_amounts[..., 1] = weights[: 2 * half : 2], weights[1::2][:half]
        columns = cls(
            accounts,
            couples,
            pairs,
            pair_amounts,
            planes[2 * half :].copy(),
            weights[2 * half :].copy(),
            more_rows,
            more_starts,
            ids[beyond].astype(kind),
            amounts[beyond],
        )
        columns._freeze()
        return columns

    @property
    def ids(self) -> Indices:
        """Asset ids as (width, accounts), padding included; made anew at each look."""
        coupled = np.moveaxis(self.couples[self.pairs], 2, 1).reshape(-1, self.accounts)
        return np.concatenate((coupled, self.single.astype(np.intp)))

    @property
    def amounts(self) -> Floats:
        """Weighted amounts as (width, accounts), zero in the padding; made anew at each look."""
        coupled = np.moveaxis(self.pair_amounts, 2, 1).reshape(-1, self.accounts)
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
        found = np.flatnonzero(self.more_ids == asset)
        group = np.searchsorted(self.more_starts, found, "right") - 1
        holds[self.more_rows[group]] = True

    def units(self, assets: int) -> Floats:
        """Counted units of each asset over all accounts."""
        total = np.bincount(self.more_ids, self.more_amounts, assets + 1).astype(float)
        for pair, amounts in zip(self.pairs, self.pair_amounts, strict=True):
            for hand in (0, 1):
                summed = np.bincount(pair, amounts[:, hand], len(self.couples))
                total += np.bincount(self.couples[:, hand], summed, assets + 1)
        for plane, amounts in zip(self.single, self.single_amounts, strict=True):
            total += np.bincount(plane, amounts, assets + 1)
        counted: Floats = total[:assets]
        return counted

    def table(self) -> tuple[Indices, Indices, Floats]:
        """Every position as a long table sorted by row: account, asset id, weighted amount."""
        ids, amounts = self.ids, self.amounts
        plane, row = np.nonzero(amounts)
        lengths = np.diff(np.append(self.more_starts, len(self.more_ids)))
        rows = np.concatenate((row, np.repeat(self.more_rows, lengths)))
        order = np.argsort(rows, kind="stable")
        found = np.concatenate((ids[plane, row], self.more_ids.astype(np.intp)))
        weighted = np.concatenate((amounts[plane, row], self.more_amounts))
        return rows[order], found[order], weighted[order]

    def take(self, rows: Indices) -> "Columns":
        """The columns of these accounts alone, in this order."""
        place = np.searchsorted(self.more_rows, rows)
        last = max(0, len(self.more_rows) - 1)
        has = np.zeros(len(rows), np.bool_)
        if len(self.more_rows):
            has = self.more_rows[np.minimum(place, last)] == rows
        ends = np.append(self.more_starts, len(self.more_ids))
        spans = [np.arange(ends[g], ends[g + 1]) for g in place[has]]
        starts = np.cumsum([0, *(len(span) for span in spans)])[:-1].astype(np.intp)
        wanted = np.concatenate(spans) if spans else np.empty(0, np.intp)
        columns = Columns(
            len(rows),
            self.couples,
            self.pairs[:, rows],
            self.pair_amounts[:, rows],
            self.single[:, rows],
            self.single_amounts[:, rows],
            np.flatnonzero(has),
            starts,
            self.more_ids[wanted],
            self.more_amounts[wanted],
        )
        columns._freeze()
        return columns

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return (
            self.couples,
            self.pairs,
            self.pair_amounts,
            self.single,
            self.single_amounts,
            self.more_rows,
            self.more_starts,
            self.more_ids,
            self.more_amounts,
        )

    def _freeze(self) -> None:
        freeze(*self._arrays())


@dataclass(frozen=True, slots=True, eq=False)
class PricedColumns:
    """One side at one set of prices: `couples` as pairs of prices, `more` per listed account."""

    columns: Columns
    prices: Floats
    couples: NDArray[np.complex128]
    more: Floats

    def fill(self, begin: int, out: Floats, scratch: Floats) -> None:
        """Set `out` to the values of the accounts begin..begin+len(out); one NaN price spreads.

        `scratch` has room for twice as many floats.
        """
        columns, part = self.columns, slice(begin, begin + len(out))
        both = scratch[: 2 * len(out)]
        first = True
        for pair, amounts in zip(columns.pairs, columns.pair_amounts, strict=True):
            self.couples.take(pair[part], out=both.view(np.complex128), mode="clip")
            two = both.reshape(-1, 2)
            np.multiply(two, amounts[part], out=two)
            if first:
                np.add(two[:, 0], two[:, 1], out=out)
            else:
                np.add(out, two[:, 0], out=out)
                np.add(out, two[:, 1], out=out)
            first = False
        for ids, amounts in zip(columns.single, columns.single_amounts, strict=True):
            value = out if first else scratch[: len(out)]
            self.prices.take(ids[part], out=value, mode="clip")
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


def _coupled(planes: Ids, assets: int) -> tuple[Indices, Ids]:
    """The couples of asset ids that occur, and for every pair of planes which couple it is."""
    size = assets + 1
    half = len(planes) // 2
    if not half:
        return np.empty((0, 2), np.intp), np.empty((0, planes.shape[1]), np.uint8)
    keys = planes[: 2 * half : 2].astype(np.intp) * size + planes[1::2][:half]
    if size * size <= max(4096, keys.size):  # a table of all couples is cheaper than a sort
        used = np.flatnonzero(np.bincount(keys.ravel(), minlength=size * size))
        number = np.zeros(size * size, np.intp)
        number[used] = np.arange(len(used))
        found = number[keys]
    else:
        used, found = np.unique(keys, return_inverse=True)
        found = found.reshape(keys.shape)
    couples = np.stack(np.divmod(used, size), axis=1)
    return couples, found.astype(np.min_scalar_type(len(used)))


def _best_width(counts: NDArray[np.integer]) -> int:
    """The number of planes with the least cost; at least one."""
    sizes = np.bincount(counts) if len(counts) else np.zeros(1, np.intp)
    longest = np.arange(len(sizes))

    def cost(width: int) -> int:
        beyond = int((np.maximum(longest - width, 0) * sizes).sum())
        return len(counts) * width + _OVERFLOW_COST * beyond

    return min(range(1, max(2, len(sizes))), key=cost)
