"""A stream that ended: whose its leases are, and when they go to another."""

import pytest

from embedded.broker.departures import GRACE_S
from embedded.broker.policy import DeliveryPolicy
from tests.embedded.broker.doubles import Bench


def test_the_leases_of_an_ended_stream_come_again_after_the_grace() -> None:
    bench = Bench()
    dead, alive = bench.open("a", deadline_s=600), bench.open("b", deadline_s=600)
    bench.offer(1)
    bench.take(dead)
    bench.delivery.detach(dead)
    bench.advance(GRACE_S - 0.2)
    assert bench.take(alive) == []
    bench.advance(0.4)
    assert bench.take(alive) == [1]


def test_another_client_that_opens_a_stream_gets_them_at_once_and_first() -> None:
    bench = Bench()
    dead = bench.open("a", messages=1)
    bench.offer(1, 2)
    bench.take(dead)
    bench.delivery.detach(dead)
    assert bench.take(bench.open("b")) == [1, 2]


def test_a_dead_stream_is_not_a_failed_attempt() -> None:
    bench = Bench(DeliveryPolicy(max_attempts=5))
    for client in "abcdefg":
        stream = bench.open(client)
        if client == "a":
            bench.offer(1)
        (lease,) = bench.delivery.take(stream)
        assert lease.attempt == 1
        bench.delivery.detach(stream)
    assert (bench.forwarded, bench.delivery.counts.expired.total) == ([], 0)


def test_a_client_that_reopens_its_stream_keeps_its_leases() -> None:
    bench = Bench()
    first = bench.open("a", deadline_s=10)
    bench.offer(1)
    (lease,) = bench.delivery.take(first)
    bench.delivery.detach(first)
    second = bench.open("a")
    bench.advance(5)
    assert bench.take(second) == []
    bench.delivery.acknowledge([lease.ack_id])
    assert bench.delivery.backlog == 0


def test_a_reopened_stream_is_counted_on_for_the_leases_of_the_one_before() -> None:
    bench = Bench()
    first = bench.open("a", messages=2, size=25, deadline_s=600)
    bench.offer(1, 2, 3)
    one, _two = bench.delivery.take(first)
    bench.delivery.detach(first)
    second = bench.open("a", messages=2, size=25, deadline_s=600)
    assert (second.messages, second.bytes) == (2, 20)
    assert (first.messages, first.bytes) == (0, 0)
    assert bench.take(second) == []
    bench.delivery.acknowledge([one.ack_id])
    assert bench.take(second) == [3]


@pytest.mark.parametrize("ordered", [False, True])
def test_the_leases_of_a_reopened_stream_come_again_when_it_ends_too(ordered: bool) -> None:
    bench = Bench(DeliveryPolicy(ordered=ordered))
    first = bench.open("a", deadline_s=600)
    bench.offer(1, 2, key="eth")
    bench.take(first)
    bench.delivery.detach(first)
    second = bench.open("a", deadline_s=600)
    bench.delivery.detach(second)
    assert bench.take(bench.open("b")) == [1, 2]


def test_a_client_that_shuts_down_may_acknowledge_and_extend_after_its_stream_ended() -> None:
    bench = Bench()
    stream = bench.open("a")
    bench.offer(1, 2)
    one, two = bench.delivery.take(stream)
    bench.delivery.detach(stream)
    bench.delivery.acknowledge([one.ack_id])
    bench.delivery.modify([two.ack_id], 10)
    bench.advance(5)
    assert bench.take(bench.open("b")) == []
