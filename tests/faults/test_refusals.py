"""Refusals end a stream for good; the feed says so, asks again, and finds the repair."""

import time

import grpc
import pytest

from consumers.feed import FeedState
from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.faults.gate import Gate
from tests.faults.line import line
from tests.support import eventually

pytestmark = pytest.mark.timeout(120)
REFUSALS = [
    (grpc.StatusCode.PERMISSION_DENIED, FeedState.DENIED, "not allowed"),
    (grpc.StatusCode.NOT_FOUND, FeedState.MISSING, "does not exist"),
    (grpc.StatusCode.UNAUTHENTICATED, FeedState.DENIED, "credentials"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "state", "words"), REFUSALS)
def test_r5_a_refusal_is_named_and_its_repair_found_within_15_seconds(
    broker: BrokerProcess, project: str, code: grpc.StatusCode, state: FeedState, words: str
) -> None:
    with Gate(broker.address) as gate, line(project, broker.address, gate.address) as one:
        one.start()
        gate.refuse(code, "for the drill")
        refused_at = time.monotonic()
        named = one.turns(state, refused_at, 5)
        assert words in (one.status().last_error or "")
        tries = one.status().restarts
        eventually(lambda: one.status().restarts >= tries + 3, 40, what="three more tries")
        assert one.status().state is state
        gate.repair()
        took = one.flows_after(time.monotonic(), 15)
        lost, doubled = one.settle()
        show(
            f"\nR5 {code.name}: named after {named:.1f} s, back {took:.1f} s after the repair, "
            f"lost {lost}, doubled {doubled}, streams {gate.streams}"
        )
        assert (lost, gate.streams, one.streams()) == (0, 1, 1)
