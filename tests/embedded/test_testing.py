"""The pytest fixture that others use: it works from a conftest, and starts in under a second."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embedded.broker import BrokerProcess

SUITE = """
from google.cloud import pubsub_v1

def test_a_message_arrives(pubsub_emulator_host):
    topic, name = "projects/pro/topics/prices", "projects/pro/subscriptions/reader"
    with pubsub_v1.SubscriberClient() as subscriber:
        publisher = pubsub_v1.PublisherClient()
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=name, topic=topic)
        publisher.publish(topic, b"hello").result(5)
        (received,) = subscriber.pull(subscription=name, max_messages=1).received_messages
        assert received.message.data == b"hello"
        publisher.stop()
"""


def test_a_suite_of_somebody_else_gets_a_broker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["embedded.testing"]\n')
    (tmp_path / "test_theirs.py").write_text(SUITE)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env=clean,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_product_does_not_need_pytest() -> None:
    script = (
        "import sys, embedded.stack, embedded.broker.server, cli.main\n"
        "assert 'pytest' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.slow
def test_a_broker_starts_in_under_a_second() -> None:
    took = []
    for _ in range(10):
        began = time.monotonic()
        with BrokerProcess():
            took.append(time.monotonic() - began)
    sys.stdout.write(
        f"\nbroker: median start {statistics.median(took):.2f} s, longest {max(took):.2f} s\n"
    )
    assert statistics.median(took) < 1
