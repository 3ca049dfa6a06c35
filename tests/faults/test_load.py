"""What is slow, large or frequent costs bounded memory, time and descriptors."""

import gc
import os
import threading
import time
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.feed import Feed, Incoming, each
from consumers.pubsub import PubSub
from consumers.topology import PRICES
from consumers.wire import Encoded
from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.faults.line import SPEC, line
from tests.faults.wire import Wire
from tests.support import eventually

MB = 1024 * 1024


def rss_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def descriptors() -> int:
    """Open file descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_r12_ten_megabytes_arrive_within_2_seconds_and_hold_nobody_up(
    broker: BrokerProcess, project: str
) -> None:
    pubsub = PubSub(project, broker.address)
    pubsub.ensure_topic(PRICES)
    pubsub.ensure_subscription(SPEC)
    got: list[tuple[int, float]] = []

    def handle(incoming: Incoming) -> None:
        got.append((len(incoming.data), time.monotonic()))
        incoming.ack()

    feed = _feed(pubsub, handle)
    publisher = pubsub.publisher()
    eventually(lambda: feed.status().state == "live")
    began = time.monotonic()
    publisher.publish(PRICES, Encoded(b"x" * 9_999_000, {}))
    for _ in range(5):
        publisher.publish(PRICES, Encoded(b"y", {}))
    eventually(lambda: len(got) == 6)
    large = next(at for size, at in got if size > 1) - began
    rest = max(at for _, at in got) - began
    show(f"\nR12 a message of 9,999,000 bytes after {large:.2f} s, five more by {rest:.2f} s")
    assert large <= 2
    assert rest <= 3
    feed.stop()
    publisher.close()
    pubsub.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_r10_a_slow_consumer_costs_bounded_memory_and_gets_nothing_twice(
    broker: BrokerProcess, project: str
) -> None:
    pubsub = PubSub(project, broker.address)
    pubsub.ensure_topic(PRICES)
    pubsub.ensure_subscription(SPEC)
    publisher = pubsub.publisher()
    for n in range(200):
        publisher.publish(PRICES, Encoded(str(n).encode().ljust(500_000), {}))
        if n % 20 == 19:
            assert publisher.flush(30)
    gc.collect()
    before, high, seen = rss_mb(), 0.0, []
    pause = threading.Event()

    def handle(incoming: Incoming) -> None:
        nonlocal high
        pause.wait(0.2)
        seen.append(int(incoming.data))
        high = max(high, rss_mb())
        incoming.ack()

    feed = _feed(pubsub, handle)
    eventually(lambda: len(set(seen)) == 200, 90)
    show(
        f"\nR10 200 messages of 0.5 MB at 0.2 s: RSS {before:.0f} MB + {high - before:.0f} MB, "
        f"{len(seen) - 200} doubled"
    )
    assert high - before <= 50
    assert len(seen) == 200
    feed.stop()
    publisher.close()
    pubsub.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_r24_two_hundred_reconnects_leave_nothing_behind(
    broker: BrokerProcess, project: str
) -> None:
    with Wire(broker.address) as wire, line(project, broker.address, wire.address) as one:
        one.start()
        figures: list[tuple[float, int, int]] = []
        for _ in range(200):
            assert wire.reset() >= 1
            one.flows_after(time.monotonic(), 12)
            figures.append((rss_mb(), descriptors(), threading.active_count()))
        lost, doubled = one.settle()
        gc.collect()
        warm, last = figures[19], (rss_mb(), descriptors(), threading.active_count())
        show(
            f"\nR24 200 reconnects: RSS {warm[0]:.0f} -> {last[0]:.0f} MB since the 20th, "
            f"descriptors at most {max(f[1] for f in figures)} and {last[1]} at the end, threads "
            f"{warm[2]} -> {last[2]}, lost {lost}, doubled {doubled}, streams {one.streams()}"
        )
        assert last[0] - warm[0] <= 20
        assert max(f[1] for f in figures) <= 500
        assert (lost, one.streams()) == (0, 1)


def _feed(pubsub: PubSub, handle: object) -> Feed:
    assert callable(handle)
    feed = Feed(
        pubsub=pubsub,
        name="prices",
        topic=PRICES,
        subscription=SPEC.name,
        handle=each(handle),
        clock=SystemClock(),
        cadence=None,
    )
    feed.start()
    return feed
