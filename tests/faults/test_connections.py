"""Connections that break in every way: the feed is back within its time and loses nothing."""

import time
from datetime import timedelta

import pytest

from consumers.feed import FeedState
from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.faults.line import line
from tests.faults.names import NameServer
from tests.faults.wire import Wire
from tests.support import eventually

pytestmark = pytest.mark.timeout(180)


def test_r3_a_reset_connection_is_consuming_again_within_12_seconds(
    broker: BrokerProcess, project: str
) -> None:
    with Wire(broker.address) as wire, line(project, broker.address, wire.address) as one:
        one.start()
        assert wire.reset() >= 1
        took = one.flows_after(time.monotonic(), 12)
        lost, doubled = one.settle()
        show(f"\nR3 reset: consuming after {took:.1f} s, lost {lost}, doubled {doubled}")
        assert (lost, one.streams()) == (0, 1)


@pytest.mark.slow
def test_r2_a_network_down_for_15_seconds_costs_at_most_12_more(
    broker: BrokerProcess, project: str
) -> None:
    with Wire(broker.address) as wire, line(project, broker.address, wire.address) as one:
        one.start()
        for down in (2.0, 15.0):
            wire.shut()
            wire.reset()
            lost_at = time.monotonic()
            marked = one.turns(FeedState.CONNECTING, lost_at, 5)
            eventually(lambda at=lost_at + down: time.monotonic() > at, 60)  # type: ignore[misc]
            wire.reopen()
            took = one.flows_after(time.monotonic(), 12)
            show(f"\nR2 down {down:g} s: marked after {marked:.1f} s, back after {took:.1f} s")
        lost, doubled = one.settle()
        show(f"R2 lost {lost}, doubled {doubled}, streams {one.streams()}")
        assert (lost, one.streams()) == (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("cadence_s", [1, 2])  # of rounds; 2 s is the market's own
def test_r4_a_half_open_connection_is_found_out_and_replaced(
    broker: BrokerProcess, project: str, cadence_s: int
) -> None:
    cadence = timedelta(seconds=cadence_s)
    with Wire(broker.address) as wire, line(project, broker.address, wire.address, cadence) as one:
        one.start()
        for attempt in range(3):
            accepted = wire.accepted
            assert wire.freeze() >= 1
            frozen_at = time.monotonic()
            eventually(lambda: one.status().state is not FeedState.LIVE, 5, what="a stale mark")
            marked = time.monotonic() - frozen_at
            eventually(lambda n=accepted: wire.accepted > n, 10, what="a new stream")  # type: ignore[misc]
            opened = time.monotonic() - frozen_at
            took = one.flows_after(frozen_at, 20)
            show(
                f"\nR4 half-open {attempt + 1}, every {cadence_s} s: marked after {marked:.1f} s, "
                f"connected anew after {opened:.1f} s, data after {took:.1f} s"
            )
        lost, doubled = one.settle()
        show(f"R4 lost {lost}, doubled {doubled}, streams {one.streams()}")
        assert lost == 0
        eventually(lambda: one.streams() == 1, 20)


@pytest.mark.slow
def test_r9_names_that_do_not_resolve_for_30_seconds_cost_at_most_20_more(
    broker: BrokerProcess, project: str
) -> None:
    names = NameServer()
    with Wire(broker.address) as wire:
        via = f"dns://{names.address}/broker.test:{wire.address.rpartition(':')[2]}"
        with line(project, broker.address, via) as one:
            one.start()
            asked = names.asked
            assert asked > 0, "the name was not asked for: the drill would prove nothing"
            names.failing.set()
            wire.shut()  # as a network that is gone: who still knows the address gets nowhere
            wire.reset()
            lost_at = time.monotonic()
            marked = one.turns(FeedState.CONNECTING, lost_at, 5)
            eventually(lambda: time.monotonic() > lost_at + 1, 5)
            wire.reopen()
            eventually(lambda: time.monotonic() > lost_at + 30, 40)
            names.failing.clear()
            took = one.flows_after(time.monotonic(), 20)
            lost, doubled = one.settle()
            show(
                f"\nR9 names failed 30 s ({names.asked - asked} questions): marked after "
                f"{marked:.1f} s, back {took:.1f} s after, lost {lost}, doubled {doubled}"
            )
            assert (lost, one.streams()) == (0, 1)
    names.close()
