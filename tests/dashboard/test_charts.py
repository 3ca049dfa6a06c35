"""The price chart: plain JSON, nothing animated, no status colour, no line across a gap."""

import json

import pytest

from dashboard import charts, series
from dashboard.charts import Mark
from dashboard.theme import DARK, LIGHT, Palette

POINTS = [(0, 100.0), (30_000, 101.0), (120_000, 99.0), (150_000, 98.5)]


def option(palette: Palette = DARK, marks: tuple[Mark, ...] = ()) -> charts.Option:
    """A chart with one gap, 30 s to 120 s."""
    holes = series.gaps(POINTS, 30_000)
    return charts.price_line(
        POINTS, holes, marks, asset="ETH", begin=0, end=150_000, palette=palette
    )


def test_the_line_is_cut_at_the_gap_and_the_gap_is_a_named_block() -> None:
    found = option()
    assert [[x for x, _ in line["data"]] for line in found["series"]] == [
        [0, 30_000],
        [120_000, 150_000],
    ]
    (block,) = found["series"][0]["markArea"]["data"]
    assert block[0] == {"xAxis": 30_000, "name": "no data\n1 min 30 s"}
    assert block[1] == {"xAxis": 120_000}


def test_the_newest_price_is_named_at_its_point() -> None:
    mark = option()["series"][-1]["markPoint"]
    assert mark["data"] == [{"coord": [150_000, 98.5]}]
    assert mark["label"]["formatter"] == "98.500"


def test_marks_outside_the_window_are_left_out() -> None:
    marks = (Mark(-1, "before"), Mark(60_000, "jump"), Mark(150_001, "after"))
    lines = option(marks=marks)["series"][0]["markLine"]["data"]
    assert [line["label"]["formatter"] for line in lines] == ["▲ jump"]


def test_it_is_plain_json_and_stands_still() -> None:
    found = option()
    assert found["animation"] is False
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_no_price_is_drawn_in_the_colour_of_a_status(palette: Palette) -> None:
    status = {
        palette.ok,
        palette.ok_fill,
        palette.call,
        palette.call_fill,
        palette.liq,
        palette.liq_fill,
    }
    for line in option(palette)["series"]:
        assert line["lineStyle"]["color"] not in status


def test_without_any_point_there_is_a_chart_all_the_same() -> None:
    found = charts.price_line((), (), (), asset="ETH", begin=0, end=1, palette=DARK)
    assert found["series"][0]["data"] == []
