"""The Accounts page: filters in the address, one account in full, figures that recompute."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from consumers.stores.values import ScoresSnapshot
from core.edits import AddAmount, SetPrice
from core.margin import assess
from core.policy import Status
from core.portfolio import Side
from core.what_if import Scenario, apply
from dashboard.views import account_levels
from tests.dashboard.pages import boards, opened, page, table, words
from tests.support_runtime import SampleRuntime, sample_runtime


def number(text: str) -> Decimal:
    """A figure as a reader would type it again."""
    return Decimal(text.replace(",", "").replace("\u2212", "-"))


def test_all_accounts_are_listed_worst_first() -> None:
    with opened(sample_runtime()):
        shown = page("accounts").dataframe[0].value
    assert len(shown) == 12
    assert shown["account"].tolist()[:2] == ["juniper-06", "wren-02"]
    assert shown["status"][0] == ["☒ LIQUIDATION"]


def test_the_status_of_the_address_is_the_filter() -> None:
    with opened(sample_runtime()):
        test = page("accounts", status="WARNING")
        assert test.dataframe[0].value["account"].tolist() == ["fathom-02", "nocturne-08"]


def test_search_and_asset_filter_join() -> None:
    with opened(sample_runtime()):
        test = page("accounts", q="08", holds="SOL")
        assert test.dataframe[0].value["account"].tolist() == ["nocturne-08"]
        test.text_input[0].set_value("nobody").run()
        assert not test.dataframe
        assert "No account matches" in test.caption[0].value


def test_an_unknown_status_in_the_address_filters_nothing() -> None:
    with opened(sample_runtime()):
        assert len(page("accounts", status="<script>").dataframe[0].value) == 12


def test_the_order_stands_while_the_list_is_the_same() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("accounts")
        before = test.dataframe[0].value["account"].tolist()
        runtime.fill_prices(age=timedelta(seconds=2))
        test.run()
        assert test.dataframe[0].value["account"].tolist() == before


def test_before_the_first_score_the_page_waits() -> None:
    with opened(sample_runtime(empty=True)):
        shown = boards(page("accounts"))
    assert shown["accounts-none"]["say"]["v"] == "No account is scored yet."


def on_stale(runtime: SampleRuntime, user: str, asset: str, scores: ScoresSnapshot) -> None:
    """From now on `user` rests on an old price of `asset`."""
    stale = replace(scores.valuation.prices, unusable={asset: "stale 2 min 20 s"})
    found = assess(runtime.positions.book().portfolio(user), stale, runtime.policy)
    runtime.assess = lambda user_id: found  # type: ignore[method-assign]


def opened_account(runtime: SampleRuntime, user: str) -> dict[str, dict[str, Any]]:
    """The boards of one account's page."""
    with opened(runtime):
        return boards(page("accounts", account=user))


def test_the_score_recomputes_by_hand_from_what_is_shown() -> None:
    shown = opened_account(sample_runtime(), "kestrel-02")
    ledger = table(shown["account-why"])
    lines = [row for row in ledger if len(row) == 7]
    counted = {row[0]: number(row[1]) * number(row[2]) * number(row[5]) for row in lines}
    c = counted["ETH"] + counted["BTC"]
    b = counted["USDC"] + counted["SOL"]
    score = 100 * (c - b) / b
    formula = [words(cell) for cell in shown["account-why"]["sum"]]
    assert formula[-1] == f"= {score:.6f}"[:7] + " %"
    assert shown["account-head"]["score"] == "27.17"
    terms = re.findall(r"[\d,]+\.\d\d", formula[1])
    assert [number(t) for t in terms] == [Decimal("2277322.90"), b, b]


def test_the_head_names_status_facts_and_who_was_told() -> None:
    head = opened_account(sample_runtime(), "wren-02")["account-head"]
    facts = dict(head["facts"])
    assert head["status"] == "MARGIN_CALL"
    assert facts["Pipeline says"] == "MARGIN_CALL, the same"
    assert facts["Told"] == "14:00:38 by email, webhook"
    assert facts["Oldest price under it"]["after"] == ", BTC"
    assert head["edges"] == ["15", "30", "50"]


@pytest.mark.parametrize("target", [30, 50])
def test_every_cure_shown_lands_on_its_target_when_it_is_applied(target: int) -> None:
    runtime = sample_runtime()
    assert runtime.scores is not None
    found = runtime.assess("wren-02")
    assert found is not None
    portfolio = runtime.positions.book().portfolio("wren-02")
    prices, policy = runtime.scores.valuation.prices, runtime.policy
    board = account_levels.cures(
        runtime.picture(), portfolio, found, policy, Decimal(target)
    ).data()
    rows = {row[0]: row[1] for row in table(board)}
    units, asset = rows["Add BTC as collateral"].split()
    case = apply(portfolio, prices, Scenario((AddAmount(Side.COLLATERAL, asset, number(units)),)))
    after = assess(*case, policy)
    assert after.score is not None
    assert target <= after.score < target + Decimal("0.01")
    assert any(name.startswith("Repay USDC") for name in rows)


def test_trigger_prices_land_on_their_threshold() -> None:
    runtime = sample_runtime()
    shown = opened_account(runtime, "wren-02")
    rows = {row[0]: row for row in table(shown["account-triggers"])}
    btc = rows["BTC collateral"]
    assert btc[1] == "97,412.00"
    at_15 = number(btc[2].split()[0])
    assert runtime.scores is not None
    case = runtime.positions.book().portfolio("wren-02"), runtime.scores.valuation.prices
    moved = apply(*case, Scenario((SetPrice("BTC", at_15),)))
    after = assess(*moved, runtime.policy)
    assert after.status is Status.MARGIN_CALL
    assert after.score is not None
    assert after.score - 15 < Decimal("0.01")
    heads = [words(column["h"]) for column in shown["account-triggers"]["columns"]]
    assert heads[2:] == ["15 %", "30 %", "50 %"]


def test_an_account_that_is_well_needs_no_cure() -> None:
    shown = opened_account(sample_runtime(), "birch-04")
    assert shown["account-cures"]["say"]["v"] == "Nothing to cure."


def test_an_account_without_debt_has_no_score_and_says_why() -> None:
    shown = opened_account(sample_runtime(), "meridian-04")
    assert shown["account-head"]["score"] == "\u2013"
    assert words(shown["account-why"]["sum"][0]) == "nothing borrowed, so there is no score"
    assert shown["account-triggers"]["say"]["v"] == "No trigger price."


def test_an_account_on_an_old_price_is_not_scored_and_names_the_asset() -> None:
    runtime = sample_runtime()
    assert runtime.scores is not None
    on_stale(runtime, "tamar-03", "LINK", runtime.scores)
    shown = opened_account(runtime, "tamar-03")
    assert shown["account-head"]["status"] == "UNKNOWN"
    assert shown["account-head"]["says"] == "UNKNOWN"
    assert words(shown["account-why"]["sum"][0]) == "LINK stale 2 min 20 s"
    assert shown["account-cures"]["say"]["v"] == "No cure is named."
    assert shown["account-cures"]["say"]["more"] == [
        "It is not scored: a cure computed on an old price would mislead."
    ]


def test_an_account_on_an_old_price_keeps_its_last_word_with_a_question_mark() -> None:
    runtime = sample_runtime()
    assert runtime.scores is not None
    on_stale(runtime, "wren-02", "BTC", runtime.scores)
    shown = opened_account(runtime, "wren-02")
    assert shown["account-head"]["says"] == "MARGIN_CALL?"
    assert shown["account-head"]["score"] == "\u2013"


def test_the_history_tells_alerts_with_their_channels() -> None:
    shown = opened_account(sample_runtime(), "wren-02")
    rows = table(shown["account-history"])
    alert = next(row for row in rows if row[1].startswith("Alert"))
    assert alert[0] == "14:00:38"
    assert alert[4] == "delivered by email, webhook"
    assert any(row[1] == "Escrow" for row in rows)


@pytest.mark.parametrize("user", ["nobody", "[x](http://evil.example)", "a" * 500])
def test_an_id_that_the_book_does_not_have_is_said_and_stays_text(user: str) -> None:
    shown = opened_account(sample_runtime(), user)
    assert shown["account-none"]["title"] == user[:64]
    assert shown["account-none"]["say"]["v"] == "The book has no such account."


def test_an_account_asked_for_before_the_first_score_waits() -> None:
    shown = opened_account(sample_runtime(empty=True), "wren-02")
    assert shown["account-none"]["say"]["v"] == "Not scored yet."


def test_the_way_back_closes_the_account() -> None:
    with opened(sample_runtime()):
        test = page("accounts", account="wren-02")
        test.button[0].click().run()
        assert not test.exception
        assert len(test.dataframe) == 1
