"""Accounts: all of them to search, filter and sort; one of them in full behind `?account=`."""

from typing import Any

import streamlit as st

from consumers.picture import Picture
from consumers.stores.values import ScoresSnapshot
from core.book import STATUS_ORDER
from dashboard import components, frames
from dashboard.cells import Board
from dashboard.format import ages, clock, plural
from dashboard.views import account

EVERY_S = 3.0
ACCOUNT, STATUS, SEARCH, HOLDS = "account", "status", "q", "holds"
GRID, ORDER = "accounts-grid", "accounts-order"
COLOURS = ["red", "orange", "yellow", "green", "gray", "gray"]  # in the order of STATUS_ORDER
LONGEST = 64


def render() -> None:
    """The page: one account if the address names one, else all of them."""
    runtime = components.running()
    if runtime is None:
        return
    asked = st.query_params.get(ACCOUNT)
    if asked:
        st.button("All accounts", icon=":material/arrow_back:", type="tertiary", on_click=_close)
        account.render(asked)
        return
    picture = runtime.picture()
    _filters(picture.scores)
    _live()


def _close() -> None:
    st.query_params.pop(ACCOUNT, None)


def _filters(scores: ScoresSnapshot | None) -> None:
    """Every filter lives in the address, so that a list can be sent to somebody."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Search",
            key=SEARCH,
            bind="query-params",
            type="search",
            live="300ms",
            max_chars=LONGEST,
            placeholder="Part of an account id",
            width=250,
        )
        st.segmented_control(
            "Status", [s.value for s in STATUS_ORDER], key=STATUS, bind="query-params"
        )
        assets = list(scores.book.assets) if scores is not None else []
        st.selectbox(
            "Holds or owes",
            assets,
            index=None,
            key=HOLDS,
            bind="query-params",
            placeholder="Any asset",
            width=140,
        )
        st.space("stretch")
        st.button("Worst first", icon=":material/sort:", on_click=_sort, help="Sort again")


def _sort() -> None:
    st.session_state.pop(ORDER, None)


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    runtime = components.running()
    if runtime is None:
        return
    picture = runtime.picture()
    scores = picture.scores
    if scores is None:
        _nothing(picture, "No account is scored yet.", "The first complete prices have not come.")
        return
    chosen: dict[str, Any] = {
        "status": st.session_state.get(STATUS),
        "search": str(st.session_state.get(SEARCH) or "")[:LONGEST],
        "asset": st.session_state.get(HOLDS),
    }
    rows = _ordered(frames.matching(scores, **chosen), chosen)
    lost = components.cut_off(picture)
    with st.container(border=True, gap="small"):
        age = ages(picture.at - scores.at)
        st.markdown(
            components.heading(
                f"{len(rows):,} of {plural(len(scores.book), 'account')}",
                lost or f"scored {clock(scores.at)} UTC, {age} ago; pick one to see why",
            )
        )
        if not len(rows):
            st.caption("No account matches these filters. That is an answer, not a fault.")
            return
        table = frames.accounts(scores, picture.prices, rows, picture.at, picture.alerts.told)
        st.session_state[f"{GRID}-users"] = table["account"].tolist()
        st.dataframe(
            table,
            key=GRID,
            height=min(640, 40 + 29 * len(rows)),
            row_height=29,
            hide_index=True,
            placeholder="–",
            column_config=_columns(),
            on_select=_open,
            selection_mode="single-cell",
            alt="Accounts with score, collateral, borrow and price age",
        )


def _ordered(found: frames.Indices, chosen: dict[str, Any]) -> frames.Indices:
    """No row moves under the pointer: the order stands until the list itself changes."""
    held = st.session_state.get(ORDER)
    if held is not None and held[0] == chosen and set(held[1].tolist()) == set(found.tolist()):
        return held[1]  # type: ignore[no-any-return]
    st.session_state[ORDER] = (chosen, found)
    return found


def _open() -> None:
    """A picked row becomes the address of that account."""
    picked = st.session_state[GRID].selection.cells
    users = st.session_state.get(f"{GRID}-users", [])
    if picked and picked[0][0] < len(users):
        st.query_params[ACCOUNT] = users[picked[0][0]]
        st.rerun()


def _nothing(picture: Picture, sentence: str, more: str) -> None:
    board = Board(
        title="Accounts",
        say=components.waiting(sentence, more, "This is expected in the first seconds."),
        now=picture.at,
    )
    components.board("accounts-none", board)


def _columns() -> dict[str, Any]:
    config = st.column_config
    usd: dict[str, Any] = {"format": "%,.2f", "width": 120}
    return {
        "account": config.TextColumn("Account", pinned=True, width=150),
        "status": config.MultiselectColumn(
            "Status", options=list(frames.STATUS_WORDS), color=COLOURS, width=150
        ),
        "score": config.NumberColumn(
            "Score, %", format="%.2f", help="Floored to two places; never across a band"
        ),
        "distance": config.NumberColumn(
            "To next band, points", format="%.2f", help="Score above the lower end of its own band"
        ),
        "drop": config.NumberColumn(
            "Drop to next band, %",
            format="%.2f",
            help="How far all collateral may fall; below zero: how far it must rise",
        ),
        "collateral": config.NumberColumn("C, USD", help="Weighted collateral, floored", **usd),
        "borrow": config.NumberColumn("B, USD", help="Borrow, rounded up", **usd),
        "age": config.NumberColumn(
            "Oldest price, s", format="%,d", help="Age of the oldest price under it, market time"
        ),
        "told": config.TextColumn("Last told, UTC", help="When the newest margin alert was made"),
    }


if __name__ == "__main__":  # as Streamlit runs a page
    render()
