"""Exactly-once delivery: in the core on a hand-moved clock, through raw gRPC, the real client."""

from concurrent.futures import Future
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.cloud.pubsub_v1.subscriber.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from embedded.broker import BrokerProcess
from embedded.broker.departures import GRACE_S
from embedded.broker.policy import DeliveryPolicy
from embedded.broker.refusals import Refusal
from tests.embedded.broker.calls import publish, pull
from tests.embedded.broker.doubles import Bench
from tests.embedded.broker.raw_stream import raw_stream
from tests.support import eventually

STRICT = DeliveryPolicy(exactly_once=True)


@pytest.fixture
def exact(subscriber: SubscriberClient, project: str, topic: str) -> str:
    """A subscription with exactly-once delivery."""
    name = f"projects/{project}/subscriptions/exact"
    request = {"name": name, "topic": topic, "enable_exactly_once_delivery": True}
    return str(subscriber.create_subscription(request=request).name)


def _publish(publisher: PublisherClient, topic: str, count: int, key: str = "") -> None:
    messages = [{"data": b"%d" % number, "ordering_key": key} for number in range(count)]
    publish(publisher, topic, messages)


def _reasons(error: exceptions.GoogleAPICallError) -> dict[str, str]:
    """What the call's details say of each ack id; they agree with the call, or this raises."""
    info = ErrorInfo()
    (detail,) = rpc_status.from_call(error.response).details
    assert detail.Unpack(info)
    assert (info.reason, info.domain) == ("EXACTLY_ONCE_ACKID_FAILURE", "pubsub.googleapis.com")
    return dict(info.metadata)


# In the core


def test_only_the_newest_ack_id_settles_a_message() -> None:
    bench = Bench(STRICT)
    stream = bench.open()
    bench.offer(1)
    (old,) = bench.delivery.take(stream)
    bench.advance(10.2)
    assert bench.delivery.acknowledge([old.ack_id]) == {old.ack_id: Refusal.INVALID}
    (new,) = bench.delivery.take(stream)
    assert bench.delivery.acknowledge([old.ack_id]) == {old.ack_id: Refusal.INVALID}
    assert bench.delivery.modify([old.ack_id], 10) == {old.ack_id: Refusal.INVALID}
    assert bench.delivery.acknowledge([new.ack_id]) == {}
    assert bench.delivery.backlog == 0
    assert bench.delivery.counts.exactly_once_warnings.total == 3


def test_an_acknowledgement_that_is_repeated_succeeds_and_a_nack_after_it_does_not() -> None:
    bench = Bench(STRICT)
    stream = bench.open()
    bench.offer(1)
    (lease,) = bench.delivery.take(stream)
    assert bench.delivery.acknowledge([lease.ack_id]) == {}
    assert bench.delivery.acknowledge([lease.ack_id, lease.ack_id]) == {}
    assert bench.delivery.modify([lease.ack_id], 0) == {lease.ack_id: Refusal.INVALID}
    assert bench.delivery.counts.acknowledged.total == 1


def test_the_leases_of_a_dead_stream_run_to_their_deadline() -> None:
    bench = Bench(STRICT)
    dead = bench.open("a", deadline_s=10)
    bench.offer(1)
    (lease,) = bench.delivery.take(dead)
    bench.delivery.detach(dead)
    alive = bench.open("b")
    bench.advance(GRACE_S + 8)
    assert bench.take(alive) == []
    assert bench.delivery.modify([lease.ack_id], 4) == {}
    bench.advance(3)
    assert bench.take(alive) == []
    bench.advance(1.2)
    assert bench.take(alive) == [1]


def test_an_acknowledgement_that_overtakes_its_key_is_to_be_said_again() -> None:
    bench = Bench(DeliveryPolicy(exactly_once=True, ordered=True))
    stream = bench.open()
    bench.offer(1, 2, 3, key="eth")
    one, two, three = (lease.ack_id for lease in bench.delivery.take(stream))
    assert bench.delivery.acknowledge([two]) == {two: Refusal.UNORDERED}
    assert bench.delivery.acknowledge([two, one]) == {}
    assert bench.delivery.acknowledge([three]) == {}
    assert bench.delivery.backlog == 0


def test_without_exactly_once_delivery_nothing_is_refused() -> None:
    bench = Bench()
    assert bench.delivery.acknowledge(["nobody"]) == {}
    assert bench.delivery.modify(["nobody"], 10) == {}
    assert bench.delivery.counts.exactly_once_warnings.total == 0


# Unary calls


def test_a_stale_acknowledgement_fails_with_the_reason_and_the_others_are_taken(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, exact: str
) -> None:
    _publish(publisher, topic, 2)
    stale, good = (each.ack_id for each in pull(subscriber, exact))
    subscriber.modify_ack_deadline(subscription=exact, ack_ids=[stale], ack_deadline_seconds=0)
    with pytest.raises(exceptions.InvalidArgument) as failed:
        subscriber.acknowledge(subscription=exact, ack_ids=[stale, good])
    assert _reasons(failed.value) == {
        stale: "PERMANENT_FAILURE_INVALID_ACK_ID",
        good: "TRANSIENT_FAILURE_OTHER",
    }
    subscriber.acknowledge(subscription=exact, ack_ids=[good])
    assert [each.message.data for each in pull(subscriber, exact)] == [b"0"]


def test_a_nack_beside_a_stale_one_is_to_be_said_again(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, exact: str
) -> None:
    _publish(publisher, topic, 1)
    (received,) = pull(subscriber, exact)
    with pytest.raises(exceptions.InvalidArgument) as failed:
        subscriber.modify_ack_deadline(
            subscription=exact, ack_ids=[received.ack_id, "nobody"], ack_deadline_seconds=0
        )
    assert _reasons(failed.value)[received.ack_id] == "TRANSIENT_FAILURE_OTHER"
    assert pull(subscriber, exact) == []
    subscriber.acknowledge(subscription=exact, ack_ids=[received.ack_id])


def test_a_thousand_stale_ids_in_a_call_fail_it_with_as_many_reasons_as_fit(
    subscriber: SubscriberClient, exact: str
) -> None:
    ack_ids = [f"{number:020}" for number in range(1000)]
    with pytest.raises(exceptions.InvalidArgument) as failed:
        subscriber.acknowledge(subscription=exact, ack_ids=ack_ids)
    assert len(_reasons(failed.value)) > 100  # as many as Google's client says in one call


# Streams


def test_a_stream_says_that_delivery_is_exactly_once_and_confirms(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, exact: str
) -> None:
    _publish(publisher, topic, 2)
    with raw_stream(broker, exact) as stream:
        eventually(lambda: len(stream.messages) == 2)
        assert stream.last.subscription_properties.exactly_once_delivery_enabled
        one, two = (each.ack_id for each in stream.messages)
        stream.send(
            ack_ids=[one, "nobody"],
            modify_deadline_ack_ids=[two, "nobody"],
            modify_deadline_seconds=[30, 30],
        )
        eventually(lambda: stream.last.HasField("modify_ack_deadline_confirmation"))
        acknowledged = stream.last.acknowledge_confirmation
        extended = stream.last.modify_ack_deadline_confirmation
        assert (list(acknowledged.ack_ids), list(acknowledged.invalid_ack_ids)) == (
            [one],
            ["nobody"],
        )
        assert (list(extended.ack_ids), list(extended.invalid_ack_ids)) == ([two], ["nobody"])


def test_an_open_stream_learns_that_exactly_once_delivery_was_switched_on(
    broker: BrokerProcess,
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    topic: str,
    subscription: str,
) -> None:
    with raw_stream(broker, subscription) as stream:
        changed = {"name": subscription, "enable_exactly_once_delivery": True}
        mask = {"paths": ["enable_exactly_once_delivery"]}
        subscriber.update_subscription(request={"subscription": changed, "update_mask": mask})
        _publish(publisher, topic, 1)
        eventually(lambda: stream.messages)
        assert stream.last.subscription_properties.exactly_once_delivery_enabled


def test_without_exactly_once_delivery_a_stream_confirms_nothing(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    _publish(publisher, topic, 2)
    with raw_stream(broker, subscription, max_outstanding_messages=1) as stream:
        eventually(lambda: len(stream.messages) == 1)
        stream.send(ack_ids=[stream.messages[0].ack_id])
        eventually(lambda: len(stream.messages) == 2)
        assert stream.responses == 2
        assert not stream.last.subscription_properties.exactly_once_delivery_enabled


# Google's client


def test_ack_with_response_says_success(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, exact: str
) -> None:
    answers: list[Future[Any]] = []
    future = subscriber.subscribe(exact, lambda m: answers.append(m.ack_with_response()))
    _publish(publisher, topic, 20)
    eventually(lambda: len(answers) == 20)
    assert {each.result(5) for each in answers} == {AcknowledgeStatus.SUCCESS}
    future.cancel()
    future.result(5)
    assert pull(subscriber, exact) == []


def test_ack_with_response_says_that_a_lease_is_over_and_the_message_comes_again(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, exact: str
) -> None:
    received: list[Message] = []
    future = subscriber.subscribe(exact, received.append)
    _publish(publisher, topic, 1)
    eventually(lambda: len(received) == 1)
    subscriber.modify_ack_deadline(
        subscription=exact, ack_ids=[received[0].ack_id], ack_deadline_seconds=0
    )
    with pytest.raises(AcknowledgeError) as failed:
        received[0].ack_with_response().result(5)
    assert failed.value.error_code is AcknowledgeStatus.INVALID_ACK_ID
    eventually(lambda: len(received) == 2)
    assert received[1].ack_with_response().result(5) is AcknowledgeStatus.SUCCESS
    future.cancel()
    future.result(5)


def test_a_stale_message_does_not_spoil_those_acknowledged_with_it(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, exact: str
) -> None:
    received: list[Message] = []
    future = subscriber.subscribe(exact, received.append)
    _publish(publisher, topic, 10)
    eventually(lambda: len(received) == 10)
    stale, *good = received[:10]
    subscriber.modify_ack_deadline(
        subscription=exact, ack_ids=[stale.ack_id], ack_deadline_seconds=0
    )
    failing, *answers = [each.ack_with_response() for each in (stale, *good)]
    with pytest.raises(AcknowledgeError):
        failing.result(5)
    assert {each.result(5) for each in answers} == {AcknowledgeStatus.SUCCESS}
    eventually(lambda: len(received) == 11)
    received[10].ack_with_response().result(5)
    future.cancel()
    future.result(5)
