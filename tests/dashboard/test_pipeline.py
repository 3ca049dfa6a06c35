"""The Pipeline page: behind first, unknown is a dash, looking asks nothing of the broker."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from consumers.state import state_of
from consumers.stores.values import SubscriptionBacklog
from dashboard.metrics import exposition
from dashboard.views import pipeline_map, pipeline_rows
from tests.dashboard.pages import boards, opened, page, table, words
from tests.support_runtime import NOW, SampleRuntime, sample_runtime


def with_backlogs(*held: SubscriptionBacklog, **fields: Any) -> SampleRuntime:
    """A sample whose subscriptions are exactly these."""
    runtime = sample_runtime()
    backlogs = runtime.picture().backlogs
    found = {one.subscription: one for one in held}
    runtime.change(backlogs=replace(backlogs, subscriptions=found, **fields))
    return runtime


def backlog(name: str, *counts: int | None, oldest: float | None = 1.0) -> SubscriptionBacklog:
    """A subscription whose backlog went through these counts, three seconds apart."""
    history = tuple(
        (NOW - timedelta(seconds=3 * (len(counts) - i)), count) for i, count in enumerate(counts)
    )
    seconds = None if oldest is None else timedelta(seconds=oldest)
    return SubscriptionBacklog(name, counts[-1], seconds, 1.0, 3.0, 1, NOW, history)


def test_the_one_longest_behind_comes_first() -> None:
    runtime = with_backlogs(
        backlog("a", 5, 5, 5, oldest=2), backlog("b", 1, 1, 1, oldest=250), backlog("c", 0, 0, 0)
    )
    rows = table(pipeline_rows.subscriptions(runtime.picture()).data())
    assert [row[0] for row in rows] == ["b", "a", "c"]
    assert rows[0][2] == "4 min 10 s"


def test_dead_letters_wait_for_a_person_and_not_for_a_listener() -> None:
    letters = replace(backlog("a.dead", 1, 1, 2, oldest=900), streams=0)
    runtime = with_backlogs(letters, replace(letters, subscription="b.dead", backlog=0))
    full, empty = table(pipeline_rows.subscriptions(runtime.picture()).data())
    assert (full[1], full[10]) == ("WARN", "2 dead letters to be looked at")
    assert (empty[1], empty[10]) == ("OK", "backlog is 0")
    assert pipeline_map._dead(runtime.picture()) == ("WARN", "2 letters")


def test_what_monitoring_did_not_tell_is_a_dash_and_never_zero() -> None:
    held = SubscriptionBacklog("a", None, None, None, None, None, NOW)
    (row,) = table(pipeline_rows.subscriptions(with_backlogs(held).picture()).data())
    assert row[1] == "NO DATA"
    assert row[2:4] == ["\u2013", "\u2013"]
    assert row[5:10] == ["\u2013"] * 5
    assert row[10] == "no sample: neither zero nor well"


def test_figures_from_before_a_gap_are_not_shown_as_those_of_now() -> None:
    held = backlog("a", 7, 7, None)
    runtime = with_backlogs(replace(held, backlog=7), replace(held, subscription="a.dead"))
    rows = table(pipeline_rows.subscriptions(runtime.picture()).data())
    assert [row[1] for row in rows] == ["NO DATA", "NO DATA"]
    assert [row[2:4] + row[5:10] for row in rows] == [["\u2013"] * 7] * 2
    assert pipeline_map._dead(runtime.picture()) == ("NO_DATA", "no sample")


def test_a_poll_that_hangs_is_not_current_for_ever() -> None:
    runtime = with_backlogs(replace(backlog("a", 7), at=NOW - timedelta(minutes=10)))
    (row,) = table(pipeline_rows.subscriptions(runtime.picture()).data())
    assert row[1] == "NO DATA"
    told = state_of(runtime.picture(), ready=True, reasons=())["backlogs"]["subscriptions"]
    assert told["a"]["state"] == "NO DATA"
    assert told["a"]["backlog"] is None
    text, _ = exposition(runtime.picture(), readers=0)
    assert b"fusion_backlog_messages{" not in text
    assert b"fusion_oldest_unacked_seconds{" not in text


def test_six_hundred_going_down_by_two_a_second_drain_in_five_minutes() -> None:
    counts = [600 + 6 * i for i in range(9, -1, -1)]
    (row,) = table(
        pipeline_rows.subscriptions(with_backlogs(backlog("a", *counts)).picture()).data()
    )
    assert row[8] == "5 min 00 s"


def test_a_growing_backlog_never_drains() -> None:
    counts = [600 + 6 * i for i in range(10)]
    (row,) = table(
        pipeline_rows.subscriptions(with_backlogs(backlog("a", *counts)).picture()).data()
    )
    assert row[8] == "never, +2.0/s"


def test_nothing_is_promised_from_two_samples() -> None:
    (row,) = table(
        pipeline_rows.subscriptions(with_backlogs(backlog("a", 600, 500)).picture()).data()
    )
    assert row[7] == "\u2013"
    assert row[8] == "\u2013"


def test_a_missing_sample_is_a_block_that_the_line_does_not_cross() -> None:
    board = pipeline_rows.subscriptions(with_backlogs(backlog("a", 4, 4, None, None, 8)).picture())
    spark = board.data()["rows"][0]["cells"][4]
    assert len(spark["gaps"]) == 1
    assert len(spark["runs"]) == 2


def test_silent_monitoring_keeps_the_last_figures_and_says_since_when() -> None:
    runtime = with_backlogs(backlog("a", 1, 1, 1), error="unavailable", error_since=NOW)
    board = pipeline_rows.subscriptions(runtime.picture()).data()
    assert board["look"] == "nodata"
    assert words(board["end"][0]) == "Monitoring silent since 14:12:38: unavailable"
    assert len(board["rows"]) == 1


def test_skewed_clocks_are_counted_apart() -> None:
    runtime = sample_runtime()
    picture = runtime.picture()
    latency = {"market.prices.v1": replace(picture.latency["market.prices.v1"], skewed=3)}
    runtime.change(latency=latency)
    (row,) = table(pipeline_rows.latencies(runtime.picture()).data())
    assert row[6] == "3 messages"


def test_the_map_names_every_station_and_its_state() -> None:
    found = pipeline_map.topology(sample_runtime().picture())
    by = {node["id"]: node for node in found["nodes"]}
    assert by["oracle"]["note"] == "tick 12 s ago"
    assert by["relayer"]["note"] == "event 41 s ago"
    assert by["room"]["glyph"] == "OK"
    assert by["dead"]["glyph"] == "NO_DATA"
    ends = {end for edge in found["edges"] for end in (edge["from"], edge["to"])}
    assert ends == set(by)


def test_a_consumer_that_nobody_listens_to_stops_that_station_alone() -> None:
    name = "settlement-events-consumer"
    stuck = replace(backlog(name, 9, 9, 9, oldest=400), out_per_s=0.0, in_per_s=0.0, streams=0)
    found = pipeline_map.topology(with_backlogs(stuck).picture())
    stopped = [node["id"] for node in found["nodes"] if node["glyph"] == "STOP"]
    assert stopped == ["settle"]


def test_a_lost_broker_stops_the_control_room_and_marks_the_page() -> None:
    runtime = sample_runtime()
    channel = runtime.picture().channel
    runtime.change(channel=replace(channel, connected=False, since=NOW, error="refused"))
    with opened(runtime):
        shown = boards(page("pipeline"))
    assert words(shown["pipeline-legend"]["end"][0]).startswith("as of 14:12:38, disconnected")
    rooms = [n for n in shown["pipeline-map"]["nodes"] if n["id"] == "room"]
    assert rooms[0]["glyph"] == "STOP"


def test_recent_messages_come_from_memory_and_can_be_searched() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("pipeline", topic="alerts.margin.v1")
        recent = test.dataframe[-1].value
        assert set(recent["topic"]) == {"alerts.margin.v1"}
        test.text_input(key="message").set_value("wren-02").run()
        assert not test.exception
        found = test.dataframe[-1].value
        assert 0 < len(found) < len(recent)
        test.text_input(key="message").set_value("no such thing (").run()
        assert "No message matches." in [caption.value for caption in test.caption]


def test_quarantine_shows_the_reason_and_the_raw_text_in_a_grid_alone() -> None:
    with opened(sample_runtime()):
        test = page("pipeline")
    table_of = test.dataframe[0].value
    assert table_of["refused"][0] == "not JSON"
    assert "<script>" in table_of["data"][0]
    assert not any("evil.example" in text.value for text in test.markdown)


def test_an_empty_control_room_says_that_nothing_is_known() -> None:
    with opened(sample_runtime(empty=True)):
        test = page("pipeline")
        shown = boards(test)
    assert shown["pipeline-subscriptions"]["say"]["v"] == "No backlog is known yet."
    assert "Empty, as it should be: every message could be read." in [
        caption.value for caption in test.caption
    ]


def test_a_failing_journal_is_an_error_with_what_still_works() -> None:
    runtime = sample_runtime()
    journal = replace(runtime.picture().journal, error="database is locked")
    runtime.change(journal=journal)
    board = pipeline_rows.journal(runtime.picture()).data()
    assert board["look"] == "error"
    assert board["say"]["v"] == "The journal cannot be written."
    assert "Nothing is lost" in board["say"]["more"][1]
