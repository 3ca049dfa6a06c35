"""A broker process at its memory limit: it holds publishers, stays small and loses nothing."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import PublisherClient as GeneratedClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from embedded.broker import BrokerProcess
from tests.embedded.broker.calls import publish, pull
from tests.embedded.broker.raw_stream import raw_stream
from tests.support import eventually

LIMIT_MB = 32
TOPIC, READER = "projects/full/topics/prices", "projects/full/subscriptions/reader"
SIZE, REQUEST = 1_000, 500
TWICE = 2 * LIMIT_MB * 1024 * 1024 // SIZE // REQUEST  # requests: twice as much as fits


def _rss_mb(broker: BrokerProcess) -> float:
    lines = Path(f"/proc/{broker.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@pytest.fixture
def full_broker() -> Iterator[BrokerProcess]:
    """A small broker of its own, with a topic and a subscription."""
    with BrokerProcess(memory_mb=LIMIT_MB) as broker:
        yield broker


@pytest.fixture
def clients(full_broker: BrokerProcess) -> Iterator[tuple[PublisherClient, SubscriberClient]]:
    """Clients of it."""
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(full_broker.address, options) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=READER, topic=TOPIC)
        yield publisher, subscriber


def _request(number: int) -> list[dict[str, bytes]]:
    return [{"data": f"{number * REQUEST + each}".encode().ljust(SIZE)} for each in range(REQUEST)]


def test_publishing_beyond_the_limit_waits_for_a_consumer_and_loses_nothing(
    full_broker: BrokerProcess, clients: tuple[PublisherClient, SubscriberClient]
) -> None:
    publisher, _ = clients
    before = _rss_mb(full_broker)
    ids: list[str] = []
    done = threading.Event()

    def fill() -> None:
        for number in range(TWICE):
            ids.extend(publish(publisher, TOPIC, _request(number)))
        done.set()

    thread = threading.Thread(target=fill, name="fill")
    thread.start()
    eventually(lambda: len(ids) > 0.5 * TWICE * REQUEST / 2, timeout=20)
    count = -1
    while count != len(ids):  # until it is held
        count = len(ids)
        done.wait(1.5)
    held, at_limit = len(ids), _rss_mb(full_broker)
    assert not done.is_set()
    began = time.monotonic()
    with raw_stream(full_broker, READER) as stream:
        acknowledged = 0

        def settle() -> bool:
            nonlocal acknowledged
            batch = stream.messages[acknowledged : acknowledged + 1000]
            if batch:
                stream.send(ack_ids=[each.ack_id for each in batch])
                acknowledged += len(batch)
            return acknowledged >= TWICE * REQUEST

        eventually(settle, timeout=60, interval=0.001)
        thread.join(10)
        received = {int(data) for data in stream.data}
    took = time.monotonic() - began
    after = _rss_mb(full_broker)
    sys.stdout.write(
        f"\nlimit {LIMIT_MB} MiB: held after {held:,} of {TWICE * REQUEST:,} messages of {SIZE} B; "
        f"broker {before:.0f} MB before, {at_limit:.0f} MB at the limit, {after:.0f} MB after; "
        f"the rest flowed in {took:.1f} s\n"
    )
    assert done.is_set()
    assert received == set(range(TWICE * REQUEST))
    assert len(set(ids)) == TWICE * REQUEST
    assert at_limit < before + 2 * LIMIT_MB


def test_a_publisher_without_retries_hears_why_within_its_deadline(
    clients: tuple[PublisherClient, SubscriberClient],
) -> None:
    publisher, subscriber = clients
    message = {"data": b"x" * 9_000_000}
    for _ in range(4):  # the fourth goes over the limit
        publish(publisher, TOPIC, [message])
    began = time.monotonic()
    with pytest.raises(exceptions.ResourceExhausted, match="reader, with 4 unacknowledged"):
        GeneratedClient.publish(
            publisher, topic=TOPIC, messages=[{"data": b"x"}], retry=None, timeout=1.0
        )
    assert time.monotonic() - began < 1.0
    with pytest.raises(exceptions.InvalidArgument):  # what is wrong does not wait
        publish(publisher, TOPIC, [{}])
    for received in pull(subscriber, READER, 4):
        subscriber.acknowledge(subscription=READER, ack_ids=[received.ack_id])
    assert publish(publisher, TOPIC, [{"data": b"x"}])


def test_a_topic_that_retains_more_than_fits_forgets_its_oldest_and_nobody_waits(
    full_broker: BrokerProcess, clients: tuple[PublisherClient, SubscriberClient]
) -> None:
    publisher, subscriber = clients
    topic = f"{TOPIC}-retaining"
    retention = {"message_retention_duration": {"seconds": 3600}}
    publisher.create_topic(request={"name": topic, **retention})
    before, began = _rss_mb(full_broker), time.monotonic()
    for number in range(TWICE):
        publish(publisher, topic, _request(number))
    took, after = time.monotonic() - began, _rss_mb(full_broker)
    name = "projects/full/subscriptions/late"
    subscriber.create_subscription(name=name, topic=topic)
    start = {"seconds": int(time.time()) - 1800}
    subscriber.seek(request={"subscription": name, "time": start})
    with raw_stream(full_broker, name) as stream:
        eventually(lambda: stream.data and int(stream.data[-1]) == TWICE * REQUEST - 1)
        kept = [int(data) for data in stream.data]
    sys.stdout.write(
        f"\n{TWICE * REQUEST:,} messages retained by a topic in {took:.1f} s: the newest "
        f"{len(kept):,} are there; broker {before:.0f} MB before, {after:.0f} MB after\n"
    )
    assert kept == list(range(kept[0], TWICE * REQUEST))
    assert len(kept) * SIZE < LIMIT_MB * 1024 * 1024 / 4
    assert len(kept) * (SIZE + 400) > LIMIT_MB * 1024 * 1024 / 4 * 0.9
    assert after < before + LIMIT_MB
