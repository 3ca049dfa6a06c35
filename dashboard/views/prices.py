"""Prices: every asset with its age, the chosen one over time, the ticks that came and did not."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from consumers.picture import Picture
from core.staleness import FLOOR
from dashboard import cells, charts, components, frames, series
from dashboard.cells import Board, Column, Row
from dashboard.format import DASH, ages, clock, epoch_ms, moment, percent, plural, span
from dashboard.series import Points
from dashboard.views import prices_table as table

if TYPE_CHECKING:
    from consumers.runtime import Runtime

EVERY_S = 2.0
DAY = timedelta(hours=24)
FINE = {"15 min": timedelta(minutes=15), "1 h": timedelta(hours=1), "24 h": DAY}
COARSE = {"24 h": DAY, "3 d": timedelta(days=3), "10 d": timedelta(days=10)}
MOST = 700  # points on the chart: about one to a pixel
ASSET, WINDOW = "asset", "window"


def render() -> None:
    """The page."""
    if components.running() is not None:
        _live()


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    runtime = components.running()
    if runtime is None:
        return
    picture = runtime.picture()
    exposures = frames.exposures(picture.scores, picture.prices)
    names = sorted({*picture.prices.assets, *exposures})
    histories = {name: runtime.price_history(name, DAY) for name in names}
    quotes = table.quotes(picture, histories, exposures)
    chosen = _chosen([quote.asset for quote in quotes])
    _table(picture, quotes, chosen)
    if chosen is None:
        return
    left, right = st.columns([62, 38], gap="small")
    with left:
        _chart(runtime, picture, chosen, names)
    with right:
        _arrivals(runtime, picture, quotes)
        _flagged(picture)


def _chosen(names: list[str]) -> str | None:
    """The asset of the URL or of the last pick, else the one with the most collateral."""
    held = st.session_state.get(ASSET)
    if held not in names:
        asked = st.query_params.get(ASSET)
        held = asked if asked in names else (names[0] if names else None)
    return held


def _table(picture: Picture, quotes: list[table.Quote], chosen: str | None) -> None:
    market = picture.prices.market
    now = market.now(picture.at)
    lost = components.cut_off(picture)
    end = [cells.text(table.counted(quotes))]
    if market.replay:
        words = "replay ended" if market.ended else f"replay, {market.speed:,.0f} s a second"
        end = [cells.text(f"{words}, market time {moment(now, picture.at)} UTC")]
    if lost:
        end = [cells.state("STALE", shown=lost)]
    say = None
    if not quotes:
        say = components.waiting(
            "No price has come yet.", "The feed of market.prices.v1 is open; this is expected."
        )
    components.board(
        "prices-table",
        Board(
            title="Prices",
            sub="age by the producer's time, ticks on the bar where it turns late and stale",
            end=end,
            columns=table.columns(table.trend_of(quotes)),
            rows=table.rows(quotes, chosen, now),
            say=say,
            look="stale" if lost else "",
            alt="Live prices with their ages",
            now=picture.at,
            market=now,
            speed=0.0 if market.ended else market.speed,
        ),
        picked=ASSET,
    )


def _chart(runtime: "Runtime", picture: Picture, asset: str, names: list[str]) -> None:
    held = picture.prices.assets.get(asset)
    cadence = held.cadence if held is not None else picture.settings.cadence
    windows = FINE if cadence <= timedelta(minutes=5) else COARSE
    with st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.session_state[ASSET] = asset
            st.selectbox(
                "Asset",
                names,
                key=ASSET,
                bind="query-params",
                label_visibility="collapsed",
                width=140,
            )
            summary = st.empty()
            st.space("stretch")
            st.segmented_control(
                "Window",
                list(windows),
                default=list(windows)[1],
                required=True,
                key=f"{WINDOW}-{len(windows)}-{list(windows)[1]}",
                label_visibility="collapsed",
            )
        name = st.session_state.get(f"{WINDOW}-{len(windows)}-{list(windows)[1]}")
        length = windows.get(name or "", list(windows.values())[1])
        points = runtime.price_history(asset, length)
        _draw(picture, asset, points, length, cadence)
        summary.caption(_summary(points, length))


def _summary(points: Points, length: timedelta) -> str:
    if not points:
        return "no price yet"
    prices = [value for _, value in points]
    high, low = charts.price_text(max(prices)), charts.price_text(min(prices))
    return f"last {span(length)}, high {high}, low {low} USD"


def _draw(
    picture: Picture, asset: str, points: Points, length: timedelta, cadence: timedelta
) -> None:
    market = picture.prices.market
    end = epoch_ms(market.now(picture.at))
    begin = end - table.epoch_delta(length)
    shown = series.thinned(series.since(points, begin), MOST)
    if not shown:
        components.board(
            "prices-none",
            Board(
                say=components.waiting(
                    f"No price of {asset} in the last {span(length)}.",
                    "It is not zero and not unchanged; nothing is known.",
                ),
                bare=True,
                now=picture.at,
            ),
        )
        return
    begin = max(begin, shown[0][0])
    heartbeat = table.epoch_delta(max(cadence, FLOOR / 2))
    marks = [
        charts.Mark(_market_ms(picture, flag.at), flag.what)
        for flag in picture.prices.flags[:20]
        if flag.asset == asset
    ]
    st.echarts_chart(
        charts.price_line(
            shown,
            series.gaps(shown, heartbeat, end),
            marks[:3],
            asset=asset,
            begin=begin,
            end=max(end, begin + 1),
            palette=components.colours(),
        ),
        height=390,
        key="prices-chart",
        alt=f"Price of {asset}, last {span(length)}",
    )


def _market_ms(picture: Picture, at: datetime) -> int:
    """A moment of ours on the market's clock."""
    market = picture.prices.market
    if not market.replay or market.as_of is None or market.seen_at is None:
        return epoch_ms(at)
    return epoch_ms(market.as_of - (market.seen_at - at) * market.speed)


def _arrivals(runtime: "Runtime", picture: Picture, quotes: list[table.Quote]) -> None:
    """Received of expected in 24 bins, over the longest window that is kept tick by tick."""
    market = picture.prices.market
    end = epoch_ms(market.now(picture.at))
    known = [quote.held for quote in quotes if quote.held is not None]
    slowest = max((held.cadence for held in known), default=picture.settings.cadence)
    quickest = min((held.cadence for held in known), default=picture.settings.cadence)
    length = next(
        (w for w in (DAY, timedelta(hours=1), timedelta(minutes=15)) if w / quickest <= 1_900),
        timedelta(minutes=1),
    )
    length = max(length, slowest * 24)
    begin = end - table.epoch_delta(length)
    found = []
    for quote in quotes:
        if quote.held is None:
            continue
        points = runtime.price_history(quote.asset, length)
        cadence = table.epoch_delta(quote.held.cadence)
        came = series.arrival(points, begin, end, cadence)
        share = came.share
        words = DASH if share is None else percent(_floor(share), 1, plus=False)
        quiet = "t2" if share is not None and share >= 0.9995 else ""
        found.append(Row([quote.asset, cells.bins(came.bins), cells.text(words, quiet)]))
    components.board(
        "prices-arrivals",
        Board(
            title="Ticks that arrived",
            sub=f"last {span(length)}, {span(length / 24)} a bar, full is 100 %",
            columns=(Column(None, "", "60px"), Column(None), Column(None, "r", "70px")),
            rows=found,
            say=None if found else components.waiting("No tick has come yet."),
            dense=True,
            alt="Ticks received of ticks expected",
            now=picture.at,
        ),
    )


def _floor(share: float) -> float:
    """Percent to one place, downwards: 99.99 % is not all."""
    return int(share * 1000) / 10


def _flagged(picture: Picture) -> None:
    rows = table.flagged(picture.prices.flags, picture.at)
    quiet = components.quiet(
        "No odd tick.",
        f"Watched since {clock(picture.started_at)}, {ages(picture.uptime)} ago: jumps, "
        "standstill, time going back, contradicting attributes.",
    )
    components.board(
        "prices-flagged",
        Board(
            title="Flagged ticks",
            sub="newest first, with what was kept",
            end=[cells.text(f"{plural(len(rows), 'flag')} in {picture.prices.messages:,} ticks")],
            columns=(Column(None, "", "70px"), Column(None), Column(None, "r")),
            rows=rows,
            say=None if rows else quiet,
            alt="Flagged ticks",
            now=picture.at,
        ),
    )


if __name__ == "__main__":  # as Streamlit runs a page
    render()
