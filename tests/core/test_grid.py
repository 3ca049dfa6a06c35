"""Every cell of a grid is the exact assessment of the account at the shocked prices."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bands import STATUS_ORDER
from core.edits import Shock
from core.errors import FieldError
from core.grid import Axis, grid
from core.margin import assess
from core.policy import Status
from core.portfolio import Portfolio
from tests.core.books import ASSETS, books, prices_of, sides
from tests.core.samples import POLICY, snapshot

shocks = st.lists(
    st.one_of(
        st.decimals("-0.99", 3, places=3),
        st.sampled_from([Decimal(0), Decimal("-0.2"), Decimal("0.15"), Decimal("0.3")]),
    ),
    max_size=5,
)
pairs = st.permutations(ASSETS).map(lambda assets: assets[:2])


@settings(max_examples=120, deadline=None)
@given(books(), sides, sides, pairs, shocks, shocks)
def test_a_grid_is_the_loop_of_exact_assessments(
    case: tuple, held: dict, owed: dict, pair: list, moves_a: list, moves_b: list
) -> None:
    portfolios, prices, policy = case
    a, b = pair
    for portfolio in [Portfolio.of("free", held, owed), *portfolios[-3:]]:
        found = grid(portfolio, prices, policy, a, b, moves_a, moves_b)
        for i, move_a in enumerate(moves_a):
            for j, move_b in enumerate(moves_b):
                shocked = Shock(b, move_b).on(Shock(a, move_a).on((portfolio, prices)))
                exact = assess(*shocked, policy)
                assert STATUS_ORDER[found.status[i, j]] is exact.status
                if exact.score is None:
                    assert np.isnan(found.score[i, j])
                else:
                    error = 1e-9 * max(1.0, abs(float(exact.score)))
                    assert abs(found.score[i, j] - float(exact.score)) <= error


@given(prices_of)
@settings(max_examples=20, deadline=None)
def test_a_cell_exactly_on_a_threshold_is_on_its_upper_side(prices: dict) -> None:
    held = 100 * prices["USDC"]
    account = Portfolio.of("ann", {"ETH": held}, {"USDC": 100 * prices["ETH"]})
    found = grid(
        account, snapshot(prices), POLICY, "ETH", "BTC", ["0.5", "0.3", "0.15", "0.1499999"], [0]
    )
    assert [STATUS_ORDER[code] for code in found.status[:, 0]] == [
        Status.HEALTHY,
        Status.WARNING,
        Status.MARGIN_CALL,
        Status.LIQUIDATION,
    ]


def test_an_axis_checked_once_gives_the_same_grid() -> None:
    account = Portfolio.of("ann", {"ETH": 2, "BTC": 1}, {"USDC": 100})
    prices = snapshot({"ETH": 40, "BTC": 60, "USDC": 1})
    axis = Axis.of(["-0.1", 0, "0.1"])
    one = grid(account, prices, POLICY, "ETH", "BTC", axis)
    two = grid(account, prices, POLICY, "ETH", "BTC", ["-0.1", 0, "0.1"])
    assert one.score.tolist() == two.score.tolist()
    assert one.score[:, 1] == pytest.approx([32, 40, 48])
    assert (one.shocks_a, one.shocks_b) == (axis.moves, axis.moves)


def test_a_move_by_all_it_is_worth_is_refused_by_its_place() -> None:
    account = Portfolio.of("ann", {"ETH": 2}, {"USDC": 100})
    with pytest.raises(FieldError, match=r"shocks_a\.1"):
        grid(account, snapshot({"ETH": 1, "USDC": 1}), POLICY, "ETH", "BTC", [0, -1])
    with pytest.raises(FieldError, match="another asset"):
        grid(account, snapshot({"ETH": 1, "USDC": 1}), POLICY, "ETH", "eth", [0])
