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
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
import grpc

from consumers.clock import SystemClock
from consumers.feed import Feed
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


def ours(name: str, address: str, project: str, count: int, topics: list[str]) -> dict[str, Any]:
    """A control room's own way: feeds, decoding, journal, acknowledgement, stores."""
    settle()
    clock, versions = SystemClock(), Versions()
    with tempfile.TemporaryDirectory() as folder:
        pubsub = PubSub(project, address)
        journal = Journal(Path(folder) / "bench.db", clock)
        ring = MessageRing()
        stores = Stores(
            PriceStore(versions, timedelta(seconds=30)),
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
        while not pubsub.connectivity().connected:
            time.sleep(0.01)
        begin = _now()
        for feed in feeds:
            feed.start()
        wanted = count * len(topics)

        def wait(timeout: float) -> bool:
            end = time.monotonic() + timeout
            while sum(ring.counts().values()) < wanted:
                if time.monotonic() > end:
                    return False
                time.sleep(0.005)
            return True

        found = _through(begin, wait, lambda: journal.status().committed)
        for feed in feeds:
            feed.stop()
        status = journal.status()
        journal.stop()
        pubsub.close()
    return found | {"duplicates": status.duplicates, "quarantined": status.quarantined}


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


def main() -> None:
    """Consume as the arguments say."""
    kind, name, address, project, count, *topics = sys.argv[1:]
    found = {"bare": bare, "ours": ours}[kind](name, address, project, int(count), topics)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
