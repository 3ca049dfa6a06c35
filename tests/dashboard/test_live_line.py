"""The line names one culprit, breaks before it, and judges nothing beyond."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from consumers.pubsub import ChannelStatus
from consumers.stores.values import Market
from core.diagnosis import Level, Verdict
from core.staleness import limits
from dashboard.live import consumer, line
from tests.support_runtime import NOW, SampleRuntime, sample_runtime

SECOND = timedelta(seconds=1)


def stations(runtime: SampleRuntime, row: int = 0) -> dict[str, dict[str, Any]]:
    """One row by the stations' keys."""
    return {s["key"]: s for s in line.rows(runtime.picture())[row]["stations"]}


def words(station: dict[str, Any]) -> str:
    """The small print without its ages."""
    return "".join(span.get("t", "…") for span in station["foot"])


@pytest.fixture
def runtime() -> SampleRuntime:
    """The sample, all well."""
    return sample_runtime()


def backlog(runtime: SampleRuntime, subscription: str, **fields: Any) -> None:
    """Let Monitoring say something else of one subscription."""
    held = runtime.backlogs.snapshot()
    subscriptions = dict(held.subscriptions)
    subscriptions[subscription] = replace(subscriptions[subscription], **fields)
    runtime.change(backlogs=replace(held, subscriptions=subscriptions))


def test_healthy_line_has_no_culprit(runtime: SampleRuntime) -> None:
    for row in line.rows(runtime.picture()):
        assert not any(s["culprit"] or s["down"] or s["cut"] for s in row["stations"])
    people = stations(runtime)["people"]
    assert people["state"] == "PASS"
    assert words(people) == "PASS · proven … ago"


def test_stopped_notifier_breaks_the_line_before_it_and_darkens_what_follows(
    runtime: SampleRuntime,
) -> None:
    backlog(
        runtime,
        "alert-notification-service",
        backlog=17,
        oldest=428 * SECOND,
        streams=0,
        in_per_s=0.0,
        out_per_s=0.0,
    )
    row = stations(runtime)
    assert row["notifier"]["state"] == "STOP"
    assert row["notifier"]["culprit"]
    assert words(row["notifier"]) == "STOP · 17 waiting, …"
    assert row["alerts.margin.v1"]["cut"]
    assert row["alerts.margin.v1"]["hop"] == "nobody listening"
    assert row["people"]["down"]
    assert row["people"]["state"] == "NO_DATA"
    assert words(row["people"]) == "not judged"
    assert [k for k, s in row.items() if s["culprit"]] == ["notifier"]


def test_stopped_settlement_leaves_the_other_consumer_of_its_topic_alone(
    runtime: SampleRuntime,
) -> None:
    backlog(runtime, "settlement-events-consumer", backlog=9, oldest=600 * SECOND, streams=0)
    row = stations(runtime, 1)
    assert row["settlement"]["culprit"]
    assert row["risk_events"]["state"] == "OK"
    assert not row["risk_events"]["down"]


def test_silent_oracle_is_the_culprit_of_everything_after_it(runtime: SampleRuntime) -> None:
    held = runtime.prices.snapshot()
    old = {n: replace(a, as_of=NOW - 500 * SECOND) for n, a in held.assets.items()}
    runtime.change(prices=replace(held, assets=old))
    row = stations(runtime)
    assert row["oracle"]["culprit"]
    assert [s["down"] for s in row.values()] == [False, True, True, True, True, True]


def test_ended_replay_is_no_silent_oracle(runtime: SampleRuntime) -> None:
    held = runtime.prices.snapshot()
    market = Market(True, 3600, NOW - timedelta(days=900), NOW - timedelta(hours=1), ended=True)
    runtime.change(prices=replace(held, market=market))
    assert stations(runtime)["oracle"]["state"] == "OK"


def test_lost_channel_judges_nobody_but_this_control_room(runtime: SampleRuntime) -> None:
    runtime.change(channel=ChannelStatus(False, NOW - 42 * SECOND, "refused"))
    assert all(s["down"] for s in stations(runtime).values())
    row = stations(runtime, 1)
    assert row["control_room"]["culprit"]
    assert words(row["control_room"]) == "STOP · disconnected …"
    assert [k for k, s in row.items() if not s["down"]] == ["control_room"]


def test_accounts_not_told_point_at_the_risk_engine(runtime: SampleRuntime) -> None:
    scores = runtime.scores
    assert scores is not None
    found = Verdict(Level.ACT, "not_told", "…", "…")
    runtime.change(verdict=found, scores=replace(scores, not_told=scores.nearest[:3]))
    row = stations(runtime)
    assert row["risk_engine"]["culprit"]
    assert row["market.prices.v1"]["hop"] == "3 due, none published"


def test_no_sample_is_no_data_and_never_ok(runtime: SampleRuntime) -> None:
    empty = sample_runtime(empty=True)
    assert stations(empty)["risk_engine"]["state"] == "NO_DATA"
    assert stations(empty)["oracle"]["state"] == "NO_DATA"
    backlog(runtime, "risk-engine-prices-consumer", backlog=None)
    assert stations(runtime)["risk_engine"]["state"] == "NO_DATA"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"backlog": 0, "oldest": None}, "OK"),
        ({"backlog": 0, "oldest": None, "streams": None}, "OK"),
        ({"backlog": 0, "oldest": None, "streams": 0}, "WARN"),
        ({"backlog": 5, "oldest": 3 * SECOND}, "OK"),
        ({"backlog": 9, "oldest": 40 * SECOND, "in_per_s": 2.0, "out_per_s": 0.0}, "STALL"),
        ({"backlog": 9, "oldest": 40 * SECOND, "in_per_s": 0.0, "out_per_s": 0.0}, "STOP"),
        ({"backlog": 9, "oldest": 10 * SECOND, "out_per_s": 0.0}, "WARN"),
        ({"backlog": 9, "oldest": 40 * SECOND, "out_per_s": 2.0}, "WARN"),
        ({"backlog": 9, "oldest": None, "in_per_s": 2.0, "out_per_s": 0.0}, "STALL"),
        ({"backlog": 9, "oldest": None, "in_per_s": 0.0, "out_per_s": 0.0}, "STOP"),
        ({"backlog": 9, "oldest": None, "out_per_s": 2.0}, "WARN"),
        ({"backlog": 9, "oldest": None, "streams": 0}, "STOP"),
    ],
)
def test_consumer_is_judged_by_its_oldest_message_then_by_its_acks(
    runtime: SampleRuntime, fields: dict[str, Any], state: str
) -> None:
    held = runtime.backlogs.snapshot().subscriptions["risk-engine-prices-consumer"]
    growing = tuple((NOW - i * SECOND, 9 - i) for i in range(5, 0, -1))
    bounds = limits(5 * SECOND)  # late 7.5 s, stale 15 s, dead 50 s
    found = consumer.judge(replace(held, history=growing, **fields), NOW, bounds)
    assert found.state == state


def test_a_worker_that_listens_no_more_is_named_before_anything_waits(
    runtime: SampleRuntime,
) -> None:
    nothing = {"backlog": 0, "oldest": None, "streams": 0}
    backlog(runtime, "alert-notification-service", **nothing)
    row = stations(runtime)
    assert words(row["notifier"]) == "WARN · nobody listening"
    # nobody reads dead letters until there are some, and other people's readers are their affair
    held = runtime.picture().backlogs
    worker = held.subscriptions["alert-notification-service"]
    dead = replace(worker, subscription="alert-notification-service.dead")
    other = replace(worker, subscription="somebody-elses")
    more = {dead.subscription: dead, other.subscription: other}
    runtime.change(backlogs=replace(held, subscriptions={**held.subscriptions, **more}))
    assert {consumer.read(runtime.picture(), name).state for name in more} == {"OK"}


def test_pace_is_said_in_one_unit_where_it_is_whole() -> None:
    assert line.pace_of(timedelta(hours=1)) == "1 h"
    assert line.pace_of(timedelta(seconds=30)) == "30 s"
    assert line.pace_of(timedelta(seconds=90)) == "1 min 30 s"
