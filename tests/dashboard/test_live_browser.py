"""The live board in a real browser: patched in place, blind when it must be, never off loopback."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browser import Server, chrome, requests, served, server, tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
__all__ = ("chrome", "requests", "server", "tab")  # fixtures

WAIT = 15_000


@pytest.fixture
def overview(tab: Page, server: Server, requests: list[str]) -> Page:
    """The Overview, drawn, with every request noted from the first."""
    del requests
    server.act("heal")
    tab.goto(server.url)
    expect(tab.get_by_role("heading", name="Due against done")).to_be_visible(timeout=30_000)
    return tab


def test_price_changes_in_place_without_a_reload(overview: Page, server: Server) -> None:
    eth = overview.get_by_label("Prices").get_by_role("link", name=re.compile("ETH"))
    expect(eth).to_contain_text("3,348.20")
    handle = eth.element_handle()
    server.act("price")
    expect(eth).to_contain_text("3,000.00", timeout=WAIT)
    assert handle.evaluate("node => node.isConnected")  # the same node, not a new one


def test_ages_count_every_second_in_the_browser(overview: Page) -> None:
    age = overview.get_by_label("Verdict").locator("dd").nth(2)
    before = age.inner_text()
    expect(age).not_to_have_text(before, timeout=WAIT)


def test_tiles_and_accounts_are_links_to_the_filtered_list(overview: Page) -> None:
    tile = overview.get_by_role("link", name=re.compile("^LIQUIDATION"))
    expect(tile).to_have_attribute("href", "/accounts?status=LIQUIDATION")
    row = overview.get_by_role("table").first.get_by_role("link", name="wren-02")
    expect(row).to_have_attribute("href", "/accounts?account=wren-02")


def test_disconnected_broker_greys_the_board_and_heals(overview: Page, server: Server) -> None:
    server.act("disconnect")
    status = overview.get_by_role("status").filter(has_text="Disconnected")
    expect(status).to_be_attached(timeout=WAIT)
    expect(overview.locator(".board-root.blind")).to_be_attached()
    expect(overview.get_by_text("STOP")).to_be_visible()
    server.act("heal")
    expect(overview.locator(".board-root.blind")).not_to_be_attached(timeout=WAIT)


def test_replay_shows_the_recorded_clock(overview: Page, server: Server) -> None:
    server.act("replaying")
    expect(overview.get_by_text(re.compile("REPLAY 2022-05-1"))).to_be_visible(timeout=WAIT)
    expect(overview.get_by_text("embedded, replay ×3,600")).to_be_visible()


def test_text_that_wants_to_be_html_stays_text(
    overview: Page, server: Server, requests: list[str]
) -> None:
    server.act("hostile")
    heading = overview.get_by_role("heading", name="is stale.")
    expect(heading).to_contain_text("<img src=x", timeout=WAIT)
    expect(overview.get_by_role("table").first).to_contain_text("<img src=x")
    assert overview.locator("img[src=x]").count() == 0
    assert overview.get_by_role("link", name="pay").count() == 0
    assert not [url for url in requests if url.endswith("/x") or "evil" in url]


def test_long_causes_leave_the_accounts_readable(overview: Page, server: Server) -> None:
    server.act("unscored")
    expect(overview.get_by_text("No account has a score.")).to_be_visible(timeout=WAIT)
    rows = overview.locator(".c-changes li")
    expect(rows).to_have_count(5)
    for row in rows.all():
        account, cause = (
            row.get_by_role("link").bounding_box(),
            row.locator(".cause").bounding_box(),
        )
        assert account is not None
        assert cause is not None
        assert account["x"] + account["width"] < cause["x"]  # beside, not over one another
        assert cause["height"] < 2 * account["height"]  # and on one line
    server.act("heal")


def test_rows_keep_their_places_under_the_pointer(overview: Page, server: Server) -> None:
    table = overview.get_by_role("table").first
    expect(table.get_by_role("link").first).to_have_text("juniper-06")
    table.hover()
    server.act("hostile")
    expect(overview.get_by_role("heading", name="is stale.")).to_be_attached(timeout=WAIT)
    expect(table.get_by_role("link").first).to_have_text("juniper-06")
    overview.mouse.move(0, 0)
    expect(table.get_by_role("link").first).to_contain_text("<img", timeout=WAIT)


def test_pages_share_one_stream_and_none_leaves_loopback(
    overview: Page, server: Server, requests: list[str]
) -> None:
    for name in ("Prices", "Accounts", "What-if", "Pipeline", "Alerts", "System"):
        overview.get_by_role("link", name=name, exact=True).click()
        expect(overview).to_have_title(re.compile(name), timeout=WAIT)
        expect(overview.get_by_label("Verdict")).to_be_visible(timeout=WAIT)
    allowed = (server.url, "data:", "blob:")
    assert [url for url in requests if not url.startswith(allowed)] == []
    assert sum(url.endswith("/api/live") for url in requests) == 1


def test_lost_server_is_said_within_seconds_and_recovers(
    tab: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("mortal") / "log"
    with served(log) as mortal:
        tab.goto(mortal.url)
        expect(tab.get_by_role("heading", name="Due against done")).to_be_visible(timeout=30_000)
        mortal.kill()
        expect(tab.get_by_text("This screen has been blind since").first).to_be_visible(
            timeout=9_000
        )
        expect(tab.locator(".board-root.deaf")).to_be_attached()
        with served(log, port=mortal.port):
            healed = tab.get_by_role("heading", name="Scores are current")
            expect(healed).to_be_visible(timeout=60_000)
            expect(tab.locator(".board-root.deaf")).not_to_be_attached(timeout=WAIT)


def test_finding_has_its_remedy_its_consequences_and_a_hand_over(
    overview: Page, server: Server
) -> None:
    overview.context.grant_permissions(["clipboard-read", "clipboard-write"])
    server.act("disconnect")
    expect(overview.get_by_text("fusion doctor")).to_be_visible(timeout=WAIT)
    overview.get_by_role("button", name="11 consequences folded").click()
    expect(overview.get_by_text("Beyond the break, not judged: Price oracle")).to_be_visible()
    overview.get_by_role("button", name="Copy hand-over").click()
    expect(overview.get_by_role("button", name="Copied")).to_be_visible()
    text = overview.evaluate("navigator.clipboard.readText()")
    assert text.startswith("Fusion Prime control room, 2026-11-23 14:")
    assert "Disconnected from the broker" in text
    assert "LIQUIDATION 1, MARGIN_CALL 3, WARNING 2, HEALTHY 5, NO_DEBT 1, UNKNOWN 0" in text
    assert len(text.splitlines()) <= 30
