"""Google's own emulator, where it is installed, answers the same questions beside ours."""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import pubsub_v1

from embedded.broker import BrokerProcess
from tests.embedded.broker import probes
from tests.support import eventually

BACKLOG = 5_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _launcher() -> Path | None:
    """The emulator in the installation that `gcloud` belongs to."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    home = Path(gcloud).resolve().parent.parent / "platform" / "pubsub-emulator"
    found = home / "bin" / "cloud-pubsub-emulator"
    return found if found.exists() else None


@pytest.fixture(scope="module")
def theirs() -> Iterator[str]:
    """The address of a running emulator of Google's."""
    launcher = _launcher()
    if launcher is None:
        pytest.skip("Google's emulator (a component of gcloud) or Java is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    child = subprocess.Popen(
        [str(launcher), "--host=127.0.0.1", f"--port={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(lambda: _listens(port), timeout=60)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _pace(address: str, patch: pytest.MonkeyPatch) -> probes.Pace:
    """Drain a backlog through one stream, then time 300 messages at 100/s on the way."""
    patch.setenv("PUBSUB_EMULATOR_HOST", address)
    topic, name = "projects/pace/topics/prices", "projects/pace/subscriptions/reader"
    publisher = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_latency=0))
    drained, arrived, waits = threading.Event(), threading.Event(), []
    count = 0

    def hear(message: pubsub_v1.subscriber.message.Message) -> None:
        nonlocal count
        count += 1
        if sent := message.attributes.get("sent"):
            waits.append(time.monotonic() - float(sent))
        message.ack()
        if count == BACKLOG:
            drained.set()
        if len(waits) == 300:
            arrived.set()

    with pubsub_v1.SubscriberClient() as subscriber:
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=name, topic=topic)
        for future in [publisher.publish(topic, b"x" * 200) for _ in range(BACKLOG)]:
            future.result(30)
        began = time.monotonic()
        stream = subscriber.subscribe(name, hear)
        assert drained.wait(60)
        rate = BACKLOG / (time.monotonic() - began)
        pause = threading.Event()
        for _ in range(300):
            publisher.publish(topic, b"tick", sent=str(time.monotonic()))
            pause.wait(0.01)
        assert arrived.wait(30)
        stream.cancel()
        stream.result(10)
    publisher.stop()
    return probes.Pace(rate, statistics.median(waits) * 1000)


def test_ours_is_wrong_nowhere_that_google_s_emulator_is_right(theirs: str) -> None:
    with BrokerProcess() as broker:
        ours = probes.answers(broker.address)
    google = probes.answers(theirs)
    documented = {probe.__name__: answer for probe, answer in probes.PROBES.items()}
    lines = [f"{'':42}{'documented':22}{'ours':22}Google's emulator"]
    lines += [
        f"{name:42}{wanted:22}{ours[name]:22}{google[name]}"
        for name, wanted in documented.items()
        if not wanted == ours[name] == google[name]
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    wrong = {name for name, wanted in documented.items() if ours[name] != wanted}
    theirs_wrong = {name for name, wanted in documented.items() if google[name] != wanted}
    assert wrong < theirs_wrong
    assert not wrong & {"keeps_policies", "detaches", "backs_off", "validates_messages"}


def test_the_pace_of_one_stream_on_both(theirs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    google = _pace(theirs, monkeypatch)
    with BrokerProcess() as broker:
        ours = _pace(broker.address, monkeypatch)
    sys.stdout.write(
        f"\none stream, default client: ours {ours.rate:,.0f}/s, p50 {ours.p50_ms:.1f} ms at 100/s;"
        f" Google's emulator {google.rate:,.0f}/s, p50 {google.p50_ms:.1f} ms\n"
    )
    assert ours.rate > google.rate
