"""Subscribers that go without a word, as processes of their own."""

import signal
import subprocess
import sys
import time

import pytest
from google.cloud.pubsub_v1 import PublisherClient

from embedded.broker import BrokerProcess
from tests.embedded.broker.calls import publish
from tests.embedded.broker.raw_stream import raw_stream
from tests.support import eventually

TAKER = """
import sys
from tests.embedded.broker.raw_stream import RawStream
from tests.support import eventually
stream = RawStream(sys.argv[1], subscription=sys.argv[2], stream_ack_deadline_seconds=600)
eventually(lambda: len(stream.messages) == 5)
print("holding", flush=True)
sys.stdin.read()
"""


def _seconds_until_another_gets_them(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, name: str, how: signal.Signals
) -> float:
    """How long 5 messages held for 600 s stay with a process that is sent `how`."""
    publish(publisher, topic, [{"data": b"x"}] * 5)
    with subprocess.Popen(
        [sys.executable, "-c", TAKER, broker.address, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as taker:
        assert taker.stdout is not None
        assert taker.stdout.readline() == b"holding\n"
        with raw_stream(broker, name) as other:
            taker.send_signal(how)
            began = time.monotonic()
            eventually(lambda: len(other.messages) == 5, timeout=30, what="the 5 messages")
            took = time.monotonic() - began
        taker.kill()
    return took


def test_what_a_killed_process_held_is_with_another_in_two_seconds(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    args = (broker, publisher, topic, subscription, signal.SIGKILL)
    assert _seconds_until_another_gets_them(*args) < 2


@pytest.mark.slow
def test_what_a_frozen_process_held_is_with_another_in_twenty_seconds(
    broker: BrokerProcess, publisher: PublisherClient, topic: str, subscription: str
) -> None:
    args = (broker, publisher, topic, subscription, signal.SIGSTOP)
    assert _seconds_until_another_gets_them(*args) < 20
