"""The inputs of a what-if: where it starts, shocks that a slider and a box agree on, positions."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.edits import SetAmount, Shock, ShockAll
from core.errors import CoreError, FieldError
from core.exact import decimal_of
from core.policy import Status
from core.portfolio import Portfolio, PriceSnapshot, Side
from core.what_if import Edit, Scenario
from dashboard import frames
from dashboard.format import price, signed

if TYPE_CHECKING:  # values only: nothing here may reach a publisher
    from consumers.stores.values import ScoresSnapshot

BASE, START, SHEET, HELD_STILL = "wi-base", "a", "wi-sheet", "wi-still"
ALL, BLANK = "All", "Blank sheet"
OFFERED = 200
LOWEST, HIGHEST = -99.0, 500.0
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was entered: edits in their stated order, or the fault that spoils them."""

    scenario: Scenario
    fault: str | None = None


def root_scale() -> list[float]:
    """Slider stops in percent, -50..50: a tenth near 0, whole points from 5, fives from 20."""
    fine = [i / 10 for i in range(1, 20)]
    middle = [i / 2 for i in range(4, 10)]
    whole = [float(i) for i in range(5, 20)]
    coarse = [float(i) for i in range(20, 51, 5)]
    up = [*fine, *middle, *whole, *coarse]
    return [*(-p for p in reversed(up)), 0.0, *up]


STOPS = root_scale()


def shock_of(asset: str) -> float:
    """The shock of an asset as it stands in its box, percent."""
    value = st.session_state.get(_box(asset), 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def set_shock(asset: str, percent: float) -> None:
    """Put a shock into the box and its slider on the nearest stop."""
    st.session_state[_box(asset)] = min(HIGHEST, max(LOWEST, percent))
    st.session_state[_slider(asset)] = min(STOPS, key=lambda stop: abs(stop - percent))


def _box(asset: str) -> str:
    return f"wi-box-{asset}"


def _slider(asset: str) -> str:
    return f"wi-slider-{asset}"


def _from_box(asset: str) -> None:
    set_shock(asset, shock_of(asset))


def _from_slider(asset: str) -> None:
    st.session_state[_box(asset)] = float(st.session_state[_slider(asset)])


def reset(assets: Iterable[str]) -> None:
    """Every shock to zero, every position as it is."""
    for asset in (ALL, *assets):
        set_shock(asset, 0.0)
    st.session_state[SHEET] = st.session_state.get(SHEET, 0) + 1


def shock_rows(assets: list[str], before: PriceSnapshot, after: PriceSnapshot | None) -> None:
    """One line each: name, slider, box, and the price that it makes."""
    for asset in (ALL, *assets):
        st.session_state.setdefault(_box(asset), 0.0)
        st.session_state.setdefault(_slider(asset), 0.0)
        name, slider, box, made = st.columns(
            [1.05, 3.0, 1.9, 1.6], vertical_alignment="center", gap="small"
        )
        name.markdown(f"**{asset}**")
        slider.select_slider(
            f"Shock of {asset}, %",
            STOPS,
            key=_slider(asset),
            on_change=partial(_from_slider, asset),
            format_func=_stop,
            label_visibility="collapsed",
        )
        box.number_input(
            f"Shock of {asset}, percent",
            min_value=LOWEST,
            max_value=HIGHEST,
            step=1.0,
            format="%.2f",
            key=_box(asset),
            on_change=partial(_from_box, asset),
            label_visibility="collapsed",
        )
        point = (after or before).points.get(asset)
        made.caption(price(point.price) if point is not None else "price, USD")


def _stop(percent: float) -> str:
    return f"{signed(percent, 0 if percent == int(percent) else 1, plus=True)} %"


def pegged(prices: PriceSnapshot) -> list[str]:
    """The assets within two percent of a dollar: the first guess at what a shock of all spares."""
    near = (Decimal("0.98"), Decimal("1.02"))
    return sorted(a for a, p in prices.points.items() if near[0] <= p.price <= near[1])


def shocks(assets: Iterable[str], still: Iterable[str]) -> tuple[Edit, ...]:
    """The shocks as edits: all first, then each asset in order; a zero is none."""
    found: list[Edit] = []
    every = shock_of(ALL)
    if every:
        found.append(ShockAll(_fraction(every), frozenset(still)))
    found += [Shock(asset, _fraction(shock_of(asset))) for asset in assets if shock_of(asset)]
    return tuple(found)


def _fraction(percent: float) -> Decimal:
    return decimal_of(percent, "shock") / HUNDRED


def position_editor(portfolio: Portfolio, assets: list[str]) -> list[tuple[str, str, float | None]]:
    """The positions to edit; rows may be added. What is not touched keeps its exact amount."""
    held = [
        (side.value, asset, amount)
        for side in (Side.COLLATERAL, Side.BORROW)
        for asset, amount in portfolio.side(side).items()
    ]
    sheet = st.session_state.get(SHEET, 0)
    edited = st.data_editor(
        frames.positions(held),
        key=f"wi-positions-{portfolio.user_id}-{sheet}",
        num_rows="add",
        hide_index=True,
        height=min(250, 38 + 31 * (len(held) + 2)),
        row_height=31,
        disabled=["live"],
        column_config=_editor_columns(assets),
        placeholder="",
        alt="Positions: held, and as tried in this what-if",
    )
    return frames.tried(edited)


def _editor_columns(assets: list[str]) -> dict[str, Any]:
    config = st.column_config
    return {
        "side": config.SelectboxColumn("Side", options=[s.value for s in Side], width=95),
        "asset": config.SelectboxColumn("Asset", options=assets, width=75),
        "live": config.NumberColumn("Live", format="%,.4f"),
        "amount": config.NumberColumn("What if", format="%,.4f", min_value=0.0),
    }


def positions(
    portfolio: Portfolio, rows: Iterable[tuple[str, str, float | None]]
) -> tuple[Edit, ...]:
    """The edits that lie between an account and an edited sheet. FieldError names a bad row."""
    found: list[Edit] = []
    named: set[tuple[str, str]] = set()
    for number, (side, asset, units) in enumerate(rows, start=1):
        if not side and not asset and units is None:
            continue
        if not side or not asset or units is None:
            entry = f"row {number}"
            raise FieldError(entry, "needs a side, an asset and an amount")
        if (side, asset) in named:
            entry = f"row {number}"
            raise FieldError(entry, f"{side} {asset} is given twice")
        named.add((side, asset))
        held = portfolio.side(Side(side)).get(asset)
        if held is None or float(held) != units:
            amount = decimal_of(units, f"row {number}")
            if held is not None or amount:
                found.append(SetAmount(Side(side), asset, amount))
    return tuple(found)


def read(
    portfolio: Portfolio,
    assets: list[str],
    still: list[str],
    rows: list[tuple[str, str, float | None]],
) -> Inputs:
    """All inputs as one scenario: shocks first, then positions, as the waterfall states them."""
    try:
        edits = (*shocks(assets, still), *positions(portfolio, rows))
        return Inputs(Scenario(edits))
    except CoreError as fault:
        return Inputs(Scenario(), str(fault))


def start_from(scores: "ScoresSnapshot") -> Portfolio:
    """The account chosen, or a blank sheet; the accounts nearest to a band are offered first."""
    valuation = scores.valuation
    offered = [scores.book.users[row] for row in valuation.nearest(OFFERED)]
    if START not in st.session_state and START not in st.query_params:
        fallen = valuation.counts()[Status.LIQUIDATION]
        st.session_state[START] = offered[min(fallen, len(offered) - 1)] if offered else BLANK
    asked = st.selectbox(
        "Start from",
        [BLANK, *offered],
        key=START,
        bind="query-params",
        accept_new_options=True,
        help="Any account id may be typed",
        label_visibility="collapsed",
        width=170,
    )
    if asked in scores.book.rows:
        return scores.book.portfolio(asked)
    return Portfolio.of("blank", {}, {})
