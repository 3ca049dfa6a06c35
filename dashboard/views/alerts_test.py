"""The test panel: the exact bytes, who receives them, a typed confirmation, and one send."""

from typing import TYPE_CHECKING

import streamlit as st

from consumers.actions import ActionRefusedError, Preview
from consumers.errors import ConsumersError
from core.alerts import Severity
from dashboard import access, cells, components, frames
from dashboard.access import Action
from dashboard.cells import Board, Column, Row
from dashboard.format import plural

if TYPE_CHECKING:
    from consumers.runtime import Runtime

TOPIC = "alerts.margin.v1"
SEVERITY, PREVIEW, TOLD = "alerts-severity", "alerts-preview", "alerts-told"
LEFT_EVERY_S = 2.0


def render() -> None:
    """The magenta panel; nothing in it is about a real account."""
    runtime = components.running()
    if runtime is None:
        return
    limit = f"limit {runtime.settings.test_alerts_per_minute} a minute"
    with components.magenta_frame("test-panel", "Test alert", "never for a real account", limit):
        _panel()


@st.fragment(run_every=LEFT_EVERY_S)
def _left() -> None:
    runtime = components.running()
    if runtime is not None:
        st.caption(f"{max(0, runtime.tests_left())} left in this minute")


@st.fragment
def _panel() -> None:
    runtime = components.running()
    if runtime is None:
        return
    if not access.may(Action.SEND_TEST_ALERT):
        st.caption("You may look, not send: this needs the role of operator.")
        return
    shown = [severity.value for severity in Severity]
    st.segmented_control(
        "Severity", shown, default=Severity.HIGH.value, required=True, key=SEVERITY
    )
    severity = Severity(st.session_state.get(SEVERITY) or Severity.HIGH)
    try:
        preview = _preview(runtime, severity)
    except ConsumersError as error:
        st.error("The broker does not answer, so a test cannot be prepared.", title="E-no-broker")
        st.text(str(error))
        return
    _bytes(preview)
    components.board("alerts-receivers", _receivers(runtime, preview))
    _confirm(runtime, preview)


def _preview(runtime: "Runtime", severity: Severity) -> Preview:
    """The one that stands until it is sent: its id is good for one send."""
    held: Preview | None = st.session_state.get(PREVIEW)
    if held is None or held.alert.severity != severity:
        held = runtime.preview_test_alert(severity, access.who().name)
        st.session_state[PREVIEW] = held
    return held


def _bytes(preview: Preview) -> None:
    data = preview.encoded.data
    sha = f"{preview.sha256[:12]}…{preview.sha256[-4:]}"
    st.caption(f"Exact bytes, {len(data):,} B, sha256 {sha}, then the attributes")
    st.code(frames.as_text(data, 20_000), language=None, wrap_lines=True, height=220)
    pairs = [f'{name}="{value}"' for name, value in preview.encoded.attributes.items()]
    st.code(" ".join(pairs), language=None, wrap_lines=True)


def _receivers(runtime: "Runtime", preview: Preview) -> Board:
    """Every subscription of the topic, and what it does with a test."""
    own = {feed.subscription for feed in runtime.picture().feeds}
    rows = []
    for name in preview.receivers:
        if name in own:
            does, effect = "watches for its return", "this screen"
        elif name == runtime.settings.alert_subscription:
            does, effect = "routes tests to the sink", "no person"
        else:
            does, effect = "gets test=true as an attribute", "its own affair"
        rows.append(Row([cells.mono(name), does, cells.text(effect, "t2")]))
    say = cells.Say("Nobody subscribes to this topic.", ("A test would be lost.",), "LOST")
    return Board(
        columns=(Column("Who receives it"), Column("What it does"), Column("Effect", "r")),
        rows=rows,
        say=None if rows else say,
        bare=True,
        dense=True,
        alt="Receivers of the test alert",
        now=runtime.clock.now(),
    )


def _confirm(runtime: "Runtime", preview: Preview) -> None:
    confirm = f"alerts-confirm-{preview.test_id}"
    settings = runtime.settings
    words = f"{settings.project}, {settings.environment}, {preview.alert.severity}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            f"Type {TOPIC} to send ({words})", key=confirm, max_chars=64, placeholder=TOPIC
        )
        with components.hatched("send-hatch"):
            st.button(
                "Send test alert",
                key=f"alerts-send-{preview.test_id}",
                on_click=_send,
                args=(preview, confirm),
            )
    _left()
    told = st.session_state.get(TOLD)
    if told:
        st.text(told)


def _send(preview: Preview, confirm: str) -> None:
    """Runs once per click, before the page; the id of the preview makes a second click harmless."""
    viewer = access.who()
    runtime = components.running()
    typed = str(st.session_state.get(confirm, "")).strip()
    if runtime is None or not access.may(Action.SEND_TEST_ALERT, viewer):
        st.session_state[TOLD] = "Refused: this needs the role of operator."
        return
    if typed != TOPIC:
        st.session_state[TOLD] = f"Not sent: type {TOPIC} exactly as it stands here."
        return
    try:
        run = runtime.send_test_alert(preview, viewer.name)
    except ActionRefusedError as refusal:
        sent = any(run.test_id == preview.test_id for run in runtime.picture().runs)
        if not sent:  # a double click is answered by the run that it would have made
            st.session_state[TOLD] = f"Refused: {refusal.reason}."
        return
    except ConsumersError as error:
        st.session_state[TOLD] = f"Not sent: {error}"
        return
    st.session_state.pop(PREVIEW, None)
    count = plural(len(preview.receivers), "subscription")
    st.session_state[TOLD] = f"Sent {run.test_id} to {count}; each hop comes in on the left."
