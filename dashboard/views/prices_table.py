"""The rows of the Prices page: one asset each, with its age, its past hour and who rests on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from consumers.picture import Picture
from consumers.stores.values import AssetPrice, Flag
from core.staleness import Freshness, Limits, judge, limits
from dashboard import cells
from dashboard.cells import Cell, Column, Row
from dashboard.format import DASH, change, clock_ms, epoch_ms, milliseconds, plural, price, span
from dashboard.frames import Exposure
from dashboard.series import Points, unit, value_at

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
TREND = 24  # heartbeats that a sparkline shows at least


def columns(trend: timedelta) -> tuple[Column, ...]:
    """The headings; sparklines reach back `trend` at most."""
    return (
        Column("Asset"),
        Column("State"),
        Column("Price, USD", "r"),
        Column("1 h", "r t2"),
        Column("24 h", "r t2"),
        Column(f"Up to {span(trend)}", "gap"),
        Column("Age", "r"),
        Column("Age against heartbeat", "gap"),
        Column("Published, UTC", "r"),
        Column("Transit", "r"),
        Column("Flags", "gap"),
        Column("Accounts", "r"),
        Column("Collateral, USD", "r"),
    )


def trend_of(shown: "Sequence[Quote]") -> timedelta:
    """How far sparklines reach back: an hour, or 24 heartbeats of the slowest asset."""
    slowest = max((q.held.cadence for q in shown if q.held is not None), default=timedelta(0))
    return max(HOUR, TREND * slowest)


@dataclass(frozen=True, slots=True)
class Quote:
    """One asset as the page shows it; `held` is None where no price ever came."""

    asset: str
    held: AssetPrice | None
    freshness: Freshness
    limits: Limits
    history: Points
    flags: int
    exposure: Exposure


def quotes(
    picture: Picture, histories: Mapping[str, Points], exposures: Mapping[str, Exposure]
) -> list[Quote]:
    """Every asset that has a price or that the book rests on, by its collateral, greatest first."""
    prices = picture.prices
    names = {*prices.assets, *exposures}
    found = []
    for asset in names:
        held = prices.assets.get(asset)
        bounds = limits(picture.settings.cadence) if held is None else held.limits
        found.append(
            Quote(
                asset,
                held,
                judge(prices.age(asset, picture.at), bounds),
                bounds,
                histories.get(asset, ()),
                _recent(prices.flags, asset, picture.at),
                exposures.get(asset, Exposure(0, None)),
            )
        )
    return sorted(found, key=lambda q: (-(q.exposure.collateral or 0.0), q.asset))


def rows(shown: Sequence[Quote], chosen: str | None, market: datetime) -> list[Row]:
    """The table, the chosen asset marked."""
    trend = trend_of(shown)
    return [
        Row(_cells(quote, market, trend), quote.asset, "sel" if quote.asset == chosen else "")
        for quote in shown
    ]


def _cells(quote: Quote, market: datetime, trend: timedelta) -> list[Cell]:
    held = quote.held
    if held is None:
        none: list[Cell] = [None] * 7
        return [
            cells.text(quote.asset, "b"),
            cells.state(quote.freshness.value),
            cells.text(DASH, "t3", tip="no price ever came"),
            *none,
            *_exposed(quote),
        ]
    now = epoch_ms(market)
    latest = float(held.price)
    stale = quote.freshness not in (Freshness.FRESH, Freshness.LATE)
    begin = max(now - epoch_delta(trend), quote.history[0][0] if quote.history else 0)
    line = unit(quote.history, begin, now, epoch_delta(held.cadence))
    late, dead = quote.limits.late.total_seconds(), quote.limits.dead.total_seconds()
    stale_at = quote.limits.stale.total_seconds()
    return [
        cells.text(quote.asset, "b"),
        cells.state(quote.freshness.value),
        cells.text(price(held.price), "key t3" if stale else "key", tip=f"{held.tick_id}"),
        change(latest, value_at(quote.history, now - epoch_delta(HOUR))),
        change(latest, value_at(quote.history, now - epoch_delta(DAY))),
        cells.spark(line.pieces, line.blocks),
        cells.age(held.as_of, market=True),
        cells.meter(held.as_of, quote.freshness.value, (late, stale_at), min(dead, 1.6 * stale_at)),
        cells.mono(clock_ms(held.received.publish_time), tip=_both_times(held)),
        cells.text(_transit(held), tip=_both_times(held)),
        *_exposed(quote),
    ]


def _exposed(quote: Quote) -> list[Cell]:
    flagged: Cell = cells.text("none", "t3")
    if quote.flags:
        flagged = cells.state("WARN", shown=f"{quote.flags} flagged")
    held = quote.exposure
    worth: Cell = None if held.collateral is None else f"{held.collateral:,.0f}"
    return [flagged, f"{held.accounts:,}", worth]


def _transit(held: AssetPrice) -> str:
    transit = held.received.transit
    if transit < timedelta(0):
        return "clock skew"
    return milliseconds(transit / timedelta(milliseconds=1))


def _both_times(held: AssetPrice) -> str:
    return (
        f"published {clock_ms(held.received.publish_time)}, "
        f"received {clock_ms(held.received.received_at)} UTC; source {held.source}"
    )


def _recent(flags: Sequence[Flag], asset: str, now: datetime) -> int:
    return sum(1 for flag in flags if flag.asset == asset and now - flag.at <= HOUR)


def epoch_delta(length: timedelta) -> int:
    """A length in milliseconds."""
    return int(length / timedelta(milliseconds=1))


def flagged(flags: Sequence[Flag], now: datetime, most: int = 7) -> list[Row]:
    """The newest flagged ticks and what was done with each."""
    return [
        Row(
            [
                cells.text(clock_ms(flag.at)[:8], "t3"),
                cells.sequence(cells.text(flag.asset, "b"), cells.text(flag.what)),
                cells.text(flag.kept, "t2"),
            ]
        )
        for flag in flags[:most]
        if now - flag.at <= DAY
    ]


def counted(shown: Sequence[Quote]) -> str:
    """`6 assets, 1 not fresh`."""
    off = sum(1 for quote in shown if quote.freshness is not Freshness.FRESH)
    return plural(len(shown), "asset") + (f", {off} not fresh" if off else ", all fresh")
