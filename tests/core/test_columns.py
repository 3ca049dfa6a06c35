"""Columns and the table of positions: what goes in comes out again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.columns import Columns
from core.errors import FieldError
from core.position_table import PositionTable


def test_a_table_out_of_order_is_refused() -> None:
    with pytest.raises(FieldError, match="rows"):
        PositionTable(
            ("ann", "bob"),
            ("ETH",),
            (0,),
            np.array([1, 0]),
            np.array([0, 0]),
            np.array([False, False]),
            np.array([1, 1]),
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(0, 8), st.integers(1, 9), max_size=7), max_size=15),
    st.data(),
)
def test_columns_give_back_the_table_they_were_made_of(
    positions: list, data: st.DataObject
) -> None:
    rows = [row for row, held in enumerate(positions) for _ in held]
    ids = [asset for held in positions for asset in held]
    amounts = [float(n) for held in positions for n in held.values()]
    columns = Columns.of(
        np.array(rows, np.intp), np.array(ids, np.intp), np.array(amounts), len(positions), 9
    )
    assert as_dicts(columns, len(positions)) == positions
    order = data.draw(st.permutations(range(len(positions))))[: len(positions) // 2 + 1]
    taken = columns.take(np.array(order, np.intp))
    assert as_dicts(taken, len(order)) == [positions[i] for i in order]
    units = columns.units(9)
    assert list(units) == [sum(held.get(a, 0) for held in positions) for a in range(9)]


def as_dicts(columns: Columns, accounts: int) -> list[dict[int, float]]:
    held: list[dict[int, float]] = [{} for _ in range(accounts)]
    for row, asset, amount in zip(*columns.table(), strict=True):
        held[row][int(asset)] = amount
    return held
