"""One consumer in a process of its own, until so many messages are through: for `consumer`.

`python -m benchmarks.consume KIND NAME ADDRESS PROJECT COUNT TOPIC...` prints one JSON object.
Each topic has a subscription "<topic>.<NAME>" with COUNT messages waiting or on their way.
"""

import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
import grpc

from benchmarks.broker_client import UNLIMITED
from benchmarks.leased import rate
from consumers.clock import SystemClock
from consumers.feed import Feed, FeedState
from consumers.filling import Stores
from consumers.intake import AT_ONCE, Intake
from consumers.journal import Journal
from consumers.memory import settle
from consumers.pubsub import PubSub
from consumers.stores import (
    AlertStore,
    EscrowStore,
    MessageRing,
    PositionStore,
    PriceStore,
    RunStore,
    Versions,
)
from consumers.stores.values import Received
from consumers.wire import PriceTick
from core.book import Book
from core.policy import Policy

PATIENCE_S = 300.0


def bare(name: str, address: str, project: str, count: int, topics: list[str]) -> dict[str, Any]:
    """The default `subscribe()` with a callback that only acknowledges."""
    transport = pubsub_v1.SubscriberClient.get_transport_class("grpc")
    client = pubsub_v1.SubscriberClient(transport=transport(channel=grpc.insecure_channel(address)))
    numbers, finished, wanted = itertools.count(1), threading.Event(), count * len(topics)

    def callback(message: Any) -> None:
        message.ack()
        if next(numbers) == wanted:
            finished.set()

    begin = _now()
    futures = [
        client.subscribe(f"projects/{project}/subscriptions/{topic}.{name}", callback)
        for topic in topics
    ]
    found = _through(begin, finished.wait, lambda: next(numbers) - 1)
    for future in futures:
        future.cancel()
        future.result(10)
    client.close()
    return found


def settled(name: str, address: str, project: str, count: int, topics: list[str]) -> dict[str, Any]:
    """The same in an interpreter set as a control room sets its own."""
    settle()
    return bare(name, address, project, count, topics)


class Waits(PriceStore):
    """Remembers how long after its publishing each price could be seen: seconds, in order."""

    def __init__(self, versions: Versions, cadence: timedelta) -> None:
        super().__init__(versions, cadence)
        self.seconds: list[float] = []

    def apply_all(self, ticks: Iterable[tuple[PriceTick, Received]]) -> None:
        """As the store's."""
        taken = list(ticks)
        super().apply_all(taken)
        now = datetime.now(UTC)
        self.seconds += [(now - tick.timestamp).total_seconds() for tick, _ in taken]


def ours(name: str, address: str, project: str, count: int, topics: list[str]) -> dict[str, Any]:
    """A control room's own way: feeds, decoding, journal, acknowledgement, stores."""
    return _room(name, address, project, count, topics, PriceStore)[0]


def timed(name: str, address: str, project: str, count: int, topics: list[str]) -> dict[str, Any]:
    """The same for messages that come at their time; says "ready" once it listens."""
    found, store = _room(name, address, project, count, topics, Waits)
    assert isinstance(store, Waits)
    return found | {"waits": store.seconds}


def leased(name: str, address: str, project: str, count: int, topics: list[str]) -> dict[str, Any]:
    """The sketch of `leased`, on the first of the topics."""
    transport = pubsub_v1.SubscriberClient.get_transport_class("grpc")
    channel = grpc.insecure_channel(address, options=UNLIMITED)
    client = pubsub_v1.SubscriberClient(transport=transport(channel=channel))
    path = f"projects/{project}/subscriptions/{topics[0]}.{name}"
    cpu = time.process_time()
    taken, seconds = rate(client, path, count)
    client.close()
    return {"messages": taken, "seconds": seconds, "cpu": time.process_time() - cpu}


def _room(
    name: str,
    address: str,
    project: str,
    count: int,
    topics: list[str],
    make: type[PriceStore],
) -> tuple[dict[str, Any], PriceStore]:
    settle()
    clock, versions = SystemClock(), Versions()
    prices = make(versions, timedelta(seconds=30))
    with tempfile.TemporaryDirectory() as folder:
        pubsub = PubSub(project, address)
        journal = Journal(Path(folder) / "bench.db", clock)
        ring = MessageRing()
        stores = Stores(
            prices,
            AlertStore(versions),
            EscrowStore(versions),
            PositionStore(versions, Book.from_portfolios((), Policy()), clock.now()),
            RunStore(versions),
            ring,
        )
        intake = Intake(journal, stores, clock)
        feeds = [
            Feed(
                pubsub=pubsub,
                name=topic,
                topic=topic,
                subscription=f"{topic}.{name}",
                handle=intake.handle_all,
                together=AT_ONCE,
                clock=clock,
                cadence=None,
            )
            for topic in topics
        ]
        journal.start()
        _until(lambda: pubsub.connectivity().connected)
        before, begin = _rss_mb(), _now()
        for feed in feeds:
            feed.start()
        if make is Waits:
            _until(lambda: all(feed.status().state is FeedState.LIVE for feed in feeds))
            print("ready", flush=True)
        wanted = count * len(topics)
        found = _through(
            begin,
            lambda timeout: _until(lambda: sum(ring.counts().values()) >= wanted, timeout),
            lambda: journal.status().committed,
        )
        found |= {"rss_before": before, "rss_after": _rss_mb()}
        for feed in feeds:
            feed.stop()
        status = journal.status()
        journal.stop()
        pubsub.close()
    return found | {"duplicates": status.duplicates, "quarantined": status.quarantined}, prices


def _until(condition: Callable[[], bool], timeout: float = PATIENCE_S) -> bool:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def _rss_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _through(
    begin: tuple[float, float], wait: Callable[[float], bool], count: Callable[[], int]
) -> dict[str, Any]:
    whole = wait(PATIENCE_S)
    wall, cpu = _now()
    return {
        "whole": whole,
        "messages": count(),
        "seconds": wall - begin[0],
        "cpu": cpu - begin[1],
        "ended": datetime.now(UTC).isoformat(),
    }


KINDS = {"bare": bare, "settled": settled, "ours": ours, "timed": timed, "leased": leased}


def main() -> None:
    """Consume as the arguments say."""
    kind, name, address, project, count, *topics = sys.argv[1:]
    found = KINDS[kind](name, address, project, int(count), topics)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
