"""The main job, end to end: one command, real clients, a real browser."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browser import chrome, requests, tab
from tests.end_to_end.room import FUSION, Room, room
from tests.support import ROOT, eventually

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("room"), pytest.mark.timeout(240)]
__all__ = ("chrome", "requests", "tab")  # fixtures

WAIT = 20_000
FAST = {"FUSION_PRICE_INTERVAL_S": "0.5", "FUSION_SETTLEMENT_INTERVAL_S": "1"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with room(tmp_path_factory.mktemp("room") / "var", **FAST) as made:
        made.await_ready()
        yield made


def _told(state: dict[str, Any]) -> bool:
    """Whether every account in a band has been told, and nothing that was due is missing."""
    scores = state.get("scores")
    if not scores or scores["missing"] or scores["not_told"]:
        return False
    in_a_band = sum(scores["counts"][s] for s in ("WARNING", "MARGIN_CALL", "LIQUIDATION"))
    return bool(state["alerts"]["open_incidents"] >= 0.9 * in_a_band > 0)


def test_every_account_in_a_band_is_told_and_every_alert_has_its_receipts(running: Room) -> None:
    eventually(lambda: _told(running.state()), 30, 0.3, "every due alert came")
    state = running.state()
    counts = state["scores"]["counts"]
    assert state["scores"]["accounts"] == 1000
    assert counts["HEALTHY"] > 800
    assert 60 <= counts["WARNING"] <= 140
    assert counts["LIQUIDATION"] >= 5
    eventually(lambda: running.state()["verdict"]["code"] == "well", 20, 0.3)
    # whichever was quicker, the risk engine or our own first score
    state = running.state()
    assert state["scores"]["due"] >= state["alerts"]["open_incidents"] > 0


def test_prices_change_on_the_page_without_a_reload_and_nothing_leaves_loopback(
    running: Room, tab: Page, requests: list[str]
) -> None:
    tab.goto(running.url)
    eth = tab.get_by_label("Prices").get_by_role("link", name=re.compile("ETH"))
    expect(eth).to_be_visible(timeout=WAIT)
    tab.evaluate("window.stayed = true")
    before = eth.inner_text()
    expect(eth).not_to_have_text(before, timeout=WAIT)
    assert tab.evaluate("window.stayed") is True
    foreign = [u for u in requests if not re.match(r"(https?|ws)://127\.0\.0\.1|data:|blob:", u)]
    assert foreign == []


def test_the_input_survives_ten_ticks_and_a_shock_changes_the_score_but_not_the_live_one(
    running: Room, tab: Page
) -> None:
    user = running.state()["scores"]["worst"][-1]["user_id"]
    tab.goto(f"{running.url}/what-if?account={user}")
    expect(tab.get_by_text("Before and after")).to_be_visible(timeout=WAIT)
    box = tab.get_by_label("Shock of all, percent")
    expect(box).to_be_visible(timeout=WAIT)
    box.fill("-20")
    box.press("Enter")
    rounds = running.state()["market"]["rounds"]
    eventually(lambda: running.state()["market"]["rounds"] >= rounds + 10, 30, 0.2)
    expect(box).to_have_value(re.compile(r"^-20"))
    before, after = _before_and_after(tab)
    assert after < before
    assert running.state()["verdict"]["level"] != "blind"


def _before_and_after(tab: Page) -> tuple[float, float]:
    """The two big scores of the what-if page."""
    table = tab.get_by_role("table", name="The account before and after")
    texts = [
        t.replace("−", "-") for t in table.locator("tr").nth(1).locator("td").all_inner_texts()
    ]
    found = [re.search(r"-?[\d,]+\.\d\d", text) for text in texts[-2:]]
    before, after = (float(f.group().replace(",", "")) for f in found if f is not None)
    return before, after


def test_a_test_alert_sent_from_the_page_comes_back_pass_with_every_hop(
    running: Room, tab: Page
) -> None:
    tab.goto(f"{running.url}/alerts")
    confirm = tab.get_by_label(re.compile("Type alerts.margin.v1 to send"))
    expect(confirm).to_be_visible(timeout=WAIT)
    confirm.fill("alerts.margin.v1")
    confirm.press("Enter")
    tab.get_by_role("button", name="Send test alert").click()
    eventually(lambda: _newest_run(running).get("state") == "PASS", 20, 0.2, "PASS")
    hops = _newest_run(running)["hops"]
    assert [h["state"] for h in hops] == ["PASS"] * 6
    assert all(h["ms"] is not None for h in hops)
    expect(tab.get_by_text(re.compile("PASS")).first).to_be_visible(timeout=WAIT)


def _newest_run(running: Room) -> dict[str, Any]:
    runs = running.state().get("test_runs") or [{}]
    found: dict[str, Any] = runs[0]
    return found


def test_the_platforms_request_publishes_its_event_and_gets_its_receipts(running: Room) -> None:
    body = {
        "user_id": "0xTestUser123",
        "collateral_positions": {"ETH": 1},
        "borrow_positions": {"USDC": 1_000_000},
    }
    status, reply = running.post("/api/v1/margin/health", body)
    assert (status, reply["status"], reply["published"]) == (200, "LIQUIDATION", True)
    sink = running.data / "notifications.jsonl"
    event_id = reply["margin_event"]["event_id"]
    eventually(lambda: sink.read_text().count(event_id) == 3, 15, 0.2, "three channels")


def test_a_killed_broker_is_named_within_five_seconds_and_all_recovers_by_itself(
    running: Room, tab: Page
) -> None:
    tab.goto(running.url)
    expect(tab.get_by_label("Verdict")).to_be_visible(timeout=WAIT)
    os.kill(running.child("embedded.broker"), signal.SIGKILL)
    eventually(
        lambda: running.state().get("channel", {}).get("connected") is False, 5, 0.05, "named"
    )
    eventually(running.ready, 40, 0.2, "recovered")
    eventually(lambda: running.state()["verdict"]["code"] == "well", 40, 0.3)
    expect(tab.locator(".board-root.blind")).not_to_be_attached(timeout=WAIT)


def test_a_second_run_on_the_same_folder_is_refused_in_one_line(running: Room) -> None:
    command = [*FUSION, "run", "--port", "0", "--data-dir", str(running.data)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_five_wrong_settings_are_five_lines_and_exit_2(tmp_path: Path) -> None:
    wrong = {
        "FUSION_PORT": "eighty",
        "GCP_PROJECT": "!",
        "PUBSUB_EMULATOR_HOST": "a b",
        "FUSION_MARKET": "boom",
        "FUSION_PRICE_INTERVAL_S": "-1",
    }
    command = [*FUSION, "run", "--data-dir", str(tmp_path / "var")]
    env = {**os.environ, **wrong}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 2
    assert sorted(line.split("=")[0] for line in ran.stderr.splitlines()) == sorted(wrong)
    assert not (tmp_path / "var").exists()


def test_killed_platform_and_dashboard_come_back_with_the_same_incidents_and_no_double(
    tmp_path: Path,
) -> None:
    with room(tmp_path / "var", **FAST) as running:
        running.await_ready()
        eventually(lambda: _told(running.state()), 30, 0.3, "told")
        open_before = running.state()["alerts"]["open_incidents"]
        os.kill(running.child("worker platform"), signal.SIGKILL)
        os.kill(running.child("streamlit"), signal.SIGKILL)
        eventually(lambda: not running.ready(), 10, 0.02, "gone")
        running.await_ready()
        eventually(lambda: _told(running.state()), 30, 0.3, "told again")
        assert running.state()["alerts"]["open_incidents"] >= open_before * 0.9
        lines = (tmp_path / "var" / "notifications.jsonl").read_text().splitlines()
        pairs = [re.findall(r'"(?:event_id|channel)":"([^"]+)"', line) for line in lines]
        assert len({tuple(p) for p in pairs}) == len(pairs), "an alert was delivered twice"
    assert running.process.returncode == 0
