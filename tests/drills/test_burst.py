"""R11: a burst of 100,000 messages, while somebody looks at the pages."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
import grpc
import httpx
import pytest
from google.cloud.pubsub_v1 import types

from consumers.clock import SystemClock
from consumers.topology import PRICES
from consumers.wire import PriceTick, encode_price
from embedded.broker import BrokerProcess
from tests.dashboard.browser import free_port
from tests.drills.figures import tell
from tests.drills.room import Room, room
from tests.support import ROOT, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
BURST = 100_000
WITHIN_S = 15.0
PAGE_P95_S = 1.0
ASSETS = ("ETH", "BTC", "SOL", "LINK", "AVAX", "USDC", "ARB", "OP", "UNI", "AAVE")


class Pages(threading.Thread):
    """Asks for the page and for the state, one after the other, all the time."""

    def __init__(self, url: str) -> None:
        super().__init__(name="pages", daemon=True)
        self._url = url
        self._done = threading.Event()
        self.seconds: dict[str, list[float]] = {"/": [], "/api/state": []}
        self.failed = 0

    def run(self) -> None:
        """Until stopped."""
        clock = SystemClock()
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            while not self._done.wait(0.2):
                for path, taken in self.seconds.items():
                    begun = clock.monotonic()
                    self.failed += client.get(path).status_code != 200
                    taken.append(clock.monotonic() - begun)

    def stop(self) -> dict[str, float]:
        """End; the 95th percentile of each path."""
        self._done.set()
        self.join(30)
        return {path: sorted(s)[int(0.95 * (len(s) - 1))] for path, s in self.seconds.items()}


@pytest.fixture
def desk(broker: BrokerProcess, project: str, tmp_path: Path) -> Iterator[tuple[Room, str]]:
    """The dashboard's own process, as `fusion run` starts it, and its address."""
    port = free_port()
    with room(broker.address, project, tmp_path / "var") as made:
        command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py"]
        command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
        env = {**os.environ, **made.env}
        made.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        yield made, f"http://127.0.0.1:{port}"


def feeds_live(url: str) -> bool:
    try:
        state = httpx.get(f"{url}/api/state", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(feed["state"] == "live" for feed in state["feeds"] if feed["topic"] != PRICES)


def burst(address: str, topic: str) -> None:
    """Publish as fast as the broker takes it: a thousand in a request."""
    start, requests = SystemClock().now(), []
    for number in range(0, BURST, 1_000):
        messages = []
        for place in range(number, number + 1_000):
            at = start - timedelta(microseconds=(BURST - place) * 10)
            price = Decimal(3_000 + place % 100)
            tick = PriceTick(ASSETS[place % 10], price, f"s{place}", at, False, {}, ())
            encoded = encode_price(tick)
            messages.append(
                types.PubsubMessage(data=encoded.data, attributes=dict(encoded.attributes))
            )
        requests.append(types.PublishRequest(topic=topic, messages=messages))
    with grpc.insecure_channel(address) as channel:
        transport = pubsub_v1.PublisherClient.get_transport_class("grpc")(channel=channel)
        for request in requests:
            transport.publish(types.PublishRequest.pb(request))


def test_a_burst_is_on_disk_within_fifteen_seconds_and_the_pages_stay_quick(
    desk: tuple[Room, str], broker: BrokerProcess, project: str
) -> None:
    made, url = desk
    eventually(lambda: feeds_live(url), 60, 0.2, "the feeds are live")
    pages = Pages(url)
    pages.start()
    eventually(lambda: len(pages.seconds["/api/state"]) >= 5, 20)
    clock = SystemClock()
    topic = f"projects/{project}/topics/{PRICES}"
    publishing = threading.Thread(target=burst, args=(broker.address, topic), name="burst")
    publishing.start()
    eventually(lambda: made.rows(PRICES) > 0, 30, 0.01)
    begun = clock.monotonic()
    eventually(lambda: made.rows(PRICES) >= BURST, 60, 0.1, "all is on disk")
    took = clock.monotonic() - begun
    publishing.join()
    slowest = pages.stop()
    distinct = len({body["source"] for body in made.bodies(PRICES)})
    looks = len(pages.seconds["/"])
    tell(
        f"R11: {BURST:,} messages on disk in {took:.1f} s ({BURST / took:,.0f}/s), lost"
        f" {BURST - distinct}; p95 of {looks} looks meanwhile: / {1e3 * slowest['/']:.0f} ms,"
        f" /api/state {1e3 * slowest['/api/state']:.0f} ms"
    )
    assert distinct == BURST
    assert pages.failed == 0
    assert took <= WITHIN_S
    assert max(slowest.values()) <= PAGE_P95_S
