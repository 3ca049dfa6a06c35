"""The broker as a process: start, stop, restart, a dead parent, a busy port, a foreign host."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from embedded.broker import BrokerProcess
from embedded.broker.errors import BrokerStartError
from tests.embedded.broker.raw_stream import RawStream
from tests.support import eventually

COMMAND = [sys.executable, "-m", "embedded.broker"]
FUSION = "import typer; from cli.broker import broker; typer.run(broker)"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_it_starts_stops_and_starts_again_on_its_port() -> None:
    process = BrokerProcess()
    assert (process.alive, process.pid, process.address) == (False, None, "")
    began = time.monotonic()
    address = process.start()
    assert time.monotonic() - began < 5
    assert process.alive
    assert _listens(address)
    began = time.monotonic()
    process.stop()
    assert time.monotonic() - began < 2
    assert not process.alive
    assert not _listens(address)
    assert process.start() == address
    process.stop()
    process.stop()


def test_it_is_noticed_dead_and_can_be_restarted() -> None:
    with BrokerProcess() as process:
        pid, address = process.pid, process.address
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not process.alive)
        assert process.pid is None
        assert process.start() == address
        assert process.pid != pid


def test_a_stopping_broker_ends_streams_as_unavailable_which_clients_ride_out() -> None:
    topic, name = "projects/pro/topics/prices", "projects/pro/subscriptions/reader"
    with BrokerProcess() as process, grpc.insecure_channel(process.address) as channel:
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=topic)
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        subscriber.create_subscription(name=name, topic=topic)
        stream = RawStream(process.address, subscription=name)
        process.stop()
        eventually(lambda: stream.call.code() is grpc.StatusCode.UNAVAILABLE)
        stream.close()


def test_ctrl_c_leaves_stopping_to_the_parent() -> None:
    with BrokerProcess() as process, grpc.insecure_channel(process.address) as channel:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGINT)
        client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        client.create_topic(name="projects/pro/topics/prices")
        assert process.alive


def test_it_dies_with_its_parent() -> None:
    script = (
        "import sys, threading\n"
        "from embedded.broker import BrokerProcess\n"
        "broker = BrokerProcess()\n"
        "broker.start()\n"
        "print(broker.pid, flush=True)\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _alive(child)
        parent.kill()
        parent.wait()
        eventually(lambda: not _alive(child), timeout=5)


@pytest.mark.parametrize("start", [COMMAND, [sys.executable, "-c", FUSION]])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_one_json_line_and_stops_on_a_signal(
    start: list[str], number: signal.Signals
) -> None:
    with subprocess.Popen(
        start, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        address = json.loads(child.stdout.readline())["address"]
        assert _listens(address)
        began = time.monotonic()
        child.send_signal(number)
        out, err = child.communicate(timeout=5)
        assert time.monotonic() - began < 2
        assert (child.returncode, out, err) == (0, b"", b"")


@pytest.mark.parametrize("start", [COMMAND, [sys.executable, "-c", FUSION]])
def test_a_busy_port_is_one_clear_line(broker: BrokerProcess, start: list[str]) -> None:
    port = broker.address.rpartition(":")[2]
    done = subprocess.run([*start, "--port", port], capture_output=True, timeout=10, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line == f"broker: cannot serve 127.0.0.1:{port}: address already in use"
    with pytest.raises(BrokerStartError):
        BrokerProcess(port=int(port)).start()


def test_other_machines_are_not_served_unless_allowed() -> None:
    done = subprocess.run(
        [*COMMAND, "--host", "0.0.0.0"], capture_output=True, timeout=10, check=False
    )
    assert done.returncode == 2
    assert b"not a loopback address" in done.stderr
