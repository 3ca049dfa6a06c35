"""R11: a burst of 100,000 messages, while somebody looks at the pages."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
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
from tests.sessions.tab import tabs
from tests.support import ROOT, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
BURST = 100_000
WITHIN_S = 15.0
PAGE_P95_S = 1.0
LOOK_S = 1.0  # between rounds of looks: about two pages a second, more than a person reads
PAGES = ("", "prices", "pipeline")
STATE = "/api/state"
ASSETS = ("ETH", "BTC", "SOL", "LINK", "AVAX", "USDC", "ARB", "OP", "UNI", "AAVE")


class Pages(threading.Thread):
    """Runs pages as open tabs do, and asks for the state, one after the other, all the time."""

    def __init__(self, port: int) -> None:
        super().__init__(name="pages", daemon=True)
        self._port = port
        self._done = threading.Event()
        self.seconds: dict[str, list[float]] = {name: [] for name in (*PAGES, STATE)}
        self.faults: list[str] = []

    def run(self) -> None:
        """Until stopped."""
        url = f"http://127.0.0.1:{self._port}"
        with (
            httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
            tabs(self._port, *PAGES) as opened,
        ):
            looks: list[tuple[str, Callable[[], object]]] = [
                (page, tab.run) for page, tab in zip(PAGES, opened, strict=True)
            ]
            looks.append((STATE, lambda: client.get(STATE).raise_for_status()))
            while not self._done.wait(LOOK_S):
                for name, look in looks:
                    self._time(name, look)
            self.faults += [fault for tab in opened for fault in tab.faults]

    def _time(self, name: str, look: Callable[[], object]) -> None:
        clock = SystemClock()
        begun = clock.monotonic()
        try:
            look()
        except httpx.HTTPError as error:
            self.faults.append(str(error))
        self.seconds[name].append(clock.monotonic() - begun)

    def stop(self, quiet: int) -> dict[str, float]:
        """End; the 95th percentile of each, without the first `quiet` looks."""
        self._done.set()
        self.join(60)
        looks = {name: sorted(taken[quiet:]) for name, taken in self.seconds.items()}
        return {name: taken[int(0.95 * (len(taken) - 1))] for name, taken in looks.items()}


@pytest.fixture
def desk(broker: BrokerProcess, project: str, tmp_path: Path) -> Iterator[tuple[Room, int]]:
    """The dashboard's own process, as `fusion run` starts it, and its port."""
    port = free_port()
    with room(broker.address, project, tmp_path / "var") as made:
        command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py"]
        command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
        env = {**os.environ, **made.env}
        made.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        yield made, port


def feeds_live(port: int) -> bool:
    try:
        state = httpx.get(f"http://127.0.0.1:{port}{STATE}", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(feed["state"] == "live" for feed in state["feeds"] if feed["topic"] != PRICES)


def requests_of(topic: str) -> list[types.PublishRequest]:
    """A thousand messages in each."""
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
    return requests


def burst(address: str, requests: Sequence[types.PublishRequest]) -> None:
    """Publish as fast as the broker takes it."""
    with grpc.insecure_channel(address) as channel:
        transport = pubsub_v1.PublisherClient.get_transport_class("grpc")(channel=channel)
        for request in requests:
            transport.publish(types.PublishRequest.pb(request))


def test_a_burst_is_on_disk_within_fifteen_seconds_and_the_pages_stay_quick(
    desk: tuple[Room, int], broker: BrokerProcess, project: str
) -> None:
    made, port = desk
    eventually(lambda: feeds_live(port), 60, 0.2, "the feeds are live")
    topic = f"projects/{project}/topics/{PRICES}"
    sent = (broker.address, requests_of(topic))
    publishing = threading.Thread(target=burst, args=sent, name="burst")
    pages = Pages(port)
    pages.start()
    eventually(lambda: len(pages.seconds[STATE]) >= 5, 20)
    quiet = len(pages.seconds[STATE])
    clock = SystemClock()
    begun = clock.monotonic()
    publishing.start()
    eventually(lambda: made.rows(PRICES) >= BURST, 60, 0.1, "all is on disk")
    took = clock.monotonic() - begun
    publishing.join()
    slowest = pages.stop(quiet)
    distinct = len({body["source"] for body in made.bodies(PRICES)})
    looks = ", ".join(f"/{name.lstrip('/')} {1e3 * p95:.0f} ms" for name, p95 in slowest.items())
    tell(
        f"R11: {BURST:,} messages on disk {took:.1f} s after the publishing began"
        f" ({BURST / took:,.0f}/s), lost {BURST - distinct}; p95 of"
        f" {len(pages.seconds[STATE]) - quiet} looks each meanwhile: {looks}"
    )
    assert distinct == BURST
    assert pages.faults == []
    assert took <= WITHIN_S
    assert max(slowest.values()) <= PAGE_P95_S
