"""Monitoring: asked once a period whoever watches, and unknown, never well, when it is silent."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from consumers.book_source import write_book
from consumers.pubsub import PubSub
from consumers.runtime import Runtime
from consumers.settings import load
from consumers.topology import PRODUCTION_SUBSCRIPTIONS, provision
from core.portfolio import Portfolio
from dashboard.live import consumer
from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.faults.gate import MONITORING, Gate
from tests.support import eventually

METRICS = 5  # Monitoring takes one metric type a request, and answers for all subscriptions
ASK = "/google.monitoring.v3.MetricService/ListTimeSeries"
PERIOD_S = 0.5


@pytest.fixture
def gate(broker: BrokerProcess) -> Iterator[Gate]:
    with Gate(broker.address) as made:
        yield made


@pytest.fixture
def runtime(broker: BrokerProcess, gate: Gate, project: str, tmp_path: Path) -> Iterator[Runtime]:
    write_book(tmp_path / "book.csv", [Portfolio.of("ann", {"ETH": "10"}, {"USDC": "3100"})])
    direct = PubSub(project, broker.address)
    provision(direct)
    direct.close()
    settings = load(
        {},
        project=project,
        emulator_host=gate.address,
        data_dir=tmp_path,
        backlog_period_s=PERIOD_S,
    )
    made = Runtime(settings)
    made.start()
    yield made
    made.stop()


def backlogs(runtime: Runtime) -> dict[str, Any]:
    """Of the platform's subscriptions, as `/api/state` tells them."""
    state: dict[str, Any] = runtime.state()
    found = state["backlogs"]["subscriptions"]
    return {name: found[name] for name in PRODUCTION_SUBSCRIPTIONS if name in found}


def known(runtime: Runtime) -> bool:
    found = backlogs(runtime)
    return len(found) == 4 and all(b["state"] == "OK" for b in found.values())


def test_r25_without_monitoring_every_backlog_is_unknown_and_nobody_is_well(
    runtime: Runtime, gate: Gate
) -> None:
    eventually(lambda: known(runtime))
    gate.refuse(grpc.StatusCode.UNAVAILABLE, "Monitoring is down", MONITORING)
    eventually(lambda: not known(runtime), 5)
    picture = runtime.picture()
    for name, told in backlogs(runtime).items():
        assert told["state"] == "NO DATA"
        assert {told[key] for key in ("backlog", "oldest_s", "streams", "out_per_s")} == {None}
        assert consumer.read(picture, name).state == "NO_DATA"
    state: dict[str, Any] = runtime.state()
    assert "Monitoring is down" in state["backlogs"]["error"]
    assert all(f.state in ("live", "silent", "connecting") for f in picture.feeds)
    gate.repair()
    eventually(lambda: known(runtime), 5)


def test_r7_twenty_who_watch_cost_no_more_calls_than_nobody(runtime: Runtime, gate: Gate) -> None:
    eventually(lambda: known(runtime))
    stop = threading.Event()
    looks = [0] * 20

    def watch(number: int) -> None:
        while not stop.wait(0.05):
            runtime.state()
            looks[number] += 1

    sessions = [threading.Thread(target=watch, args=(n,), daemon=True) for n in range(20)]
    for session in sessions:
        session.start()
    before, began = gate.calls[ASK], runtime.clock.monotonic()
    eventually(lambda: runtime.clock.monotonic() > began + 10 * PERIOD_S, 20)
    calls, periods = gate.calls[ASK] - before, (runtime.clock.monotonic() - began) / PERIOD_S
    stop.set()
    for session in sessions:
        session.join(5)
    show(f"\nR7 20 sessions looked {sum(looks)} times: {calls} calls in {periods:.1f} periods")
    assert min(looks) > 0
    assert METRICS <= calls <= METRICS * (periods + 1)
