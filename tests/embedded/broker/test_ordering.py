"""Ordering keys in the delivery core, on a hand-moved clock."""

import pytest

from embedded.broker.consumer import Consumer
from embedded.broker.departures import GRACE_S
from embedded.broker.encoding import Message
from embedded.broker.ordering import Ordering
from embedded.broker.policy import DeliveryPolicy
from tests.embedded.broker.doubles import Bench

ORDERED = DeliveryPolicy(ordered=True)


@pytest.fixture
def bench() -> Bench:
    """An ordered subscription with 1, 2 and 3 of the key "eth" and a 4 without one."""
    bench = Bench(ORDERED)
    bench.offer(1, 2, 3, key="eth")
    bench.offer(4)
    return bench


def _pull(bench: Bench, most: int = 100) -> list[tuple[str, int]]:
    """One unary Pull: ack ids and sequence numbers."""
    consumer = Consumer(wake=lambda: None, deadline_s=10, max_messages=most, streaming=False)
    bench.delivery.attach(consumer)
    leases = bench.delivery.take(consumer)
    bench.delivery.detach(consumer)
    return [(lease.ack_id, lease.message.sequence) for lease in leases]


def test_a_keys_messages_go_out_in_order_without_waiting_for_acknowledgements(bench: Bench) -> None:
    bench.offer(5, key="btc")
    assert bench.take(bench.open()) == [1, 2, 3, 4, 5]


def test_without_message_ordering_a_key_means_nothing() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1, 2, key="eth")
    one, _two = bench.delivery.take(stream)
    bench.delivery.modify([one.ack_id], 0)
    assert bench.take(stream) == [1]


def test_a_key_stays_with_one_stream_while_it_has_messages_there(bench: Bench) -> None:
    first, second = bench.open("a", messages=2), bench.open("b")
    leases = bench.delivery.take(first)
    assert [lease.message.sequence for lease in leases] == [1, 2]
    assert bench.take(second) == [4]
    bench.delivery.acknowledge([leases[0].ack_id])
    assert bench.take(second) == []
    bench.delivery.acknowledge([leases[1].ack_id])
    assert bench.take(second) == [3]


def test_keys_are_shared_among_streams() -> None:
    bench = Bench(ORDERED)
    first, second = bench.open("a"), bench.open("b")
    for number, key in enumerate("abcd", 1):
        bench.offer(number, number + 10, key=key)
    assert bench.take(first) == [1, 2, 11, 12]
    assert bench.take(second) == [3, 13]  # half of what is free; the rest goes to who asks next


def test_a_nack_brings_all_later_ones_again_in_order_even_acknowledged_ones(bench: Bench) -> None:
    stream = bench.open()
    one, two, three, four = bench.delivery.take(stream)
    bench.delivery.acknowledge([three.ack_id, four.ack_id])
    assert bench.delivery.backlog == 3
    bench.delivery.modify([two.ack_id], 0)
    assert bench.take(stream) == [2, 3]
    assert bench.delivery.counts.nacked.total == 1
    bench.delivery.acknowledge([one.ack_id])
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes) == (2, 20)


def test_an_acknowledgement_that_overtakes_counts_when_the_older_ones_are_settled(
    bench: Bench,
) -> None:
    stream = bench.open(messages=3)
    one, two, three = bench.delivery.take(stream)
    bench.delivery.acknowledge([three.ack_id, two.ack_id])
    assert (bench.delivery.backlog, stream.messages) == (4, 1)  # the client has room again
    bench.delivery.acknowledge([one.ack_id])
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes) == (1, 10)


def test_a_lapse_counts_as_a_failed_attempt_of_what_lapsed_alone() -> None:
    bench = Bench(DeliveryPolicy(ordered=True, max_attempts=5))
    stream = bench.open(deadline_s=10)
    bench.offer(1, 2, key="eth")
    _one, two = bench.delivery.take(stream)
    bench.delivery.modify([two.ack_id], 60)
    bench.advance(10.2)
    again = bench.delivery.take(stream)
    assert [(lease.message.sequence, lease.attempt) for lease in again] == [(1, 2), (2, 1)]


def test_an_acknowledged_message_is_retained_when_it_is_settled_for_good(bench: Bench) -> None:
    kept: list[int] = []
    bench.delivery.keep = lambda message: kept.append(message.sequence)
    stream = bench.open()
    one, two, three, _four = bench.delivery.take(stream)
    bench.delivery.acknowledge([three.ack_id])
    bench.delivery.modify([two.ack_id], 0)
    bench.delivery.acknowledge([one.ack_id])
    assert kept == [1]
    again_two, again_three = bench.delivery.take(stream)
    bench.delivery.acknowledge([again_three.ack_id])
    bench.delivery.acknowledge([again_two.ack_id])
    assert kept == [1, 2, 3]


def test_late_acknowledgements_of_what_comes_again_are_passed_over(bench: Bench) -> None:
    stream = bench.open()
    one, two, _three, _four = bench.delivery.take(stream)
    bench.delivery.modify([one.ack_id], 0)
    bench.delivery.acknowledge([one.ack_id, two.ack_id])
    assert bench.take(stream) == [1, 2, 3]


def test_a_back_off_holds_the_whole_key_and_nothing_else() -> None:
    bench = Bench(DeliveryPolicy(ordered=True, min_backoff_s=2, max_backoff_s=8))
    stream = bench.open(deadline_s=60)
    bench.offer(1, 2, key="eth")
    one, _two = bench.delivery.take(stream)
    bench.delivery.modify([one.ack_id], 0)
    bench.offer(3, key="eth")
    bench.offer(4, key="btc")
    assert bench.take(stream) == [4]
    bench.advance(1.8)
    assert bench.take(stream) == []
    bench.advance(0.3)
    assert bench.take(stream) == [1, 2, 3]


def test_a_dead_letter_lets_its_key_go_on() -> None:
    bench = Bench(DeliveryPolicy(ordered=True, max_attempts=5))
    stream = bench.open()
    bench.offer(1, 2, key="eth")
    for _ in range(5):
        one, two = bench.delivery.take(stream)
        bench.delivery.modify([one.ack_id], 0)
    assert bench.forwarded == [(1, 5)]
    bench.delivery.acknowledge([two.ack_id])
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes) == (0, 0)


def test_a_dead_streams_key_moves_when_its_leases_end(bench: Bench) -> None:
    dead, alive = bench.open("a", messages=2), bench.open("b")
    bench.take(dead)
    bench.delivery.detach(dead)
    assert bench.take(alive) == [4]
    bench.advance(GRACE_S + 0.2)
    assert bench.take(alive) == [1, 2, 3]


def test_a_client_that_reopens_its_stream_keeps_its_keys(bench: Bench) -> None:
    first, other = bench.open("a", messages=2), bench.open("b")
    leases = bench.delivery.take(first)
    bench.delivery.detach(first)
    second = bench.open("a")
    assert bench.take(other) == [4]
    assert bench.take(second) == [3]
    bench.delivery.acknowledge([lease.ack_id for lease in leases])
    assert bench.delivery.backlog == 2


def test_a_key_waits_for_what_its_dead_stream_still_works_on(bench: Bench) -> None:
    dead = bench.open("a", messages=2)
    leases = bench.delivery.take(dead)
    bench.delivery.detach(dead)
    bench.delivery.modify([lease.ack_id for lease in leases], 10)
    other = bench.open("b")
    assert bench.take(other) == [4]
    bench.delivery.acknowledge([lease.ack_id for lease in leases])
    assert bench.take(other) == [3]


def test_pull_gives_one_batch_of_a_key_at_a_time(bench: Bench) -> None:
    (one, first), (two, second) = _pull(bench, 2)
    assert (first, second) == (1, 2)
    assert [sequence for _, sequence in _pull(bench)] == [4]
    bench.delivery.acknowledge([one])
    assert _pull(bench) == []
    bench.delivery.acknowledge([two])
    assert [sequence for _, sequence in _pull(bench)] == [3]


def test_a_pull_that_is_forgotten_comes_again_in_order(bench: Bench) -> None:
    _pull(bench, 2)
    bench.advance(10.2)
    assert [sequence for _, sequence in _pull(bench, 3)] == [1, 2, 3]


def test_a_seek_starts_keys_anew(bench: Bench) -> None:
    stream = bench.open()
    start = bench.clock.now().timestamp()
    leases = bench.delivery.take(stream)
    bench.delivery.acknowledge([leases[1].ack_id])
    bench.delivery.seek(start, ())
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes, stream.messages) == (4, 40, 0)
    bench.delivery.acknowledge([lease.ack_id for lease in leases])
    assert bench.take(stream) == [1, 2, 3, 4]
    bench.delivery.seek(float("inf"), ())
    assert (bench.delivery.backlog, bench.take(stream)) == (0, [])


def test_flow_control_by_bytes_holds_keys_too() -> None:
    bench = Bench(ORDERED)
    stream = bench.open(size=25)
    bench.offer(1, 2, 3, key="eth")
    one, _two = bench.delivery.take(stream)
    bench.delivery.acknowledge([one.ack_id])
    assert bench.take(stream) == [3]


def test_messages_of_keys_beyond_retention_are_given_up() -> None:
    bench = Bench(DeliveryPolicy(ordered=True, retention_s=600))
    bench.offer(1, 2, key="eth")
    bench.clock.advance(601)
    bench.offer(3, key="eth")
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes) == (1, 10)
    assert bench.take(bench.open()) == [3]


def test_keys_that_nobody_reads_cost_no_more_as_time_goes_by() -> None:
    ordering = Ordering()
    for minute in range(1000):
        for key in range(5):
            ordering.offer(Message(5 * minute + key, 60.0 * minute, 10, b"", b"", f"key {key}"))
        ordering.drop(60.0 * minute - 600)
    assert ordering.waiting == 55
    assert ordering.free() < 100
    ordering.drop(float("inf"))
    assert (ordering.waiting, ordering.free()) == (0, 0)


def test_what_outlived_its_retention_is_looked_for_once_a_second() -> None:
    ordering = Ordering()
    for number in range(4):
        ordering.offer(Message(number, number * 0.4, 10, b"", b"", f"key {number}"))
    assert [ordering.drop(before) for before in (0.3, 0.7, 1.1, 1.3)] == [10, 0, 0, 30]


def test_the_oldest_may_be_one_acknowledged_too_early() -> None:
    bench = Bench(ORDERED)
    stream = bench.open()
    start = bench.clock.now().timestamp()
    for number in (1, 2, 3):
        bench.offer(number, key="eth")
        bench.clock.advance(1)
    one, two, _three = bench.delivery.take(stream)
    bench.delivery.acknowledge([two.ack_id])
    assert bench.delivery.oldest() == start
    bench.delivery.acknowledge([one.ack_id])
    assert bench.delivery.oldest() == start + 2
    assert sorted(message.sequence for message in bench.delivery.unacknowledged()) == [3]
