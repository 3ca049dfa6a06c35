"""Credit: no stream holds more than it may, and what waits for want of room is counted."""

import pytest

from embedded.broker.delivery import BATCH_BYTES
from tests.embedded.broker.doubles import Bench, sequences


def test_flow_control_by_messages_holds_back_until_one_is_settled() -> None:
    bench = Bench()
    stream = bench.open(messages=2)
    bench.offer(1, 2, 3)
    leases = bench.delivery.take(stream)
    assert sequences(leases) == [1, 2]
    assert bench.take(stream) == []
    bench.delivery.acknowledge([leases[0].ack_id])
    assert bench.take(stream) == [3]


def test_flow_control_by_bytes_lets_one_larger_message_through_alone() -> None:
    bench = Bench()
    stream = bench.open(size=25)
    bench.offer(1, 2, 3)
    bench.offer(4, size=1000)
    first = bench.delivery.take(stream)
    assert sequences(first) == [1, 2]
    bench.delivery.acknowledge([lease.ack_id for lease in first])
    (third,) = bench.delivery.take(stream)
    assert bench.take(stream) == []
    bench.delivery.acknowledge([third.ack_id])
    assert bench.take(stream) == [4]


def test_a_batch_stays_below_what_a_default_client_receives() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(*range(10), size=BATCH_BYTES // 3)
    assert len(bench.take(stream)) == 3


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("limit", [0, 16 * BATCH_BYTES])
def test_a_message_larger_than_a_batch_goes_alone_to_a_stream_that_holds_others(
    again: bool, limit: int
) -> None:
    bench = Bench()
    stream = bench.open(size=limit)
    bench.offer(1, size=1000)
    assert bench.take(stream) == [1]
    bench.offer(2, size=1000)
    bench.offer(3, size=BATCH_BYTES + 1_000_000)
    bench.offer(4, size=1000)
    if again:
        brief = bench.open(messages=1)
        (second,) = bench.delivery.take(brief)
        bench.delivery.detach(brief)
        bench.delivery.modify([second.ack_id], 0)
    assert [bench.take(stream) for _ in range(4)] == [[2], [3], [4], []]


def test_two_streams_share_what_waits() -> None:
    bench = Bench()
    one, two = bench.open(), bench.open()
    bench.offer(*range(10))
    assert len(bench.take(one)) == 5
    assert len(bench.take(two)) == 3  # half of what is left; the rest goes to who asks next
    assert bench.delivery.backlog == 10


def starved_s(bench: Bench, seconds: float) -> float:
    """For how much of the last `seconds` messages waited for want of room."""
    now = bench.clock.now().timestamp()
    return round(bench.delivery.counts.starved_s(now - seconds, now), 3)


def test_messages_starve_while_nobody_has_room_for_them() -> None:
    bench = Bench()
    bench.offer(1, 2)
    bench.advance(5)
    assert starved_s(bench, 100) == 5
    stream = bench.open(messages=1, deadline_s=600)
    (first,) = bench.delivery.take(stream)
    bench.advance(7)
    assert starved_s(bench, 100) == 12  # the second still waits
    bench.delivery.acknowledge([first.ack_id])
    assert bench.take(stream) == [2]
    bench.advance(20)
    assert starved_s(bench, 100) == 12  # the second is in hand, however long
    assert starved_s(bench, 20) == 0


def test_what_was_taken_no_longer_starves_though_nobody_has_room_left() -> None:
    bench = Bench()
    bench.offer(1)
    bench.advance(5)
    assert bench.take(bench.open(messages=1, deadline_s=600)) == [1]
    bench.advance(20)
    assert starved_s(bench, 100) == 5
