"""One side of a book as columns: for each account up to `width` positions, the rest apart.

Most accounts hold few assets. So the first `width` positions of every account lie in dense planes,
padded with an amount of zero in a slot whose price is zero; the few positions beyond lie in a list
of their own. `width` is where planes and list together cost least.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bands import Floats, Indices

_OVERFLOW_COST = 4  # of a listed position, in units of a padded one


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Weighted amounts of one side, read-only; `ids` index a price vector whose last slot is 0.

    `ids` and `amounts` are (width, accounts); the positions beyond are `more_ids`, `more_amounts`,
    grouped by account: group g belongs to account `more_rows[g]` and starts at `more_starts[g]`.
    """

    ids: NDArray[np.unsignedinteger]
    amounts: Floats
    more_rows: Indices
    more_starts: Indices
    more_ids: NDArray[np.unsignedinteger]
    more_amounts: Floats

    @classmethod
    def of(
        cls, rows: Indices, ids: NDArray[np.integer], amounts: Floats, accounts: int, assets: int
    ) -> "Columns":
        """Build from a long table sorted by row: account, asset id (0..assets-1), amount."""
        counts = np.bincount(rows, minlength=accounts)
        width = _best_width(counts)
        starts = np.concatenate(([0], np.cumsum(counts)))[:-1]
        place = np.arange(len(rows)) - starts[rows]
        kind = np.min_scalar_type(assets)
        planes = np.full((width, accounts), assets, kind)
        weights = np.zeros((width, accounts))
        dense = place < width
        planes[place[dense], rows[dense]] = ids[dense]
        weights[place[dense], rows[dense]] = amounts[dense]
        more_rows, more_starts = np.unique(rows[~dense], return_index=True)
        more_ids, more_amounts = ids[~dense].astype(kind), amounts[~dense]
        freeze(planes, weights, more_rows, more_starts, more_ids, more_amounts)
        return cls(planes, weights, more_rows, more_starts, more_ids, more_amounts)

    def more(self, prices: Floats) -> Floats:
        """The value, per account of `more_rows`, of the positions beyond the planes."""
        if not len(self.more_rows):
            return np.empty(0)
        return np.add.reduceat(self.more_amounts * prices[self.more_ids], self.more_starts)

    def fill(self, prices: Floats, more: Floats, begin: int, out: Floats, scratch: Floats) -> None:
        """Set `out` to the values of the accounts begin..begin+len(out); one NaN price spreads."""
        end = begin + len(out)
        for plane, (ids, amounts) in enumerate(zip(self.ids, self.amounts, strict=True)):
            value = out if plane == 0 else scratch[: len(out)]
            prices.take(ids[begin:end], out=value, mode="clip")
            np.multiply(value, amounts[begin:end], out=value)
            if plane:
                np.add(out, value, out=out)
        if len(more):
            low, high = np.searchsorted(self.more_rows, (begin, end))
            out[self.more_rows[low:high] - begin] += more[low:high]

    def mark(self, asset: int, holds: NDArray[np.bool_]) -> None:
        """Set `holds` for every account that has this asset id on this side."""
        for plane in self.ids:
            holds |= plane == asset
        found = np.flatnonzero(self.more_ids == asset)
        group = np.searchsorted(self.more_starts, found, "right") - 1
        holds[self.more_rows[group]] = True


def freeze(*arrays: NDArray[Any]) -> None:
    """Make arrays read-only from now on."""
    for array in arrays:
        array.setflags(write=False)


def _best_width(counts: NDArray[np.integer]) -> int:
    """The number of planes with the least cost; at least one."""
    sizes = np.bincount(counts) if len(counts) else np.zeros(1, np.intp)
    longest = np.arange(len(sizes))

    def cost(width: int) -> int:
        beyond = int((np.maximum(longest - width, 0) * sizes).sum())
        return len(counts) * width + _OVERFLOW_COST * beyond

    return min(range(1, max(2, len(sizes))), key=cost)
