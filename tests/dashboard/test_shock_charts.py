"""The figures of a what-if: the bars add up, the map is the grid, hostile text stays text."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.grid import grid
from core.policy import Policy, Status
from core.portfolio import Portfolio
from dashboard import shock_charts
from dashboard.shock_charts import Fall
from dashboard.theme import DARK
from tests.support_runtime import sample_runtime

POLICY = Policy()


def shocked_grid() -> shock_charts.Grid:
    """An account over BTC and ETH, five by five."""
    scores = sample_runtime().scores
    assert scores is not None
    portfolio = Portfolio.of("a", {"BTC": "1", "ETH": "10"}, {"USDC": "90000"})
    moves = [Decimal(i) / 10 for i in (-4, -2, 0, 2, 4)]
    return grid(portfolio, scores.valuation.prices, POLICY, "ETH", "BTC", moves)


def test_every_bar_begins_where_the_one_before_ends() -> None:
    falls = [Fall("ETH \u221212 %", -9.0), Fall("repay", 4.0)]
    ends = (Status.MARGIN_CALL, Status.MARGIN_CALL)
    figure = shock_charts.waterfall(27.0, 22.0, falls, ends, POLICY, DARK)
    (bars,) = figure.data
    assert list(bars.base) == [0.0, 27.0, 18.0, 0.0]
    assert list(bars.y) == [27.0, -9.0, 4.0, 22.0]
    shown = [note.text for note in figure.layout.annotations if note.text]
    assert shown == ["27.00", "\u22129.00", "+4.00", "22.00"]


def test_the_map_says_of_each_cell_what_the_grid_says() -> None:
    found = shocked_grid()
    figure = shock_charts.shock_map(found, (-20.0, 0.0), POLICY, DARK)
    heat = figure.data[0]
    for i in range(5):
        for j in range(5):
            assert int(heat.z[j][i]) == found.status[i, j]
    assert "ETH \u221240 %, BTC \u221240 %" in heat.text[0][0]
    assert heat.text[0][0].endswith("LIQUIDATION")


def test_the_ring_is_now_and_the_square_is_this_scenario() -> None:
    marks = shock_charts.shock_map(shocked_grid(), (-20.0, 10.0), POLICY, DARK).data[1:]
    assert [(m.marker.symbol, m.x[0], m.y[0]) for m in marks] == [
        ("circle-open", 0.0, 0.0),
        ("square-open", -20.0, 10.0),
    ]
    assert len(shock_charts.shock_map(shocked_grid(), (0.0, 0.0), POLICY, DARK).data) == 2


def test_text_that_plotly_would_read_as_markup_is_escaped() -> None:
    evil = '<a href="http://evil.example">x</a>'
    found = replace(shocked_grid(), asset_a=evil)
    figure = shock_charts.shock_map(found, (0.0, 0.0), POLICY, DARK)
    assert "<a" not in figure.to_json().replace("\\u003c", "<")
    falls = [Fall(evil, -1.0)]
    ends = (Status.WARNING, Status.WARNING)
    figure = shock_charts.waterfall(31.0, 30.0, falls, ends, POLICY, DARK)
    assert "<a" not in figure.to_json().replace("\\u003c", "<")


@pytest.mark.parametrize(
    ("share", "colour"), [(1.0, "#FFFFFF"), (0.0, "#000000"), (0.5, "#808080")]
)
def test_colours_are_mixed_over_the_ground(share: float, colour: str) -> None:
    assert shock_charts.mixed("#FFFFFF", "#000000", share) == colour
