"""Values to figures: ECharts options for live pages, where they redraw every two seconds.

Nothing is animated, no series wears a status colour, and every option is plain JSON: ECharts draws
text as text, whoever wrote it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from core.wording import ages
from dashboard.format import price
from dashboard.series import Gap, Points, runs
from dashboard.theme import Palette

Option = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line across the chart, epoch ms of the market's time."""

    at: int
    words: str


def price_line(
    points: Points,
    holes: Sequence[Gap],
    marks: Sequence[Mark],
    *,
    asset: str,
    begin: int,
    end: int,
    palette: Palette,
) -> Option:
    """One asset's price over market time: gaps as blocks that no line crosses, flags as marks."""
    series = [_run(piece, asset, palette) for piece in runs(points, holes)] or [
        _run((), asset, palette)
    ]
    if points:
        series[-1]["markPoint"] = _newest(points[-1], palette)
    series[0]["markArea"] = _blocks(holes, palette)
    series[0]["markLine"] = _flags([m for m in marks if begin <= m.at <= end], palette)
    return {
        "animation": False,
        "grid": {"left": 8, "right": 84, "top": 26, "bottom": 26},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"lineStyle": {"color": palette.tx3}},
            "backgroundColor": palette.raised,
            "borderColor": palette.line2,
            "textStyle": {"color": palette.tx, "fontSize": 12},
        },
        "xAxis": {
            "type": "time",
            "min": begin,
            "max": end,
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "axisLabel": {
                "color": palette.tx3,
                "fontSize": 11,
                "hideOverlap": True,
                "formatter": _time_labels(end - begin),
            },
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "position": "right",
            "scale": True,
            "splitNumber": 4,
            "axisLabel": {"color": palette.tx3, "fontSize": 11},
            "splitLine": {"lineStyle": {"color": palette.line}},
        },
        "useUTC": True,
        "series": series,
    }


def _run(piece: Points, asset: str, palette: Palette) -> Option:
    return {
        "type": "line",
        "name": asset,
        "data": [[at, value] for at, value in piece],
        "showSymbol": len(piece) == 1,
        "symbolSize": 4,
        "lineStyle": {"color": palette.chart, "width": 1.6},
        "itemStyle": {"color": palette.chart},
        "emphasis": {"disabled": True},
    }


def _newest(point: tuple[int, float], palette: Palette) -> Option:
    label = price_text(point[1])
    return {
        "symbol": "circle",
        "symbolSize": 6,
        "silent": True,
        "itemStyle": {"color": palette.chart},
        "label": {
            "show": True,
            "position": "right",
            "distance": 4,
            "formatter": label,
            "color": palette.bg,
            "backgroundColor": palette.chart,
            "borderRadius": 2,
            "padding": [4, 6],
            "fontWeight": 600,
            "fontSize": 11,
        },
        "data": [{"coord": list(point)}],
    }


def _blocks(holes: Sequence[Gap], palette: Palette) -> Option:
    return {
        "silent": True,
        "itemStyle": {"color": palette.raised},
        "label": {
            "show": True,
            "position": "insideTop",
            "color": palette.tx3,
            "fontSize": 11,
            "lineHeight": 13,
        },
        "data": [
            [{"xAxis": hole.begin, "name": f"no data\n{ages(hole.length)}"}, {"xAxis": hole.end}]
            for hole in holes
        ],
    }


def _flags(marks: Sequence[Mark], palette: Palette) -> Option:
    newest = max((mark.at for mark in marks), default=0)
    return {
        "silent": True,
        "symbol": ["none", "none"],
        "lineStyle": {"color": palette.warn_fill, "type": "dashed", "width": 1},
        "label": {"color": palette.warn, "fontSize": 11, "position": "end"},
        "data": [
            {"xAxis": m.at, "label": {"formatter": f"▲ {m.words}" if m.at == newest else "▲"}}
            for m in marks
        ],
    }


def _time_labels(length: int) -> str | Mapping[str, str]:
    if length > timedelta(days=2) / timedelta(milliseconds=1):
        return {"month": "{d} {MMM}", "day": "{d} {MMM}", "hour": "{HH}:{mm}"}
    return "{HH}:{mm}:{ss}" if length < 5 * 60_000 else "{HH}:{mm}"


def price_text(value: float) -> str:
    """A price out of a float series, as the table writes it."""
    return price(Decimal(repr(value)))
