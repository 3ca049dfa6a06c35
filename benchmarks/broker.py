"""How much the embedded broker carries: raw streams on one subscription and on four."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
import grpc

from benchmarks.broker_client import UNLIMITED, BrokerClient
from benchmarks.consumer import in_turn
from benchmarks.report import Result, rate, shown
from consumers.topology import PRICES
from embedded.broker import BrokerProcess

IDLE_S = 10.0
_RAW = "/google.pubsub.v1.Subscriber/StreamingPull"


def broker(messages: int = 100_000, idle_s: float = IDLE_S) -> Iterator[Result]:
    """From a backlog: the real client, one raw stream, four; then publishing, memory and idleness.

    A raw stream acknowledges but manages no leases: it is a limit for the broker, no consumer.
    """
    with BrokerProcess() as process, BrokerClient(process.address) as client:
        assert process.pid is not None
        (one,) = in_turn(client, (PRICES,), messages // 4, ("bare",))["bare"]
        yield shown("through subscribe()", one["messages"] / one["seconds"], "messages/s")
        begin, before = time.perf_counter(), _cpu_s(process.pid)
        with client.published((PRICES,), ("one",), messages) as project:
            yield shown("published raw", messages / (time.perf_counter() - begin), "messages/s")
            single = _drain(client.address, project, ("one",), messages)
        yield shown("through one raw stream", single, "messages/s")
        names = ("one", "two", "three", "four")
        with client.published((PRICES,), names, messages) as project:
            yield shown("memory with four backlogs of it", _rss_mb(process.pid), "MB")
            four = _drain(client.address, project, names, messages)
        yield rate("through four raw streams", four, "messages/s", "one stream", single, None)
        yield shown("CPU of all this", _cpu_s(process.pid) - before, "s")
        yield shown("memory after it", _rss_mb(process.pid), "MB")
        before = _cpu_s(process.pid)
        time.sleep(idle_s)
        yield shown("idle CPU", (_cpu_s(process.pid) - before) / idle_s * 100, "%")


def _drain(address: str, project: str, names: Sequence[str], count: int) -> float:
    """Messages a second over all subscriptions, each through a raw stream of its own."""
    begin = time.perf_counter()
    threads = [
        threading.Thread(target=_take, args=(address, project, name, count)) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count * len(names) / (time.perf_counter() - begin)


def _take(address: str, project: str, name: str, count: int) -> None:
    request_type = pubsub_v1.types.StreamingPullRequest.pb()
    response_type = pubsub_v1.types.StreamingPullResponse.pb()
    requests: SimpleQueue[Any] = SimpleQueue()
    subscription = f"projects/{project}/subscriptions/{PRICES}.{name}"
    requests.put(request_type(subscription=subscription, stream_ack_deadline_seconds=60))
    with grpc.insecure_channel(address, options=UNLIMITED) as channel:
        call = channel.stream_stream(
            _RAW, request_type.SerializeToString, response_type.FromString
        )(iter(requests.get, None))
        taken = 0
        for response in call:
            requests.put(request_type(ack_ids=[one.ack_id for one in response.received_messages]))
            taken += len(response.received_messages)
            if taken >= count:
                break
        requests.put(None)
        call.cancel()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
