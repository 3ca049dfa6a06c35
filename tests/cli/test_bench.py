"""The benches measure what they say, on ratios alone, and say so when a peer is missing."""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import beside
from benchmarks.book import book
from benchmarks.broker import broker
from benchmarks.consumer import consumer
from benchmarks.delay import delayed
from benchmarks.grid import grid
from benchmarks.report import Report, Result, faster, shown, within
from benchmarks.stress import stress
from benchmarks.tick import tick
from benchmarks.timing import least
from benchmarks.var import var
from tests.cli.fusion import fusion

DONE = "decoded, journalled, acknowledged, stored"
CONSUMER_GOALS = {f"one subscription: {DONE}", f"four subscriptions: {DONE}"}
BROKER_GOALS = {
    "through subscribe()",
    "through one raw stream",
    "its CPU a message to four",
    "idle CPU",
}
FIELDS = {"what", "value", "unit", "peer", "peer_value", "ratio", "goal", "met"}


@pytest.fixture(autouse=True)
def no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the peers' environment: nothing of it is installed for the tests."""
    monkeypatch.setattr(beside, "interpreter", lambda: "/bin/false")


@pytest.mark.parametrize(
    ("bench", "agreement"),
    [
        (lambda: book(1_000, 0.01), "accounts whose status is not"),
        (lambda: tick(5_000, 0.01), "changes other than"),
        (lambda: grid(21, 0.01), "cells whose status is not"),
        (lambda: stress(2_000, 20, 0.01), None),
        (lambda: var(2_000, 0.01), None),
    ],
)
def test_a_bench_measures_everything_and_ours_is_right(
    bench: Callable[[], Iterator[Result]], agreement: str | None
) -> None:
    results = list(bench())
    assert all(one.value >= 0 for one in results)
    assert any(one.goal for one in results)
    for one in results:
        assert (one.met is None) == (one.goal is None)
    wrong = [one.value for one in results if agreement and agreement in one.what]
    assert bool(wrong) == bool(agreement)
    assert not any(wrong)


def test_a_missing_peer_has_no_value_and_does_not_meet_the_goal() -> None:
    found = [one for one in var(2_000, 0.01) if one.peer == "quantstats"]
    assert [(one.peer_value, one.ratio, one.met) for one in found] == [(None, None, False)]


def test_a_goal_is_judged_on_the_ratio() -> None:
    assert faster("x", 2.0, "ms", "peer", 120.0, 60).met is True
    assert faster("x", 2.0, "ms", "peer", 119.0, 60).met is False
    assert within("x", 12.0, "ms", "limit", 2.0, 6).met is True
    assert within("x", 12.1, "ms", "limit", 2.0, 6).met is False
    assert shown("x", 1.0, "ms").met is None


def test_the_least_of_many_calls_is_kept() -> None:
    calls = []
    assert least(lambda: calls.append(1), seconds=0.001, fewest=7) >= 0
    assert len(calls) >= 7


def test_a_report_is_printed_whole_as_json_and_as_a_table() -> None:
    report = Report("grid", {"cores": 2}, (faster("x", 2.0, "ms", "peer", None, 60),))
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["bench"] == "grid"
    assert set(plain["results"][0]) == FIELDS
    assert "NOT MET" in report.table()


def test_an_unknown_bench_is_refused(tmp_path: Path) -> None:
    ran = fusion("bench", "speed", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        "name: speed is none of book, tick, grid, stress, var, consumer, broker"
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("bench", "goals"),
    [
        (lambda: consumer(4_000, 1, 8_000, 2.0), CONSUMER_GOALS),
        (lambda: broker(20_000, 1.0, 1), BROKER_GOALS),
    ],
)
def test_a_messaging_bench_measures_and_judges_everything_and_loses_nothing(
    bench: Callable[[], Iterator[Result]], goals: set[str]
) -> None:
    results = list(bench())
    sys.stdout.write(Report("small", {}, tuple(results)).table() + "\n")
    lost = [one for one in results if one.what.endswith("lost")]
    assert not any(one.value for one in lost)
    zero = [one.what for one in results if one.value <= 0 and one not in lost]
    assert set(zero) <= {"idle CPU"}, "a clock tick may be longer than the pause of a test"
    judged = {one.what for one in results if one.goal is not None}
    assert judged == goals


def test_a_delay_makes_a_round_trip_longer_and_changes_nothing_else() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as far,
        delayed(f"127.0.0.1:{far.getsockname()[1]}", 0.1) as address,
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as near,
    ):
        begin = time.monotonic()
        near.sendall(b"question")
        end, _ = far.accept()
        with end:
            assert end.recv(100) == b"question"
            end.sendall(b"answer")
            assert near.recv(100) == b"answer"
        assert time.monotonic() - begin >= 0.1


@pytest.mark.slow
def test_a_bench_prints_one_json_object(tmp_path: Path) -> None:
    ran = fusion("bench", "grid", "--json", cwd=tmp_path)
    assert ran.returncode == 0
    found = json.loads(ran.stdout)
    assert found["bench"] == "grid"
    assert found["machine"]["cores"] >= 1
    assert all(set(one) == FIELDS for one in found["results"])
