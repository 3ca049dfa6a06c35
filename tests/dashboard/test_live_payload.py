"""The sections say what the picture says, change only with it, and never round across a band."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.stores.values import Market, Transition
from core.margin import assess, floor_score
from core.policy import Policy, Status
from core.portfolio import Portfolio, PricePoint, PriceSnapshot
from dashboard.live import accounts, ledger, payload, strip
from dashboard.live.book import by_asset, curve, histogram
from dashboard.live.payload import SECTIONS, BoardBuilder
from tests.support_runtime import NOW, SampleRuntime, sample_runtime


@pytest.fixture
def runtime() -> SampleRuntime:
    """The sample, scored again so that its ledger has its records."""
    found = sample_runtime()
    found.fill_scores()
    return found


def test_all_sections_are_there_and_are_json(runtime: SampleRuntime) -> None:
    built = BoardBuilder(runtime.price_history).build(runtime.picture(), 0.0)
    assert tuple(built) == SECTIONS
    assert orjson.loads(orjson.dumps(built)) == built


def test_a_board_before_the_first_price_is_whole_too() -> None:
    empty = sample_runtime(empty=True)
    built = BoardBuilder(empty.price_history).build(empty.picture(), 0.0)
    assert orjson.dumps(built)
    assert built["accounts"]["mode"] == "empty"
    assert [a["at"] for a in built["verdict"]["ages"]] == [None, None, None]


def test_nothing_changes_while_only_time_passes(runtime: SampleRuntime) -> None:
    builder = BoardBuilder(runtime.price_history)
    before = builder.build(runtime.picture(), 0.0)
    runtime.clock.advance(2)
    assert builder.build(runtime.picture(), 2.0) == before


def test_tiles_add_up_to_the_book(runtime: SampleRuntime) -> None:
    section = payload.tiles(runtime.picture())
    assert sum(t["count"] for t in section["tiles"]) == section["total"] == 12
    assert section["tiles"][0]["status"] == "LIQUIDATION"


def test_tiles_say_what_moved_within_ten_minutes(runtime: SampleRuntime) -> None:
    scores = runtime.scores
    assert scores is not None

    def fell(minutes: int) -> Transition:
        at = scores.market_time - timedelta(minutes=minutes)
        return Transition(at, at, "a", Status.WARNING, Status.LIQUIDATION, Decimal(1), "ETH")

    runtime.change(scores=replace(scores, transitions=(fell(1), fell(2), fell(30))))
    notes = {t["status"]: t["note"] for t in payload.tiles(runtime.picture())["tiles"]}
    assert notes["LIQUIDATION"].startswith("+2 in 10 min, ")
    assert notes["WARNING"].startswith("\u22122 in 10 min, ")
    assert notes["HEALTHY"].startswith("collateral ")


def test_nearest_row_is_rounded_to_the_safe_side(runtime: SampleRuntime) -> None:
    rows = {r["user"]: r for r in accounts.build(runtime.picture())["rows"]}
    halden = rows["halden-01"]  # C 30 x 97,412.00, B 1,944,000: 50.3271…
    assert halden["score"] == "50.32"
    assert halden["distance"] == "0.32"
    assert halden["move"] == "\u22120.21 %"  # 1 - 1.5 B/C is 0.2176 %
    assert halden["collateral"] == "2,922,360"
    juniper = rows["juniper-06"]  # below every band: how far prices must rise, rounded up
    assert juniper["distance"].startswith("\u2212")
    assert juniper["move"] == "+2.26 %"


@given(st.decimals(min_value="0.5", max_value="2", places=12))
def test_shown_score_never_crosses_a_band(ratio: Decimal) -> None:
    policy = Policy()
    portfolio = Portfolio.of("a", {"X": str(ratio)}, {"X": "1"})
    found = assess(portfolio, _one(), policy)
    assert found.score is not None
    shown = Decimal(floor_score(found.score))
    bands = [shown >= t for t in policy.thresholds()]
    assert bands == [found.score >= t for t in policy.thresholds()]


def _one() -> PriceSnapshot:
    return PriceSnapshot("s", NOW, {"X": PricePoint("X", Decimal(1), NOW, "p-1")})


def test_repaying_what_is_shown_reaches_the_threshold() -> None:
    policy = Policy()
    prices = _one()
    before = assess(Portfolio.of("a", {"X": "120"}, {"X": "100"}), prices, policy)
    owed = accounts.repay(before, policy.warning)
    assert owed is not None
    paid = Decimal(100) - owed.quantize(Decimal(1), rounding="ROUND_CEILING")
    after = assess(Portfolio.of("a", {"X": "120"}, {"X": str(paid)}), prices, policy)
    assert after.score is not None
    assert after.score >= policy.warning


def test_untold_accounts_replace_the_nearest(runtime: SampleRuntime) -> None:
    scores = runtime.scores
    assert scores is not None
    worst = scores.nearest[0]
    since = NOW - timedelta(seconds=38)
    runtime.change(scores=replace(scores, not_told=(worst,), not_told_since={worst.user_id: since}))
    section = accounts.build(runtime.picture())
    assert section["mode"] == "not_told"
    assert section["sub"] == "1 account, worst first"
    assert section["repay"] == "Repay for 30 %"
    assert section["rows"][0]["silent"] == int(since.timestamp() * 1000)


def test_ledger_counts_due_published_received_delivered(runtime: SampleRuntime) -> None:
    section = ledger.due(runtime.picture())
    assert [c["n"] for c in section["cells"]] == ["6", "6", "6", "6"]
    assert section["end"] == "0 holes, 0 doubles"
    assert section["words"] == "As expected: 6 alerts due, all of them delivered."


def test_ledger_places_the_hole(runtime: SampleRuntime) -> None:
    scores = runtime.scores
    assert scores is not None
    unreceipted = tuple(
        replace(
            d, at=d.at - timedelta(minutes=1), record=d.record and replace(d.record, receipts=())
        )
        for d in scores.due
    )
    runtime.change(scores=replace(scores, due=unreceipted))
    section = ledger.due(runtime.picture())
    assert section["cells"][3]["n"] == "0"
    assert section["cells"][3]["bad"]
    assert "after the topic" in section["words"]
    lost = tuple(replace(d, at=d.at - timedelta(minutes=1), record=None) for d in scores.due)
    runtime.change(scores=replace(scores, due=lost))
    assert "before the topic" in ledger.due(runtime.picture())["words"]


def test_what_became_due_a_moment_ago_is_no_hole(runtime: SampleRuntime) -> None:
    scores = runtime.scores
    assert scores is not None
    young = tuple(replace(d, at=NOW - timedelta(seconds=1), record=None) for d in scores.due)
    runtime.change(scores=replace(scores, due=young))
    section = ledger.due(runtime.picture())
    assert section["end"] == "0 holes, 0 doubles"
    assert section["cells"][1]["f"] == "6 on the way"
    assert not section["cells"][3]["bad"]


def test_verdict_age_of_prices_is_that_of_the_oldest(runtime: SampleRuntime) -> None:
    held = runtime.prices.snapshot()
    old = NOW - timedelta(seconds=112)
    assets = dict(held.assets) | {"LINK": replace(held.assets["LINK"], as_of=old)}
    runtime.change(prices=replace(held, assets=assets))
    prices, scores, _ = payload.verdict(runtime.picture(), folded=0)["ages"]
    assert prices["at"] == int(old.timestamp() * 1000)
    assert prices["state"] == "STALE"
    assert scores["state"] == "FRESH"  # the other five are current


def test_scores_on_dead_prices_are_not_fresh(runtime: SampleRuntime) -> None:
    held = runtime.prices.snapshot()
    dead = {n: replace(a, as_of=NOW - timedelta(minutes=9)) for n, a in held.assets.items()}
    runtime.change(prices=replace(held, assets=dead))
    assert payload.verdict(runtime.picture(), folded=0)["ages"][1]["state"] == "DEAD"


def test_environment_names_the_clock(runtime: SampleRuntime) -> None:
    assert payload.environment(runtime.picture()) == "embedded, simulated"
    market = Market(True, 3600.0, NOW, NOW)
    runtime.change(prices=replace(runtime.prices.snapshot(), market=market))
    assert payload.environment(runtime.picture()) == "embedded, replay ×3,600"


def test_sparkline_does_not_cross_a_gap() -> None:
    minute = 60_000
    points = tuple((i * minute, 100.0 + i) for i in range(60) if not 20 <= i < 40)
    runs = strip.spark(points, minute)
    assert len(runs) == 2
    assert runs[0][:2] == [0, 100]  # the lowest, at the foot
    assert runs[1][-2:] == [1000, 0]


def test_change_names_a_shorter_history() -> None:
    hour = timedelta(hours=1)
    points = ((0, 100.0), (3_600_000, 90.0))
    assert strip.change_of(points, 90.0, hour, "1 h") == ("\u221210.00 %", "1 h")
    assert strip.change_of(points[:1], 90.0, hour, "1 h") == ("\u2013", "1 h")
    assert strip.change_of(((0, 100.0), (180_000, 1.0)), 101.0, hour, "1 h") == ("+1.00 %", "3 min")


def test_strip_keeps_its_order_when_prices_cross(runtime: SampleRuntime) -> None:
    built = strip.Strip(runtime.price_history)
    before = [a["asset"] for a in built.build(runtime.picture(), 0.0)["assets"]]
    held = runtime.prices.snapshot()
    assets = dict(held.assets) | {"USDC": replace(held.assets["USDC"], price=Decimal(10**6))}
    runtime.change(prices=replace(held, assets=assets))
    assert [a["asset"] for a in built.build(runtime.picture(), 1.0)["assets"]] == before
    assert before[0] == "BTC"


def test_book_figures_agree_with_each_other(runtime: SampleRuntime) -> None:
    scores = runtime.scores
    assert scores is not None
    bars = histogram(scores.valuation, scores.policy)
    assert sum(b[1] for b in bars["bars"]) == 11  # all but NO_DEBT
    assert sum(r["share"] for r in by_asset(scores.valuation)["rows"]) == pytest.approx(
        100, abs=0.3
    )
    values = [v for _, v in curve(scores.valuation)["points"]]
    assert values == sorted(values)
    assert values[0] == pytest.approx(scores.collateral[Status.LIQUIDATION], abs=0.01)
