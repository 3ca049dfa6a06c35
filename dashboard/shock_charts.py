"""The figures of a what-if: what moved the score, and the map of two assets. Plotly, no Streamlit.

They stand still, so that their hover and their exact shapes are worth the heavier library. Plotly
reads some HTML in its texts, so every text that is not ours is escaped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from core.bands import STATUS_ORDER
from core.grid import Grid
from core.policy import Policy, Status
from dashboard.format import MINUS, percent, signed
from dashboard.theme import Palette

BANDS = (Status.LIQUIDATION, Status.MARGIN_CALL, Status.WARNING, Status.HEALTHY)
QUIET = {"displayModeBar": False, "staticPlot": False, "scrollZoom": False}


@dataclass(frozen=True, slots=True)
class Fall:
    """One bar of a waterfall: what happened and by how many points the score moved."""

    words: str
    points: float


def waterfall(
    before: float,
    after: float,
    falls: Sequence[Fall],
    ends: tuple[Status, Status],
    policy: Policy,
    palette: Palette,
) -> go.Figure:
    """From the score before to the one after, in the stated order, thresholds dashed."""
    names = ["Before", *(escape(fall.words) for fall in falls), "After"]
    heights = [before, *(fall.points for fall in falls), after]
    bases, top = [0.0], before
    for fall in falls:
        bases.append(top)
        top += fall.points
    bases.append(0.0)
    inks = [
        palette.fill(ends[0]),
        *(palette.chart if fall.points > 0 else palette.chart2 for fall in falls),
        palette.fill(ends[1]),
    ]
    words = [
        _score(before),
        *(signed(fall.points, 2, plus=True) for fall in falls),
        _score(after),
    ]
    figure = go.Figure(
        go.Bar(
            x=list(range(len(names))),
            y=heights,
            base=bases,
            marker={"color": inks, "cornerradius": 2, "line": {"width": 0}},
            width=0.82,
            hoverinfo="skip",
        )
    )
    levels = [max(base, base + height) for base, height in zip(bases, heights, strict=True)]
    for x, (level, text) in enumerate(zip(levels, words, strict=True)):
        figure.add_annotation(
            x=x,
            y=level,
            text=text,
            showarrow=False,
            yshift=9,
            font={"size": 11, "color": palette.tx},
        )
    low, high = min(0.0, *levels, *bases), max(*levels, *bases)
    room = (high - low or 1.0) * 0.12
    for bound, status in _bounds(policy):
        if low - room < bound < high + 3 * room:
            figure.add_hline(
                y=bound,
                line={"color": palette.fill(status), "width": 1, "dash": "dash"},
                layer="below",
            )
    figure.add_shape(
        type="rect",
        x0=len(names) - 1.41,
        x1=len(names) - 0.59,
        y0=0,
        y1=after,
        line={"color": palette.hypothetical, "width": 1.5, "dash": "dash"},
    )
    _plain(figure, palette, height=262)
    figure.update_xaxes(tickvals=list(range(len(names))), ticktext=names, tickangle=0)
    figure.update_yaxes(
        range=[low - room / 2, high + 1.6 * room],
        tickvals=[float(bound) for bound, _ in _bounds(policy)],
        ticktext=[f"{bound:g}" for bound, _ in _bounds(policy)],
    )
    return figure


def shock_map(grid: Grid, here: tuple[float, float], policy: Policy, palette: Palette) -> go.Figure:
    """Bands over two shocks in percent: ring = now, square = this scenario (`here`, a then b)."""
    a = [float(move) * 100 for move in grid.shocks_a]
    b = [float(move) * 100 for move in grid.shocks_b]
    depths = [[_depth(grid, i, j, policy) for i in range(len(a))] for j in range(len(b))]
    texts = [[_cell(grid, i, j) for i in range(len(a))] for j in range(len(b))]
    figure = go.Figure(
        go.Heatmap(
            x=a,
            y=b,
            z=depths,
            zmin=0,
            zmax=4,
            xgap=1,
            ygap=1,
            text=texts,
            hovertemplate="%{text}<extra></extra>",
            colorscale=_colours(palette),
            showscale=False,
        )
    )
    figure.add_shape(
        type="path",
        path=" ".join(_edges(grid, a, b)) or "M0 0",
        line={"color": palette.bg, "width": 3},
    )
    figure.add_trace(_mark(0.0, 0.0, "circle-open", "now", palette))
    if any(here):
        figure.add_trace(_mark(*here, "square-open", "this scenario", palette))
    _plain(figure, palette, height=400)
    half = (a[1] - a[0]) / 2
    for axis, values, asset in (("x", a, grid.asset_a), ("y", b, grid.asset_b)):
        ticks = [values[0], values[0] / 2, 0.0, values[-1] / 2, values[-1]]
        figure.update_layout(
            {
                f"{axis}axis": {
                    "title": {"text": f"{escape(asset)}, %", "font": {"size": 11}},
                    "tickvals": ticks,
                    "ticktext": [signed(tick, 0, plus=True) for tick in ticks],
                    "range": [values[0] - half, values[-1] + half],
                    "showgrid": False,
                }
            }
        )
    return figure


def _mark(x: float, y: float, symbol: str, words: str, palette: Palette) -> go.Scatter:
    size = 9 if symbol.startswith("circle") else 17
    return go.Scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker={"symbol": symbol, "size": size, "color": "#FFFFFF", "line": {"width": 2}},
        hovertemplate=f"{words}<extra></extra>",
        showlegend=False,
    )


def _depth(grid: Grid, i: int, j: int, policy: Policy) -> float | None:
    """0..4: the band, and how far up in it; None where there is no score."""
    code = int(grid.status[i, j])
    if code >= len(BANDS):
        return None
    bounds = [float(bound) for bound in reversed(policy.thresholds())]
    edges = [bounds[0] - 40.0, *bounds, bounds[-1] + 40.0]
    low, high = edges[code], edges[code + 1]
    return code + min(0.98, max(0.02, (float(grid.score[i, j]) - low) / (high - low)))


def _cell(grid: Grid, i: int, j: int) -> str:
    a, b = float(grid.shocks_a[i]) * 100, float(grid.shocks_b[j]) * 100
    status = STATUS_ORDER[int(grid.status[i, j])]
    score = "" if status not in BANDS else f"{_score(float(grid.score[i, j]))} % "
    return (
        f"{escape(grid.asset_a)} {percent(a, 0)}, {escape(grid.asset_b)} {percent(b, 0)}: "
        f"{score}{status.value}"
    )


def _edges(grid: Grid, a: Sequence[float], b: Sequence[float]) -> Iterator[str]:
    """Line pieces between neighbours of different status."""
    half_a, half_b = (a[1] - a[0]) / 2, (b[1] - b[0]) / 2
    for i in range(len(a)):
        for j in range(len(b)):
            status = grid.status[i, j]
            if i + 1 < len(a) and status != grid.status[i + 1, j]:
                yield f"M{a[i] + half_a} {b[j] - half_b}L{a[i] + half_a} {b[j] + half_b}"
            if j + 1 < len(b) and status != grid.status[i, j + 1]:
                yield f"M{a[i] - half_a} {b[j] + half_b}L{a[i] + half_a} {b[j] + half_b}"


def _colours(palette: Palette) -> list[list[Any]]:
    """Each band in its own colour, a little deeper the further up or down it lies."""
    scale: list[list[Any]] = []
    for number, status in enumerate(BANDS):
        ink = palette.fill(status)
        deep, light = (0.92, 0.74) if status is not Status.HEALTHY else (0.7, 0.95)
        scale.append([number / 4, mixed(ink, palette.bg, deep)])
        scale.append([(number + 0.9999) / 4, mixed(ink, palette.bg, light)])
    scale[-1][0] = 1.0
    return scale


def mixed(ink: str, ground: str, share: float) -> str:
    """`share` of one `#RRGGBB` over another."""
    pairs = [(int(ink[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * x + (1 - share) * y):02X}" for x, y in pairs)


def _bounds(policy: Policy) -> list[tuple[float, Status]]:
    names = (Status.HEALTHY, Status.WARNING, Status.LIQUIDATION)
    return [(float(t), name) for t, name in zip(policy.thresholds(), names, strict=True)]


def _score(value: float) -> str:
    """Floored to two places, with a true minus."""
    cut = int(abs(value) * 100 + (0 if value >= 0 else 0.999999)) / 100
    return f"{MINUS if value < 0 and cut else ''}{cut:.2f}"


def _plain(figure: go.Figure, palette: Palette, *, height: int) -> None:
    figure.update_layout(
        height=height,
        margin={"l": 34, "r": 8, "t": 8, "b": 34},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        transition_duration=0,
        dragmode=False,
        font={"family": "IBM Plex Sans, sans-serif", "size": 11, "color": palette.tx2},
        hoverlabel={"bgcolor": palette.raised, "font": {"color": palette.tx, "size": 12}},
    )
    figure.update_xaxes(showgrid=False, zeroline=False, fixedrange=True, color=palette.tx3)
    figure.update_yaxes(showgrid=False, zeroline=False, fixedrange=True, color=palette.tx3)
