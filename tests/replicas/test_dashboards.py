"""Several control rooms: each sees everything, none takes anything away, none leaves anything."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.replicas.rooms import Platform, Replica, platform
from tests.support import ROOT, eventually

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def far(broker: BrokerProcess, project: str) -> Iterator[Platform]:
    with platform(project, broker.address) as made:
        yield made


def holds(replica: Replica, events: int) -> bool:
    """Whether it has journalled so many distinct events."""
    return bool(replica.state()["events"] >= events)


def own(far: Platform) -> list[str]:
    """The control rooms' subscriptions that exist."""
    return [name for name in far.pubsub.subscriptions() if name.startswith("control-room-")]


@pytest.mark.slow
def test_d1_d2_d3_replicas_agree_a_death_harms_none_and_a_late_one_catches_up(
    broker: BrokerProcess, project: str, far: Platform, tmp_path: Path
) -> None:
    one, two = (Replica(tmp_path / n, project, broker.address) for n in ("one", "two"))
    replicas = [one, two]
    try:
        eventually(lambda: one.live() and two.live(), 30)
        assert len(own(far)) == 8
        far.publish(5_000)
        eventually(lambda: holds(one, 5_000) and holds(two, 5_000), 60)
        eventually(lambda: one.state()["digest"] == two.state()["digest"], 10)
        state = one.state()
        show(f"\nD1 two control rooms, {state['events']} events each: {state['digest']}")
        assert (state["events"], state["quarantined"]) == (5_000, 0)

        two.process.kill()
        far.publish(1_000)
        eventually(lambda: holds(one, 6_000), 30)
        messages = one.state()["messages"]
        events = one.state()["events"]
        show(f"D2 one killed: the other has {events:,} of 6,000, in {messages:,} messages")
        assert one.state()["events"] == 6_000

        late = Replica(tmp_path / "late", project, broker.address)
        replicas.append(late)
        late.state()  # its runtime has started
        began = time.monotonic()
        eventually(lambda: late.state()["digest"] == one.state()["digest"], 30)
        took = time.monotonic() - began
        show(f"D3 a late one agrees with it {took:.1f} s after it has started")
        assert took <= 10
    finally:
        for replica in replicas:
            replica.close()


def test_d5_r22_its_subscriptions_are_gone_within_8_seconds_of_a_sigterm(
    broker: BrokerProcess, project: str, far: Platform, tmp_path: Path
) -> None:
    replica = Replica(tmp_path / "one", project, broker.address, FUSION_LOG_LEVEL="info")

    def still_there() -> str:
        replica.process.send_signal(signal.SIGUSR1)  # its threads, among what it logged
        return f"subscriptions left: {own(far)}"

    try:
        eventually(replica.live, 30)
        assert sorted(own(far)) == sorted(replica.state()["subscriptions"])
        far.publish(200)
        began = time.monotonic()
        replica.process.send_signal(signal.SIGTERM)
        eventually(lambda: own(far) == [], 8, what=still_there)
        gone = time.monotonic() - began
        left = replica.line()["left"]
        assert replica.process.wait(8) == 0
        ended = time.monotonic() - began
        show(f"\nD5 subscriptions gone {gone:.1f} s after SIGTERM; R22 exit {ended:.1f} s, {left=}")
        assert ended <= 8
        assert left == []
    finally:
        replica.close()


def test_a_killed_one_comes_back_to_its_own_subscriptions(
    broker: BrokerProcess, project: str, far: Platform, tmp_path: Path
) -> None:
    first = Replica(tmp_path / "one", project, broker.address)
    eventually(first.live, 30)
    names = first.state()["subscriptions"]
    first.close()
    far.publish(50)
    again = Replica(tmp_path / "one", project, broker.address)
    try:
        eventually(lambda: holds(again, 50), 30)
        assert again.state()["subscriptions"] == names
        assert sorted(own(far)) == sorted(names)
    finally:
        again.close()


@pytest.mark.parametrize(
    "name",
    [
        "alert-notification-service",
        "risk-engine-prices-consumer",
        "risk-events-consumer",
        "settlement-events-consumer",
        "somebody-elses",
    ],
)
def test_one_told_to_read_a_production_subscription_refuses_to_start(name: str) -> None:
    env = {**os.environ, "FUSION_SUBSCRIPTIONS": f"alerts={name}"}
    command = [sys.executable, "-m", "cli.main", "run"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"a control room may not read {name}" in done.stderr
