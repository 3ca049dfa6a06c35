"""The delivery core on a hand-moved clock: order, leases, redelivery, credit, departures."""

from embedded.broker.delivery import BATCH_BYTES
from embedded.broker.departures import GRACE_S
from embedded.broker.policy import DeliveryPolicy
from tests.embedded.broker.doubles import Bench, sequences


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


def test_attempts_count_failed_deliveries() -> None:
    bench = Bench()
    stream = bench.open()
    bench.offer(1)
    for attempt in (1, 2, 3):
        (lease,) = bench.delivery.take(stream)
        assert lease.attempt == attempt
        bench.delivery.modify([lease.ack_id], 0)


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


def test_two_streams_share_what_waits() -> None:
    bench = Bench()
    one, two = bench.open(), bench.open()
    bench.offer(*range(10))
    assert len(bench.take(one)) == 5
    assert len(bench.take(two)) == 3  # half of what is left; the rest goes to who asks next
    assert bench.delivery.backlog == 10


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
