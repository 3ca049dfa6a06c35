"""The verdict: one sentence, the gravest finding first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.diagnosis import Level, Signals, Worst, verdict
from core.policy import Status
from core.staleness import Freshness
from core.wording import ages

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
WELL = Signals(
    now=NOW,
    connected=True,
    connected_since=NOW - timedelta(hours=1),
    freshness={"ETH": Freshness.FRESH},
    price_age=timedelta(seconds=1),
    score_age=timedelta(seconds=1),
    accounts=1000,
    worst=Worst("wren-02", Status.MARGIN_CALL, Decimal("23.899"), NOW - timedelta(hours=3)),
)


def test_all_is_well_names_the_worst_account_floored() -> None:
    found = verdict(WELL)
    assert found.level is Level.OK
    assert "wren-02, MARGIN_CALL at 23.89 %, told 11:00:00" in found.evidence


def test_a_dead_channel_beats_everything() -> None:
    broken = replace(WELL, connected=False, connected_since=NOW - timedelta(seconds=5), not_told=3)
    found = verdict(broken)
    assert (found.level, found.code) == (Level.BLIND, "broker_unreachable")
    assert "5 s" in found.sentence


def test_scores_on_old_prices_are_not_current_even_if_all_are_healthy() -> None:
    found = verdict(replace(WELL, price_age=timedelta(seconds=140)))
    assert found.code == "oracle_silent"
    assert "2 min 20 s" in found.sentence
    assert "not current" in found.sentence


def test_a_replay_that_ended_is_no_silence() -> None:
    found = verdict(replace(WELL, price_age=timedelta(hours=2), replay_ended=True))
    assert found.code == "well"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price_age": None}, "waiting_for_prices"),
        ({"not_told": 17}, "not_told"),
        ({"undelivered": 2, "undelivered_since": NOW - timedelta(seconds=40)}, "notifier_silent"),
        ({"freshness": {"LUNA": Freshness.STALE}, "unknown": 18}, "asset_stale"),
        ({"last_test_lost": "Notifier received"}, "test_lost"),
        ({"journal_error": "disk full"}, "journal_failing"),
        ({"broken_feeds": (("alerts", "missing", NOW),)}, "feed_missing"),
        ({"broken_feeds": (("alerts", "connecting", NOW),)}, "feed_connecting"),
        ({"score_age": None}, "waiting_for_scores"),
        ({"score_age": timedelta(minutes=30)}, "scores_old"),
        ({"scorer_error": "ValueError: x"}, "scorer_failing"),
        ({"ended": ("scorer",)}, "part_ended"),
        ({"set_aside": "control-room.db.corrupt-1"}, "journal_set_aside"),
    ],
)
def test_each_fault_has_its_own_code(change: dict[str, object], code: str) -> None:
    assert verdict(replace(WELL, **change)).code == code  # type: ignore[arg-type]


def test_one_stale_asset_is_named_with_the_accounts_it_costs() -> None:
    change = replace(WELL, freshness={"LUNA": Freshness.DEAD, "ETH": Freshness.FRESH}, unknown=18)
    assert verdict(change).sentence == "LUNA is stale: 18 accounts are not scored."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12, "12 s"), (220, "3 min 40 s"), (9000, "2 h 30 min"), (273_600, "3 d 4 h"), (-5, "−5 s")],
)
def test_ages_are_written_as_the_screens_do(seconds: int, text: str) -> None:
    assert ages(timedelta(seconds=seconds)) == text


def test_a_dead_scorer_is_never_well() -> None:
    found = verdict(replace(WELL, score_age=timedelta(minutes=30)))
    assert found.level is Level.ACT
    assert found.sentence == "Scores are 30 min 00 s old although prices arrive."


def test_a_subscription_of_ours_may_be_missing_for_as_long_as_it_takes_to_make_it() -> None:
    just = (("prices", "missing", NOW - timedelta(seconds=5)),)
    long = (("prices", "missing", NOW - timedelta(seconds=20)),)
    assert verdict(replace(WELL, broken_feeds=just)).level is Level.WATCH
    assert verdict(replace(WELL, broken_feeds=long)).level is Level.ACT


def test_the_remedy_works_where_it_is_shown() -> None:
    owed = replace(WELL, not_told=3)
    assert verdict(owed).remedy == "fusion worker risk-engine"
    assert verdict(replace(owed, embedded=True)).remedy == "fusion doctor"


def test_a_healthy_book_with_debt_is_not_said_to_be_without() -> None:
    assert verdict(replace(WELL, worst=None)).evidence == "No account is in a band."
