"""The Prices page: every asset with its age, what is missing named, hostile names inert."""

from dataclasses import replace
from datetime import timedelta

import pytest

from consumers.stores.values import Flag
from core.staleness import Freshness
from dashboard import frames
from dashboard.views import prices_table
from tests.dashboard.pages import boards, opened, page, table, words
from tests.support_runtime import NOW, sample_runtime


def test_every_asset_stands_with_state_price_times_and_who_rests_on_it() -> None:
    with opened(sample_runtime()):
        shown = boards(page("prices"))
    rows = {row[0]: row for row in table(shown["prices-table"])}
    assert set(rows) == {"BTC", "ETH", "SOL", "LINK", "AVAX", "USDC"}
    btc = rows["BTC"]
    assert btc[1] == "FRESH"
    assert btc[2] == "97,412.00"
    assert btc[8:10] == ["14:12:26.000", "12 ms"]
    assert btc[11] == "6"


def test_a_change_over_a_day_that_was_not_seen_is_a_dash() -> None:
    with opened(sample_runtime()):
        shown = boards(page("prices"))
    assert {row[4] for row in table(shown["prices-table"])} == {"\u2013"}


def test_one_asset_cut_off_is_stale_alone() -> None:
    runtime = sample_runtime()
    runtime.clock.advance(60)
    picture = runtime.picture()
    held = dict(picture.prices.assets)
    exposures = frames.exposures(picture.scores, picture.prices)
    quotes = prices_table.quotes(picture, {}, exposures)
    assert {quote.freshness for quote in quotes} == {Freshness.LATE}
    slower = replace(held["LINK"], cadence=timedelta(minutes=10))
    runtime.change(prices=replace(picture.prices, assets=held | {"LINK": slower}))
    quotes = prices_table.quotes(runtime.picture(), {}, exposures)
    assert [q.asset for q in quotes if q.freshness is Freshness.FRESH] == ["LINK"]


def test_an_asset_of_the_book_without_any_price_has_a_row_that_says_so() -> None:
    runtime = sample_runtime()
    prices = runtime.picture().prices
    left = {name: held for name, held in prices.assets.items() if name != "LINK"}
    runtime.change(prices=replace(prices, assets=left))
    with opened(runtime):
        shown = boards(page("prices"))
    rows = {row[0]: row for row in table(shown["prices-table"])}
    assert rows["LINK"][1] == "NEVER"
    assert rows["LINK"][2] == "\u2013"
    assert rows["LINK"][12] == "\u2013"
    assert {len(row) for row in rows.values()} == {len(prices_table.columns(prices_table.HOUR))}


def test_before_the_first_price_the_page_waits_and_says_that_this_is_expected() -> None:
    with opened(sample_runtime(empty=True)):
        shown = boards(page("prices"))
    assert shown["prices-table"]["say"]["v"] == "No price has come yet."
    assert shown["prices-table"]["rows"] == []


def test_the_asset_of_the_address_is_the_one_on_the_chart() -> None:
    with opened(sample_runtime()):
        test = page("prices", asset="SOL")
    assert test.selectbox[0].value == "SOL"
    (chosen,) = [r for r in boards(test)["prices-table"]["rows"] if r["c"] == "sel"]
    assert words(chosen["cells"][0]) == "SOL"


def test_an_unknown_asset_in_the_address_falls_back_to_the_first() -> None:
    with opened(sample_runtime()):
        assert page("prices", asset="../etc").selectbox[0].value == "BTC"


def test_flagged_ticks_say_what_was_kept() -> None:
    runtime = sample_runtime()
    prices = runtime.picture().prices
    flag = Flag(NOW - timedelta(minutes=4), "SOL", "moved +900.0 % in one tick", "taken")
    runtime.change(prices=replace(prices, flags=(flag,)))
    with opened(runtime):
        shown = boards(page("prices"))
    row = ["14:08:38", "SOL moved +900.0 % in one tick", "taken"]
    assert table(shown["prices-flagged"]) == [row]
    assert {r[0]: r[10] for r in table(shown["prices-table"])}["SOL"] == "1 flagged"


def test_everything_is_marked_old_while_the_broker_is_gone() -> None:
    runtime = sample_runtime()
    channel = runtime.picture().channel
    lost = type(channel)(False, NOW - timedelta(seconds=140), "connection refused")
    runtime.change(channel=lost)
    with opened(runtime):
        shown = boards(page("prices"))
    assert shown["prices-table"]["look"] == "stale"
    says = words(shown["prices-table"]["end"][0])
    assert says == "as of 14:10:18, disconnected 2 min 20 s ago"


@pytest.mark.parametrize("window", ["15 min", "24 h"])
def test_every_window_draws(window: str) -> None:
    with opened(sample_runtime()):
        test = page("prices")
        test.button_group[0].set_value(window).run()
        assert not test.exception
        assert len(test.get("echarts_chart")) == 1
