"""The delivery core on a hand-moved clock: order, acknowledgements, seeks, what is oldest."""

from embedded.broker.policy import DeliveryPolicy
from tests.embedded.broker.doubles import Bench


def test_one_stream_gets_messages_in_publish_order() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1, 2)
    bench.offer(3)
    assert bench.take(stream) == [1, 2, 3]
    assert bench.take(stream) == []


def test_an_acknowledged_message_is_gone() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1, 2)
    leases = bench.delivery.take(stream)
    bench.delivery.acknowledge([leases[0].ack_id])
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes) == (1, 10)
    bench.advance(11)
    assert bench.take(stream) == [2]


def test_an_old_ack_id_does_not_settle_a_newer_delivery() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1)
    (old,) = bench.delivery.take(stream)
    bench.delivery.modify([old.ack_id], 0)
    (new,) = bench.delivery.take(stream)
    assert new.ack_id != old.ack_id
    bench.delivery.acknowledge([old.ack_id])
    assert bench.delivery.backlog == 1


def test_unknown_and_repeated_ack_ids_are_passed_over() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1)
    (lease,) = bench.delivery.take(stream)
    bench.delivery.modify([lease.ack_id, lease.ack_id, "nobody"], 0)
    (again,) = bench.delivery.take(stream)
    bench.delivery.acknowledge([again.ack_id, again.ack_id, "nobody"])
    assert (bench.delivery.backlog, bench.delivery.counts.acknowledged.total) == (0, 1)


def test_seeking_back_brings_acknowledged_messages_again() -> None:
    bench = Bench()
    stream = bench.open()
    start = bench.clock.now().timestamp()
    for number in (1, 2, 3):
        bench.offer(number)
        bench.advance(1)
    leases = bench.delivery.take(stream)
    bench.delivery.acknowledge([lease.ack_id for lease in leases])
    bench.delivery.seek(start + 0.5, [lease.message for lease in reversed(leases)])
    assert bench.take(stream) == [2, 3]


def test_seeking_past_the_end_purges_and_frees_flow_control() -> None:
    bench = Bench()
    stream = bench.open(messages=1)
    bench.offer(1, 2)
    bench.take(stream)
    bench.delivery.seek(bench.clock.now().timestamp() + 1, ())
    assert (bench.delivery.backlog, bench.delivery.backlog_bytes, stream.messages) == (0, 0, 0)
    bench.advance(1)
    bench.offer(3)
    assert bench.take(stream) == [3]


def test_messages_beyond_retention_are_given_up() -> None:
    bench = Bench(DeliveryPolicy(retention_s=600))
    bench.offer(1)
    bench.clock.advance(601)
    bench.offer(2)
    assert bench.take(bench.open()) == [2]


def test_the_oldest_is_found_wherever_it_is() -> None:
    bench = Bench()
    assert bench.delivery.oldest() is None
    stream = bench.open(messages=1)
    first = bench.clock.now().timestamp()
    bench.offer(1)
    bench.clock.advance(5)
    bench.offer(2)
    (lease,) = bench.delivery.take(stream)
    assert bench.delivery.oldest() == first
    bench.delivery.acknowledge([lease.ack_id])
    assert bench.delivery.oldest() == first + 5


def test_alarms_do_not_pile_up() -> None:
    bench = Bench()
    stream = bench.open(deadline_s=600)
    for number in range(100):
        bench.offer(number)
        (lease,) = bench.delivery.take(stream)
        bench.delivery.modify([lease.ack_id], 600 - number)
        bench.advance(0.1)
    assert bench.pending_alarms() == 1
