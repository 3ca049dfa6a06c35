"""How much the embedded broker carries: raw streams on one subscription and on four."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
import grpc

from benchmarks.broker_client import UNLIMITED, BrokerClient
from benchmarks.consumer import consume, in_turn
from benchmarks.report import Result, rate, shown, within
from consumers.topology import PRICES
from embedded.broker import BrokerProcess

IDLE_S = 10.0
ROUNDS = 3
ONE, FOUR = ("one",), ("one", "two", "three", "four")
TWO = FOUR[:2]
ASKED = "asked for"  # on two cores
CLIENT_ASKED, RAW_ASKED = 15_000.0, 150_000.0  # messages/s
FOUR_ASKED = 2.0  # times the CPU of one: "little more", where four brokers would take four times
IDLE_ASKED = 1.0  # % of a core
_RAW = "/google.pubsub.v1.Subscriber/StreamingPull"


@dataclass(frozen=True, slots=True)
class _Carried:
    """One backlog, published and then delivered: messages/s each way, summed over subscriptions;
    the broker's CPU for both, microseconds a published message; its memory in between, MB."""

    published: float
    delivered: float
    cpu_us: float
    memory_mb: float


def broker(
    messages: int = 100_000, idle_s: float = IDLE_S, rounds: int = ROUNDS
) -> Iterator[Result]:
    """From a backlog: real clients, one raw stream, four; then publishing, memory and idleness.

    A raw stream acknowledges but manages no leases: it is a limit for the broker, no consumer. One
    and four take turns, medians count: a single drain takes a third of a second and varies by half.
    What four subscriptions cost is told by the broker's CPU, as the clients share the machine.
    """
    with BrokerProcess() as process, BrokerClient(process.address) as client:
        assert process.pid is not None
        yield from _through_clients(client, messages // 4)
        before = _cpu_s(process.pid)
        runs: dict[Sequence[str], list[_Carried]] = {ONE: [], FOUR: []}
        for _ in range(rounds):
            for names, carried in runs.items():
                carried.append(_carry(client, process.pid, names, messages))
        yield shown("published raw", _median(runs[ONE], "published"), "messages/s")
        single = _median(runs[ONE], "delivered")
        yield rate("through one raw stream", single, "messages/s", ASKED, RAW_ASKED, 1.0)
        yield shown("memory with four backlogs of it", _median(runs[FOUR], "memory_mb"), "MB")
        four = _median(runs[FOUR], "delivered")
        yield rate("through four raw streams", four, "messages/s", "one stream", single, None)
        cost = _median(runs[ONE], "cpu_us"), _median(runs[FOUR], "cpu_us")
        yield within("its CPU a message to four", cost[1], "us", "to one", cost[0], FOUR_ASKED)
        yield shown("CPU of all this", _cpu_s(process.pid) - before, "s")
        yield shown("memory after it", _rss_mb(process.pid), "MB")
        before = _cpu_s(process.pid)
        time.sleep(idle_s)
        idle = (_cpu_s(process.pid) - before) / idle_s * 100
        yield within("idle CPU", idle, "%", ASKED, IDLE_ASKED, 1.0)


def _through_clients(client: BrokerClient, count: int) -> Iterator[Result]:
    """Google's own client: one, beside what its own CPU would allow, and two at the same time."""
    (one,) = in_turn(client, (PRICES,), count, ("bare",))["bare"]
    own, cpu = one["messages"] / one["seconds"], one["cpu"] / one["messages"] * 1e6
    yield rate("through subscribe()", own, "messages/s", ASKED, CLIENT_ASKED, 1.0)
    yield rate("the same", own, "messages/s", "all of its CPU", 1e6 / cpu, None)
    yield shown("CPU of the client", cpu, "us/message")
    with client.published((PRICES,), TWO, count) as project, ThreadPoolExecutor() as pool:
        both = pool.map(
            lambda name: consume("bare", name, client.address, project, count, (PRICES,)),
            TWO,
        )
        two = sum(each["messages"] / each["seconds"] for each in both)
    yield rate("through two of them at once", two, "messages/s", "one", own, None)


def _carry(client: BrokerClient, pid: int, names: Sequence[str], count: int) -> _Carried:
    """Publish `count` messages to so many subscriptions and drain them all."""
    begin, cpu = time.perf_counter(), _cpu_s(pid)
    with client.published((PRICES,), names, count) as project:
        published = count / (time.perf_counter() - begin)
        memory = _rss_mb(pid)
        delivered = _drain(client.address, project, names, count)
        spent = _cpu_s(pid) - cpu
    return _Carried(published, delivered, spent / count * 1e6, memory)


def _median(runs: Sequence[_Carried], figure: str) -> float:
    return float(statistics.median(getattr(run, figure) for run in runs))


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
