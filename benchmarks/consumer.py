"""Our durable path beside a bare `subscribe()`: one broker, the same messages, one after the other.

Ours decodes, commits to the journal, acknowledges and applies to the stores; the peer's callback
only acknowledges. Each consumer is a process of its own, as a control room is. The sketch of a
consumer that leases whole responses (`leased`) is shown beside them, without a goal.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.broker_client import BrokerClient
from benchmarks.delay import delayed
from benchmarks.report import Result, rate, shown
from benchmarks.traffic import ASSETS
from consumers.pubsub import PubSub
from consumers.topology import PRICES, TOPICS
from consumers.wire import PriceTick, encode_price
from embedded.broker import BrokerProcess

ROOT = Path(__file__).resolve().parent.parent
PEER = "bare subscribe()"
GOAL = 0.9


def consumer(
    messages: int = 40_000, trials: int = 3, burst: int = 100_000, pace_s: float = 8.0
) -> Iterator[Result]:
    """Messages a second on one subscription and on four, from a backlog; a burst; further away;
    how long a single message takes.
    """
    with BrokerProcess() as broker, BrokerClient(broker.address) as client:
        for name, topics in (("one subscription", (PRICES,)), ("four subscriptions", TOPICS)):
            yield from _beside(client, name, topics, messages // len(topics), trials)
        yield from _burst(client, burst)
        yield from _far(client, broker.address, 0, messages // 2)
        for delay_ms in (5, 20):
            with delayed(broker.address, delay_ms / 1000) as address:
                yield from _far(client, address, delay_ms, messages // 2)
        for a_second in (100, 1_000):
            yield from latency(client, a_second, round(a_second * pace_s))


def _beside(
    client: BrokerClient, name: str, topics: Sequence[str], count: int, trials: int
) -> Iterator[Result]:
    order = ("bare", "settled", "ours")
    kinds = [kind for trial in range(trials) for kind in order[:: 1 - trial % 2 * 2]]
    found = in_turn(client, topics, count, kinds)
    rates = {kind: [one["messages"] / one["seconds"] for one in found[kind]] for kind in found}
    lost = sum(count * len(topics) - one["messages"] for one in found["ours"])
    yield rate(
        f"{name}: decoded, journalled, acknowledged, stored",
        median(rates["ours"]),
        "messages/s",
        PEER,
        median(rates["bare"]),
        GOAL,
    )
    yield rate(
        f"{name}: the same",
        median(rates["ours"]),
        "messages/s",
        f"{PEER}, collector and switches as ours",
        median(rates["settled"]),
        None,
    )
    yield shown(f"{name}: lost", float(lost), "messages")
    for kind in found:
        cpu = median(one["cpu"] / one["messages"] * 1e6 for one in found[kind])
        yield shown(f"{name}: CPU of the {kind} consumer", cpu, "us/message")
    for when in ("before", "after"):
        memory = median(one[f"rss_{when}"] for one in found["ours"])
        yield shown(f"{name}: memory of ours {when}", memory, "MB")


def _burst(client: BrokerClient, count: int) -> Iterator[Result]:
    (one,) = in_turn(client, (PRICES,), count, ("ours",))["ours"]
    yield shown(f"burst of {count:,}: until journalled and stored", one["seconds"], "s")
    yield shown(f"burst of {count:,}: lost", float(count - one["messages"]), "messages")


def _far(client: BrokerClient, address: str, delay_ms: int, count: int) -> Iterator[Result]:
    """What bounds the rate in a cloud: acknowledgements a round trip."""
    found = in_turn(client, (PRICES,), count, ("bare", "ours", "leased"), address)
    rates = {kind: one["messages"] / one["seconds"] for kind, (one,) in found.items()}
    what = f"round trip longer by {delay_ms} ms"
    if delay_ms:
        yield rate(what, rates["ours"], "messages/s", PEER, rates["bare"], None)
    sketch = f"{what}: a sketch that leases whole responses, only acknowledged"
    yield rate(sketch, rates["leased"], "messages/s", PEER, rates["bare"], None)


def latency(client: BrokerClient, a_second: int, count: int) -> Iterator[Result]:
    """From `publish` in this process to a price that can be seen in another, ours."""
    with client.published((PRICES,), ("timed",), 0) as project:
        arguments = ("timed", client.address, project, str(count), PRICES)
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.consume", "timed", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            _publish_evenly(client.address, project, a_second, count)
            waits = json.loads(child.stdout.readlines()[-1])["waits"]
    kept = sorted(waits[len(waits) // 10 :])  # connections and code are cold at the beginning
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        what = f"publish to store at {a_second:,}/s: {name}"
        yield shown(what, kept[int(len(kept) * share)] * 1000, "ms")
    yield shown(f"publish to store at {a_second:,}/s: lost", float(count - len(waits)), "messages")


def _publish_evenly(address: str, project: str, a_second: int, count: int) -> None:
    pubsub = PubSub(project, address)
    publisher = pubsub.publisher()
    begin = time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, begin + number / a_second - time.perf_counter()))
        tick = PriceTick(
            ASSETS[number % len(ASSETS)], Decimal(100 + number), "bench", datetime.now(UTC)
        )
        publisher.publish(PRICES, encode_price(tick))
    publisher.close()
    pubsub.close()


def in_turn(
    client: BrokerClient,
    topics: Sequence[str],
    count: int,
    kinds: Sequence[str],
    address: str | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Publish once, to a subscription for each consumer; then each takes everything, in order."""
    names = [f"{kind}-{number}" for number, kind in enumerate(kinds)]
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in dict.fromkeys(kinds)}
    with client.published(topics, names, count) as project:
        for kind, name in zip(kinds, names, strict=True):
            found[kind].append(
                consume(kind, name, address or client.address, project, count, topics)
            )
    return found


def consume(
    kind: str, name: str, address: str, project: str, count: int, topics: Sequence[str]
) -> dict[str, Any]:
    """One consumer in a process of its own; what it says at its end."""
    command = [sys.executable, "-m", "benchmarks.consume", kind, name, address, project]
    done = subprocess.run(
        [*command, str(count), *topics], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
