"""Pipeline: who publishes what to whom, how far behind each reader is, and what came through."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from consumers.picture import Picture
from consumers.stores.values import Message
from dashboard import cells, components, frames
from dashboard.cells import Board
from dashboard.format import clock_ms, plural
from dashboard.views import pipeline_map, pipeline_rows

if TYPE_CHECKING:
    from consumers.runtime import Runtime

EVERY_S = 3.0
TOPIC, WANTED = "topic", "message"
KEPT = 200


def render() -> None:
    """The page."""
    if components.running() is None:
        return
    _live()
    _filters()
    _messages()


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    runtime = components.running()
    if runtime is None:
        return
    picture = runtime.picture()
    with st.container(border=True, gap="xsmall"):
        components.board("pipeline-legend", _legend(picture))
        components.topology("pipeline-map", pipeline_map.topology(picture))
    components.board("pipeline-subscriptions", pipeline_rows.subscriptions(picture))
    components.board("pipeline-feeds", pipeline_rows.feeds(picture))
    left, right = st.columns([60, 40], gap="small")
    with left:
        components.board("pipeline-latency", pipeline_rows.latencies(picture), stretch=True)
    with right:
        components.board("pipeline-journal", pipeline_rows.journal(picture), stretch=True)
    _quarantine(runtime)


def _legend(picture: Picture) -> Board:
    lost = components.cut_off(picture)
    states = [cells.state(s, shown=s.replace("_", " ")) for s in pipeline_map.legend()]
    return Board(
        title="Topology",
        sub="one shape per state; figures on the ways are p95, as measured in-band",
        end=[cells.state("STALE", shown=lost)] if lost else states,
        bare=True,
        now=picture.at,
    )


def _quarantine(runtime: "Runtime") -> None:
    held = runtime.quarantine()
    with components.card(
        "Quarantine", "messages that could not be read, kept whole and acknowledged"
    ):
        if not held:
            st.caption("Empty, as it should be: every message could be read.")
            return
        st.caption(f"The newest {plural(len(held), 'message')}, earlier runs' too, newest first")
        table = frames.messages(held)
        st.dataframe(
            table[["received", "topic", "refused", "data", "attributes", "id"]],
            key="pipeline-quarantine",
            hide_index=True,
            height=min(240, 38 + 29 * len(held)),
            row_height=29,
            column_config=_columns(),
            alt="Messages in quarantine with the reason",
        )


def _filters() -> None:
    """Outside of every fragment, so that nothing typed is lost by a refresh."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Recent messages of",
            [
                pipeline_map.PRICES,
                pipeline_map.SETTLEMENTS,
                pipeline_map.ALERTS,
                pipeline_map.RECEIPTS,
            ],
            key=TOPIC,
            bind="query-params",
        )
        st.text_input(
            "Find in key, attributes or text",
            key=WANTED,
            type="search",
            live="300ms",
            max_chars=200,
            placeholder="An account, a symbol, a status, an id",
            width=330,
        )


@st.fragment(run_every=EVERY_S)
def _messages() -> None:
    runtime = components.running()
    if runtime is None:
        return
    topic = st.session_state.get(TOPIC)
    wanted = str(st.session_state.get(WANTED) or "").casefold()
    found = [m for m in runtime.messages(2 * KEPT, topic) if wanted in _all_text(m)][:KEPT]
    with components.card(
        "Recent messages", "from memory: looking at them asks nothing of the broker"
    ):
        if not found:
            st.caption("No message matches." if wanted else "No message has come yet.")
            return
        st.session_state["pipeline-shown"] = found
        st.dataframe(
            frames.messages(found),
            key="pipeline-messages",
            hide_index=True,
            height=330,
            row_height=29,
            column_config=_columns(),
            on_select=_pick,
            selection_mode="single-cell",
            alt="Recent messages",
        )
        picked: Message | None = st.session_state.get("pipeline-picked")
        if picked is None:
            st.caption("Pick one to see it whole.")
            return
        at = clock_ms(picked.received.publish_time)
        st.text(f"{picked.topic}, {picked.received.message_id}, published {at} UTC")
        st.code(frames.readable(picked.data), language=None, wrap_lines=True)


def _pick() -> None:
    """The message itself is kept: its row moves on with the next one that comes."""
    chosen = st.session_state["pipeline-messages"].selection.cells
    shown = st.session_state.get("pipeline-shown", [])
    if chosen and chosen[0][0] < len(shown):
        st.session_state["pipeline-picked"] = shown[chosen[0][0]]


def _all_text(message: Message) -> str:
    attributes = " ".join(f"{name}={value}" for name, value in message.attributes.items())
    return f"{message.key} {attributes} {frames.as_text(message.data)}".casefold()


def _columns() -> dict[str, Any]:
    text = st.column_config.TextColumn
    return {
        "received": text("Received, UTC", width=110),
        "topic": text("Topic", width=150),
        "key": text("Key", width=170),
        "id": text("Message", width=90),
        "attributes": text("Attributes", width=260),
        "data": text("Text", width=360),
        "refused": text("Why refused", width=220),
    }


if __name__ == "__main__":  # as Streamlit runs a page
    render()
