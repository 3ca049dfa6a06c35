"""Alerts: who is in trouble and was told, whether the way to people works, and a test of it."""

import streamlit as st

from consumers.picture import Picture
from consumers.stores.values import RunState, TestRun
from dashboard import components
from dashboard.views import alerts_rows, alerts_test

EVERY_S = 1.0


def render() -> None:
    """The page: what is, on the left; a test, on the right."""
    if components.running() is None:
        return
    left, right = st.columns([60, 40], gap="small")
    with left:
        _live()
    with right:
        alerts_test.render()


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    runtime = components.running()
    if runtime is None:
        return
    picture = runtime.picture()
    components.board("alerts-open", alerts_rows.incidents(picture))
    last, lost = _runs(picture)
    one, two = st.columns(2, gap="small")
    with one:
        none = "No test has been sent yet. The panel on the right sends one."
        board = alerts_rows.run_board(last, picture, "Last test run", none)
        components.board("alerts-last", board, stretch=True)
    with two:
        none = "No earlier run was lost or late."
        board = alerts_rows.run_board(lost, picture, "Earlier run", none)
        components.board("alerts-lost", board, stretch=True)
    components.board("alerts-runs", alerts_rows.last_runs(picture))
    components.board("alerts-ledger", alerts_rows.ledger(picture))


def _runs(picture: Picture) -> tuple[TestRun | None, TestRun | None]:
    """The newest run, and the newest one before it that did not pass."""
    runs = picture.runs
    bad = (RunState.LOST, RunState.LATE)
    earlier = next((run for run in runs[1:] if run.state(picture.at) in bad), None)
    return (runs[0] if runs else None), earlier


if __name__ == "__main__":  # as Streamlit runs a page
    render()
