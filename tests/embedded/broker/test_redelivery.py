"""Leases end, move and are given back; what failed comes again, later, at last as a dead letter."""

from embedded.broker.policy import DeliveryPolicy
from tests.embedded.broker.doubles import Bench, sequences


def test_a_nacked_message_comes_again_before_newer_ones() -> None:
    bench = Bench()
    stream = bench.open(messages=2)
    bench.offer(1, 2, 3, 4)
    leases = bench.delivery.take(stream)
    assert sequences(leases) == [1, 2]
    bench.delivery.modify([lease.ack_id for lease in reversed(leases)], 0)
    assert bench.take(stream) == [1, 2]
    assert bench.delivery.counts.nacked.total == 2


def test_a_lease_ends_at_its_deadline_and_not_before() -> None:
    bench = Bench()
    stream = bench.open(deadline_s=10)
    bench.offer(1)
    bench.take(stream)
    bench.advance(9.8)
    assert bench.take(stream) == []
    bench.advance(0.4)
    assert bench.take(stream) == [1]
    assert bench.delivery.counts.expired.total == 1


def test_an_extension_moves_the_deadline() -> None:
    bench = Bench()
    stream = bench.open(deadline_s=10)
    bench.offer(1)
    (lease,) = bench.delivery.take(stream)
    bench.advance(8)
    bench.delivery.modify([lease.ack_id], 10)
    bench.advance(9.8)
    assert bench.take(stream) == []
    bench.advance(0.5)
    assert bench.take(stream) == [1]


def test_a_shortened_lease_ends_earlier() -> None:
    bench = Bench()
    stream = bench.open(deadline_s=600)
    bench.offer(1)
    (lease,) = bench.delivery.take(stream)
    bench.delivery.modify([lease.ack_id], 2)
    bench.advance(2.2)
    assert bench.take(stream) == [1]


def test_an_acknowledgement_after_the_deadline_counts_until_the_message_goes_out_again() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1)
    (lease,) = bench.delivery.take(stream)
    bench.advance(11)
    bench.delivery.acknowledge([lease.ack_id])
    assert bench.delivery.backlog == 0
    assert bench.take(stream) == []


def test_attempts_count_failed_deliveries() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1)
    for attempt in (1, 2, 3):
        (lease,) = bench.delivery.take(stream)
        assert lease.attempt == attempt
        bench.delivery.modify([lease.ack_id], 0)


def test_after_the_last_attempt_a_message_goes_to_the_dead_letter_topic() -> None:
    bench = Bench(DeliveryPolicy(max_attempts=5))
    stream = bench.open()
    bench.offer(1)
    for _ in range(5):
        (lease,) = bench.delivery.take(stream)
        bench.delivery.modify([lease.ack_id], 0)
    assert bench.forwarded == [(1, 5)]
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes) == (0, 0)


def test_without_its_dead_letter_topic_a_message_keeps_coming() -> None:
    bench = Bench(DeliveryPolicy(max_attempts=5), dead_letters=False)
    stream = bench.open()
    bench.offer(1)
    for _ in range(7):
        (lease,) = bench.delivery.take(stream)
        bench.delivery.modify([lease.ack_id], 0)
    assert bench.delivery.backlog == 1


def test_back_off_doubles_up_to_its_maximum() -> None:
    bench = Bench(DeliveryPolicy(min_backoff_s=1, max_backoff_s=3))
    stream = bench.open()
    bench.offer(1)
    for wait in (1, 2, 3, 3):
        (lease,) = bench.delivery.take(stream)
        bench.delivery.modify([lease.ack_id], 0)
        bench.advance(wait - 0.2)
        assert bench.take(stream) == []
        bench.advance(0.3)
