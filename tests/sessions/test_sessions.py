"""However many watch, whatever Streamlit does to modules and caches: one stream a subscription."""

import signal
import threading
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest

from embedded.broker import BrokerProcess
from tests.dashboard.browser import Server, served
from tests.faults.figures import show
from tests.faults.gate import Gate
from tests.sessions.served_room import PAGES, ask, copied, platform, served_room, threads, told
from tests.sessions.tab import tabs
from tests.support import eventually

pytestmark = pytest.mark.timeout(180)
SESSIONS = 20
RERUNS = 50
METRICS = 5  # Monitoring takes one metric type a request, and answers for all subscriptions
ASK = "/google.monitoring.v3.MetricService/ListTimeSeries"
PERIOD_S = 0.5
PERIODS = 20
PERIODIC = {"FUSION_BACKLOG_PERIOD_S": str(PERIOD_S)}
WATCHING = ("--server.fileWatcherType", "auto")  # as where somebody edits; off in production


def edit(module: Path) -> None:
    """As an editor does."""
    module.write_text(f"{module.read_text()}\n\nEDITS = 1\n")


def edited(server: Server) -> bool:
    """Whether the modules were loaded anew."""
    return bool(ask(server, "/drill")["edits"])


@pytest.mark.slow
def test_r23_reruns_sessions_a_reload_and_a_cleared_cache_leave_one_stream_each(
    broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    root = copied(tmp_path / "copy")
    with (
        platform(project, broker.address) as far,
        served_room(tmp_path, project, broker.address, *WATCHING, root=root) as server,
    ):
        eventually(lambda: list(far.streams().values()) == [1] * 4, what=str(far.streams()))
        before = threads(server)
        with tabs(server.port, *(PAGES[n % len(PAGES)] for n in range(SESSIONS))) as opened:
            first = opened[PAGES.index("prices")]  # a page that goes through the door itself
            for _ in range(RERUNS):
                first.run()
            assert [fault for tab in opened for fault in tab.faults] == []
            edit(root / "consumers" / "door.py")

            def reloaded() -> bool:
                first.run()
                return edited(server)

            eventually(reloaded, 20, 0.2, "the modules are loaded anew")
            first.clear_cache()
            for tab in opened:
                tab.run()
            runs = sum(tab.runs for tab in opened)
            # Values of the runtime are older than the classes that such a page compares them with:
            # it may fail until whoever edits starts anew. In production nothing is loaded again.
            faults = sum(len(tab.faults) for tab in opened)
            streams = far.streams()
            eventually(lambda: threads(server) == before, 10, 0.1, str(threads(server) - before))
            after = threads(server)
        show(f"\nR23 {SESSIONS} sessions, {runs} runs, {faults} faults after the edit: {streams}")
        show(f"R23 threads {sum(before.values())} -> {sum(after.values())}")
        assert list(streams.values()) == [1] * 4
        state = ask(server, "/api/state")
        assert [feed["restarts"] for feed in state["feeds"]] == [0] * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kept_in", "expected"), [("session", SESSIONS), ("cache", 2), ("module", 2)]
)
def test_r23_control_a_feed_held_where_streamlit_forgets_it_has_more_streams(
    broker: BrokerProcess, project: str, tmp_path: Path, kept_in: str, expected: int
) -> None:
    root = copied(tmp_path / "copy")
    script = root / "tests" / "sessions" / "naive_app.py"
    environment = {
        "GCP_PROJECT": project,
        "PUBSUB_EMULATOR_HOST": broker.address,
        "DRILL_KEPT_IN": kept_in,
    }
    with (
        platform(project, broker.address) as far,
        served(tmp_path / "log", script, None, *WATCHING, root=root, **environment) as server,
        tabs(server.port, *[""] * SESSIONS) as opened,
    ):
        first = opened[0]
        if kept_in == "module":
            edit(root / "tests" / "sessions" / "naive_feed.py")
        first.clear_cache()

        def grown() -> bool:
            first.run()
            return sum(n or 0 for n in far.streams("control-room-naive").values()) >= expected

        eventually(grown, 20, 0.2, f"{expected} streams: {far.streams()}")
        show(f"\nR23 control, held in the {kept_in}: {far.streams('control-room-naive')} streams")
        server.kill()  # nobody stops its feeds, and their client's threads would keep it alive


@pytest.mark.slow
def test_r7_twenty_sessions_cost_monitoring_no_more_requests_than_none(
    broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    with (
        Gate(broker.address) as gate,
        platform(project, broker.address),
        served_room(tmp_path, project, gate.address, **PERIODIC) as server,
    ):
        eventually(lambda: gate.calls[ASK] >= METRICS)
        alone = asked(gate, lambda: None)
        with tabs(server.port, *(PAGES[n % len(PAGES)] for n in range(SESSIONS))) as opened:
            looking = cycle(opened)
            watched = asked(gate, lambda: next(looking).run())
            runs = sum(tab.runs for tab in opened)
            faults = [fault for tab in opened for fault in tab.faults]
        show(
            f"\nR7 requests to Monitoring in {PERIODS} periods of {PERIOD_S} s, {METRICS} a poll:"
            f" {alone} without sessions, {watched} with {SESSIONS} that ran {runs} pages"
        )
        assert METRICS <= alone <= METRICS * (PERIODS + 1)
        assert METRICS <= watched <= alone + METRICS  # a window may hold one poll more
        assert faults == []


def asked(gate: Gate, look: Callable[[], None]) -> int:
    """Requests for backlogs within so many periods, while somebody looks."""
    before, end = gate.calls[ASK], time.monotonic() + PERIODS * PERIOD_S
    pause = threading.Event()
    while not pause.wait(0.02) and time.monotonic() < end:
        look()
    return gate.calls[ASK] - before


def test_r22_with_five_pages_open_a_sigterm_ends_all_and_d5_deletes_the_subscriptions(
    broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    with (
        platform(project, broker.address) as far,
        served_room(tmp_path, project, broker.address) as server,
        tabs(server.port, *PAGES[:5]) as opened,
    ):
        assert len(far.own()) == 4
        began = time.monotonic()
        code = server.stop()
        took = time.monotonic() - began
        own, left = far.own(), told(server, "left")
        show(f"\nR22 {len(opened)} pages open: ended by {code} after {took:.1f} s, {left=}, {own=}")
        assert took <= 8
        assert (left, own) == ([], [])
        assert code == -signal.SIGTERM  # which the server raises again once it has ended
