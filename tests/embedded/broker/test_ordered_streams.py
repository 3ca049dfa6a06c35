"""Ordering keys through the real client and raw streams."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import PublisherOptions

from embedded.broker import BrokerProcess
from tests.embedded.broker.calls import publish, pull
from tests.embedded.broker.raw_stream import raw_stream
from tests.support import eventually


@pytest.fixture
def ordered(subscriber: SubscriberClient, project: str, topic: str) -> str:
    """A subscription that goes by ordering keys."""
    name = f"projects/{project}/subscriptions/ordered"
    request = {"name": name, "topic": topic, "enable_message_ordering": True}
    return str(subscriber.create_subscription(request=request).name)


@pytest.fixture
def ordering_publisher(broker: BrokerProcess) -> Iterator[PublisherClient]:
    """The publisher as an application has it that publishes with ordering keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", broker.address)
        client = PublisherClient(publisher_options=PublisherOptions(enable_message_ordering=True))
    yield client
    client.stop()


def _publish(publisher: PublisherClient, topic: str, key: str, *numbers: int) -> None:
    publish(publisher, topic, [{"data": b"%d" % number, "ordering_key": key} for number in numbers])


def _by_key(received: Iterable[tuple[str, bytes]]) -> dict[str, list[int]]:
    """The numbers of each key, in the order they came in."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for key, data in received:
        numbers[key].append(int(data))
    return dict(numbers)


def test_a_thousand_messages_of_ten_keys_go_out_in_under_a_second_with_none_acknowledged(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, ordered: str
) -> None:
    messages = [
        {"data": b"%d" % number, "ordering_key": f"key-{number % 10}"} for number in range(1000)
    ]
    publish(publisher, topic, messages)
    began = time.monotonic()
    with raw_stream(broker, ordered) as stream:
        eventually(lambda: len(stream.messages) == 1000)
        assert time.monotonic() - began < 1
        assert _by_key((m.message.ordering_key, m.message.data) for m in stream.messages) == {
            f"key-{key}": list(range(key, 1000, 10)) for key in range(10)
        }


def test_the_default_client_sees_each_key_in_the_order_it_was_published_in(
    ordering_publisher: PublisherClient, subscriber: SubscriberClient, topic: str, ordered: str
) -> None:
    """About 1.2 s: Google's client hands the next of a key to the callback when the one before is
    acknowledged, which it does every 10 ms; from an unordered subscription as well."""
    published = [
        ordering_publisher.publish(topic, b"%d" % number, ordering_key=f"key-{number % 10}")
        for number in range(1000)
    ]
    for each in published:
        each.result(10)
    received: list[tuple[str, bytes]] = []

    def handle(message: Message) -> None:
        received.append((message.ordering_key, message.data))
        message.ack()

    future = subscriber.subscribe(ordered, handle)
    eventually(lambda: len(received) == 1000)
    future.cancel()
    future.result(5)
    assert _by_key(received) == {f"key-{key}": list(range(key, 1000, 10)) for key in range(10)}
    assert pull(subscriber, ordered) == []


def test_a_nack_through_the_client_brings_the_rest_of_its_key_again_in_order(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, ordered: str
) -> None:
    seen: list[int] = []

    def handle(message: Message) -> None:
        seen.append(int(message.data))
        if seen.count(1) == 1 and seen[-1] == 1:
            message.nack()
        else:
            message.ack()

    _publish(publisher, topic, "eth", *range(5))
    future = subscriber.subscribe(ordered, handle)
    eventually(lambda: seen.count(4) >= 1 and seen.count(1) >= 2 and seen[-1] == 4)
    eventually(lambda: pull(subscriber, ordered) == [])
    future.cancel()
    future.result(5)
    after = seen[[n for n, number in enumerate(seen) if number == 1][1] :]
    assert [number for number in after if number >= 1][-4:] == [1, 2, 3, 4]


def test_acknowledgements_are_not_waited_for_and_a_nack_restarts_the_key(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, ordered: str
) -> None:
    _publish(publisher, topic, "eth", 0, 1, 2)
    with raw_stream(broker, ordered) as stream:
        eventually(lambda: len(stream.messages) == 3)
        _zero, one, two = stream.messages
        stream.send(ack_ids=[two.ack_id])
        stream.send(modify_deadline_ack_ids=[one.ack_id], modify_deadline_seconds=[0])
        eventually(lambda: stream.data == [b"0", b"1", b"2", b"1", b"2"])


def test_a_key_stays_on_one_stream_and_keys_are_shared(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, ordered: str
) -> None:
    with raw_stream(broker, ordered) as one, raw_stream(broker, ordered) as two:
        for number in range(20):
            for key in "abcd":
                _publish(publisher, topic, key, number)
        eventually(lambda: len(one.messages) + len(two.messages) == 80)
        keys = [{m.message.ordering_key for m in stream.messages} for stream in (one, two)]
        assert keys[0] | keys[1] == set("abcd")
        assert not keys[0] & keys[1]
        assert all(keys)


def test_a_crashed_clients_keys_move_to_its_successor_in_order(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, ordered: str
) -> None:
    _publish(publisher, topic, "eth", *range(4))
    with raw_stream(broker, ordered, client_id="first", max_outstanding_messages=2) as first:
        eventually(lambda: len(first.messages) == 2)
    with raw_stream(broker, ordered, client_id="second") as second:
        eventually(lambda: len(second.messages) == 4, timeout=3)
        assert second.data == [b"0", b"1", b"2", b"3"]


def test_a_waiting_pull_is_not_ended_by_a_key_that_another_holds(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, ordered: str
) -> None:
    _publish(publisher, topic, "eth", 1)
    (held,) = pull(subscriber, ordered)
    with ThreadPoolExecutor(1) as pool:
        pulled = pool.submit(pull, subscriber, ordered, wait=True)
        for number in range(2, 5):
            _publish(publisher, topic, "eth", number)
            with pytest.raises(TimeoutError):
                pulled.result(0.1)
        subscriber.acknowledge(subscription=ordered, ack_ids=[held.ack_id])
        assert [each.message.data for each in pulled.result(5)] == [b"2", b"3", b"4"]


def test_pull_gives_the_next_of_a_key_when_its_batch_is_acknowledged(
    publisher: PublisherClient, subscriber: SubscriberClient, topic: str, ordered: str
) -> None:
    _publish(publisher, topic, "eth", 0, 1, 2)
    _publish(publisher, topic, "", 3)
    batch = pull(subscriber, ordered, 2)
    assert [each.message.data for each in batch] == [b"0", b"1"]
    assert [each.message.data for each in pull(subscriber, ordered)] == [b"3"]
    subscriber.acknowledge(subscription=ordered, ack_ids=[each.ack_id for each in batch])
    assert [each.message.data for each in pull(subscriber, ordered, wait=True)] == [b"2"]


def test_a_filter_and_a_snapshot_keep_the_order_of_keys(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    topic: str,
    project: str,
) -> None:
    name, snapshot = (
        f"projects/{project}/subscriptions/europe",
        f"projects/{project}/snapshots/then",
    )
    request = {
        "name": name,
        "topic": topic,
        "enable_message_ordering": True,
        "filter": 'attributes.region = "eu"',
    }
    subscriber.create_subscription(request=request)
    regions = ("eu", "us", "eu", "eu")
    messages = [
        {"data": b"%d" % number, "ordering_key": "eth", "attributes": {"region": region}}
        for number, region in enumerate(regions)
    ]
    publish(publisher, topic, messages)
    batch = pull(subscriber, name)
    assert [each.message.data for each in batch] == [b"0", b"2", b"3"]
    subscriber.acknowledge(subscription=name, ack_ids=[batch[0].ack_id])
    subscriber.create_snapshot(name=snapshot, subscription=name)
    subscriber.acknowledge(subscription=name, ack_ids=[each.ack_id for each in batch[1:]])
    assert pull(subscriber, name) == []
    subscriber.seek(request={"subscription": name, "snapshot": snapshot})
    assert [each.message.data for each in pull(subscriber, name)] == [b"2", b"3"]
