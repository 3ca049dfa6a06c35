"""A broker that nobody uses costs next to nothing."""

import os
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from embedded.broker import BrokerProcess
from tests.embedded.broker.calls import publish
from tests.embedded.broker.raw_stream import raw_stream

WATCHED_S = 60.0
TOPICS, READERS = 10, 4


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_idle_with_topics_streams_backlogs_and_retained_messages_it_takes_under_one_percent() -> (
    None
):
    retention = {"message_retention_duration": {"seconds": 3600}}
    with (
        BrokerProcess() as broker,
        grpc.insecure_channel(broker.address) as channel,
        ExitStack() as streams,
    ):
        assert broker.pid is not None
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        for number in range(TOPICS):
            topic = f"projects/idle/topics/topic{number}"
            publisher.create_topic(request={"name": topic, **retention})
            for reader in range(READERS):
                name = f"projects/idle/subscriptions/reader{number}.{reader}"
                subscriber.create_subscription(request={"name": name, "topic": topic, **retention})
            publish(publisher, topic, [{"data": b"x" * 100}] * 1000)
            streams.enter_context(raw_stream(broker, name, stream_ack_deadline_seconds=600))
        threading.Event().wait(2)
        before, began = _cpu_s(broker.pid), time.monotonic()
        threading.Event().wait(WATCHED_S)
        share = (_cpu_s(broker.pid) - before) / (time.monotonic() - began) * 100
    sys.stdout.write(
        f"\nidle for {WATCHED_S:.0f} s with {TOPICS} topics, {TOPICS * READERS} subscriptions and "
        f"{TOPICS} streams: {share:.2f} % of one core\n"
    )
    assert share < 1
