"""The What-if page: the live calculation on changed values, frozen prices, no way to publish."""

import ast
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import FieldError
from core.margin import assess, floor_score
from dashboard.views import what_if_inputs as inputs
from dashboard.views import what_if_results as results
from tests.dashboard.pages import boards, opened, page, table
from tests.support import ROOT
from tests.support_runtime import SampleRuntime, sample_runtime

REACHES_A_PUBLISHER = (
    "consumers.pubsub",
    "consumers.publisher",
    "consumers.actions",
    "consumers.runtime",
    "google.cloud.pubsub",
    "google.cloud.pubsub_v1",
)


def scores_board(test: AppTest) -> list[list[str]]:
    """Before and after, as rows of text."""
    return table(boards(test)["wi-compare"])


def test_importing_the_page_loads_nothing_that_could_publish() -> None:
    code = (
        "import sys, dashboard.views.what_if\n"
        f"print([m for m in {REACHES_A_PUBLISHER!r} if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_its_sources_name_neither_the_door_nor_an_action() -> None:
    for path in sorted((ROOT / "dashboard" / "views").glob("what_if*.py")):
        names = {n.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Name)}
        attributes = {
            n.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)
        }
        assert not (names | attributes) & {"door", "running", "publisher", "send_test_alert"}


def test_without_edits_both_columns_are_the_live_score() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        rows = scores_board(page("what_if", a="kestrel-02"))
    live = runtime.assess("kestrel-02")
    assert live is not None
    assert live.score is not None
    assert rows[0] == ["0.00 pp", floor_score(live.score), floor_score(live.score)]
    assert rows[1] == ["Status", "MARGIN_CALL", "MARGIN_CALL"]


def test_a_typed_shock_gives_the_exact_score_and_moves_its_slider() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("what_if", a="birch-04")
        test.number_input(key="wi-box-BTC").set_value(-12.34).run()
        rows = scores_board(test)
        assert test.select_slider(key="wi-slider-BTC").value == -12.0
    score = 100 * (Decimal("8") * Decimal("97412") * Decimal("0.8766") - 300_000) / 300_000
    assert rows[0][2] == floor_score(score)


def test_the_slider_moves_its_box() -> None:
    with opened(sample_runtime()):
        test = page("what_if", a="birch-04")
        test.select_slider(key="wi-slider-BTC").set_value(-20.0).run()
        assert test.number_input(key="wi-box-BTC").value == -20.0
        assert scores_board(test)[0][0].startswith("\u2212")


def test_the_live_book_is_untouched_by_a_shock() -> None:
    runtime = sample_runtime()
    before = runtime.picture().scores
    with opened(runtime):
        test = page("what_if", a="birch-04")
        test.number_input(key="wi-box-All").set_value(-40.0).run()
    assert runtime.picture().scores is before


def test_prices_stand_still_until_they_are_re_based() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("what_if", a="kestrel-02")
        test.number_input(key="wi-box-ETH").set_value(-1.0).run()
        before = scores_board(test)
        cheaper(runtime)
        test.run()
        assert scores_board(test) == before
        rebase = next(b for b in test.button if b.label == "Re-base to now")
        rebase.click().run()
        assert scores_board(test) != before
        assert test.number_input(key="wi-box-ETH").value == -1.0
        assert test.selectbox(key="a").value == "kestrel-02"


def cheaper(runtime: SampleRuntime) -> None:
    """A tick later everything but the dollar costs a tenth less."""
    scores = runtime.scores
    assert scores is not None
    prices = scores.valuation.prices
    points = {
        asset: replace(point, price=point.price * (1 if asset == "USDC" else Decimal("0.9")))
        for asset, point in prices.points.items()
    }
    after = replace(prices, snapshot_id="later", points=points)
    runtime.scores = replace(scores, valuation=scores.book.revalue(after), version=99)


def test_a_preset_shocks_all_but_what_is_pegged() -> None:
    with opened(sample_runtime()):
        test = page("what_if", a="birch-04")
        next(b for b in test.button if b.label == "\u221210 % all").click().run()
        rows = scores_board(test)
    score = 100 * (8 * 97_412 * Decimal("0.9") - 300_000) / 300_000
    assert rows[0][2] == floor_score(score)
    assert rows[3][1:] == ["300,000.00", "300,000.00"]


def test_solving_for_a_band_lands_on_its_threshold_on_the_good_side() -> None:
    with opened(sample_runtime()):
        test = page("what_if", a="birch-04")
        test.selectbox(key="wi-solve-asset").set_value("BTC").run()
        test.button_group(key="wi-solve-to").set_value("30 %").run()
        next(b for b in test.button if b.label == "Solve").click().run()
        rows = scores_board(test)
    assert rows[0][2] == "30.00"
    assert rows[1][2] == "WARNING"


def test_reset_brings_everything_back() -> None:
    with opened(sample_runtime()):
        test = page("what_if", a="birch-04")
        start = scores_board(test)
        test.number_input(key="wi-box-BTC").set_value(-33.0).run()
        assert scores_board(test) != start
        next(b for b in test.button if b.label == "Reset").click().run()
        assert scores_board(test) == start


def test_a_blank_sheet_has_no_score_and_says_what_to_do() -> None:
    with opened(sample_runtime()):
        test = page("what_if", a="Blank sheet")
        assert scores_board(test)[1] == ["Status", "NO_DEBT", "NO_DEBT"]
        assert any("pick an account" in caption.value for caption in test.caption)


def test_an_account_on_an_old_price_has_no_score_to_move_and_says_so() -> None:
    runtime = sample_runtime()
    scores = runtime.scores
    assert scores is not None
    stale = replace(scores.valuation.prices, unusable={"LINK": "stale 2 min 20 s"})
    runtime.scores = replace(scores, valuation=scores.book.revalue(stale))
    with opened(runtime):
        test = page("what_if", a="tamar-03")
        rows = scores_board(test)
    assert rows[1] == ["Status", "UNKNOWN", "UNKNOWN"]
    assert rows[4][1:] == ["\u2013", "\u2013"]
    assert any("LINK without a usable price" in caption.value for caption in test.caption)


def test_an_id_that_nobody_has_is_a_blank_sheet() -> None:
    with opened(sample_runtime()):
        test = page("what_if", a="[x](http://evil.example)")
        assert scores_board(test)[1] == ["Status", "NO_DEBT", "NO_DEBT"]


def test_before_the_first_score_it_waits() -> None:
    with opened(sample_runtime(empty=True)):
        shown = boards(page("what_if"))
    assert shown["wi-none"]["say"]["v"] == "Nothing is scored yet."


def test_the_frame_says_hypothetical_and_names_the_age_of_its_prices() -> None:
    with opened(sample_runtime()):
        test = page("what_if", a="birch-04")
    frame = boards(test)["hypothetical-frame"]
    assert frame["tag"] == "HYPOTHETICAL"
    assert "Prices frozen 14:12:26 UTC, {age} ago" in frame["note"]
    assert any("not a prediction" in caption.value for caption in test.caption)


def test_movers_of_the_book_are_the_difference_of_its_tiles() -> None:
    runtime = sample_runtime()
    scores = runtime.scores
    assert scores is not None
    with opened(runtime):
        test = page("what_if", a="birch-04")
        test.number_input(key="wi-box-All").set_value(-1.0).run()
        shown = boards(test)["wi-book"]
    rows = table(shown)
    named = {row[i] for row in rows for i in (0, 3) if row[i]}
    assert shown["sub"].startswith(f"{len(named)} of 12 accounts change band")
    assert {"halden-01", "pallas-08"} & named


def sheet(**changed: float) -> list[tuple[str, str, float | None]]:
    """The rows of wren-02's sheet, amounts as given."""
    amounts: dict[str, Any] = {"BTC": 1.79, "USDC": 140710.0} | changed
    return [("collateral", "BTC", amounts["BTC"]), ("borrow", "USDC", amounts["USDC"])]


def test_only_what_was_touched_is_an_edit() -> None:
    portfolio = sample_runtime().positions.book().portfolio("wren-02")
    assert inputs.positions(portfolio, sheet()) == ()
    (edit,) = inputs.positions(portfolio, sheet(USDC=120_000.0))
    assert str(edit) == "borrow USDC = 120000"
    (added,) = inputs.positions(portfolio, [*sheet(), ("collateral", "ETH", 2.0)])
    assert str(added) == "collateral ETH = 2"
    (gone,) = inputs.positions(portfolio, sheet(BTC=0.0))
    assert str(gone) == "collateral BTC = 0"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("collateral", "", 1.0), "row 3: needs a side, an asset and an amount"),
        (("collateral", "BTC", 1.0), "row 3: collateral BTC is given twice"),
        (("collateral", "ETH", float("inf")), "row 3: must be a finite number"),
    ],
)
def test_a_row_that_cannot_be_scored_is_named(
    row: tuple[str, str, float | None], reason: str
) -> None:
    portfolio = sample_runtime().positions.book().portfolio("wren-02")
    with pytest.raises(FieldError, match=reason):
        inputs.positions(portfolio, [*sheet(), row])


def test_an_empty_row_is_no_row() -> None:
    portfolio = sample_runtime().positions.book().portfolio("wren-02")
    assert inputs.positions(portfolio, [*sheet(), ("", "", None)]) == ()


def test_the_map_holds_direct_evaluations() -> None:
    runtime = sample_runtime()
    scores = runtime.scores
    assert scores is not None
    portfolio = runtime.positions.book().portfolio("kestrel-02")
    prices, policy = scores.valuation.prices, runtime.policy
    found, here = results.map_of(portfolio, prices, prices, policy, ("ETH", "BTC"))
    assert found.score.shape == (21, 21)
    assert here == (0.0, 0.0)
    now = assess(portfolio, prices, policy)
    assert now.score is not None
    assert found.score[10, 10] == pytest.approx(float(now.score), rel=1e-9)
    assert float(found.shocks_a[0]) == -0.4
    assert float(found.shocks_a[20]) == 0.4


def test_the_slider_is_fine_near_zero_and_reaches_half() -> None:
    assert sorted(inputs.STOPS) == inputs.STOPS
    assert inputs.STOPS[0] == -50.0
    assert inputs.STOPS[-1] == 50.0
    assert 0.1 in inputs.STOPS
    assert 0.0 in inputs.STOPS
