"""Tables: floored figures stay in their band, filters agree with the book, text stays text."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from consumers.stores.values import ScoresSnapshot
from core.bands import CODE
from core.policy import Policy, Status
from dashboard import frames
from tests.support_runtime import NOW, SampleRuntime, sample_runtime


@pytest.fixture
def runtime() -> SampleRuntime:
    """Twelve accounts, six assets."""
    return sample_runtime()


def scores_of(runtime: SampleRuntime) -> ScoresSnapshot:
    """The sample is scored."""
    assert runtime.scores is not None
    return runtime.scores


def test_a_floored_score_never_leaves_its_band() -> None:
    policy = Policy(warning=Decimal("30.005"))
    codes = np.array([CODE[Status.WARNING], CODE[Status.MARGIN_CALL]], np.int8)
    shown = frames.floored_scores(np.array([30.0051, 29.9999]), codes, policy)
    assert shown.tolist() == [30.005, 29.99]


def test_c_is_floored_and_b_is_ceiled_to_the_cent(runtime: SampleRuntime) -> None:
    scores = scores_of(runtime)
    rows = frames.matching(scores)
    table = frames.accounts(scores, runtime.picture().prices, rows, NOW)
    assert (table["collateral"] <= scores.valuation.collateral[rows] + 1e-9).all()
    assert (table["borrow"] >= scores.valuation.borrow[rows] - 1e-9).all()
    wren = table.set_index("account").loc["wren-02"]
    assert wren["score"] == 23.91
    assert wren["collateral"] == 174_367.48


def test_accounts_come_worst_first_and_those_without_a_score_last(runtime: SampleRuntime) -> None:
    scores = scores_of(runtime)
    users = [scores.book.users[row] for row in frames.matching(scores)]
    assert users[:3] == ["juniper-06", "wren-02", "kestrel-02"]
    assert users[-1] == "meridian-04"


def test_filters_join_and_search_knows_no_case(runtime: SampleRuntime) -> None:
    scores = scores_of(runtime)

    def found(**filters: str) -> set[str]:
        return {scores.book.users[row] for row in frames.matching(scores, **filters)}

    assert found(status="WARNING") == {"fathom-02", "nocturne-08"}
    assert found(status="WARNING", search="FATHOM") == {"fathom-02"}
    assert found(asset="LINK") == {"tamar-03"}
    assert found(asset="NOPE") == set()
    assert found(status="NOPE") == found()


def test_exposure_is_what_the_accounts_page_finds_under_that_asset(runtime: SampleRuntime) -> None:
    scores, prices = scores_of(runtime), runtime.picture().prices
    found = frames.exposures(scores, prices)
    assert found["BTC"].accounts == len(frames.matching(scores, asset="BTC"))
    held = sum(float(p.collateral.get("BTC", 0)) for p in scores.book.portfolios)
    assert found["BTC"].collateral == pytest.approx(held * 97_412)
    assert frames.exposures(None, prices) == {}


def test_the_oldest_price_counts_and_one_that_never_came_is_unknown(runtime: SampleRuntime) -> None:
    scores, prices = scores_of(runtime), runtime.picture().prices
    ages = frames.oldest_ages(scores, prices, NOW + timedelta(seconds=8))
    assert set(ages.tolist()) == {20.0}
    nothing = sample_runtime(empty=True).picture().prices
    assert np.isnan(frames.oldest_ages(scores, nothing, NOW)).all()


def test_hostile_bytes_become_text_and_nothing_else(runtime: SampleRuntime) -> None:
    table = frames.messages(runtime.quarantine())
    assert table["data"][0].startswith("[pay](http://evil.example) <script>")
    assert all(str(kind) in ("string", "str") for kind in table.dtypes)
    assert frames.as_text(b"\xff\xfe") == "\ufffd\ufffd"
    assert frames.as_text(b"x" * 3_000).endswith("(3,000 bytes)")
    assert frames.as_text(b"x" * 3_000, size=9_000_000).endswith("(9,000,000 bytes)")


def test_only_json_is_indented(runtime: SampleRuntime) -> None:
    assert frames.readable(b'{"a":1}') == '{\n  "a": 1\n}'
    assert frames.readable(b"not json") == "not json"
    assert frames.readable(b"[" * 100_000).startswith("[[[")


def test_an_edited_sheet_comes_back_row_by_row() -> None:
    table = frames.positions([("collateral", "ETH", Decimal("1.5"))])
    table.loc[1] = [None, None, None, None]
    assert frames.tried(table) == [("collateral", "ETH", 1.5), ("", "", None)]
