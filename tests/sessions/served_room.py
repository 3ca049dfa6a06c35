"""A served control room over a broker, with prices that flow, and its streams counted there."""

import json
import re
import shutil
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from consumers.book_source import write_book
from consumers.clock import SystemClock
from consumers.monitoring import BacklogSource
from consumers.pubsub import PubSub
from consumers.topology import PRICES, provision
from consumers.wire import PriceTick, encode_price
from core.portfolio import Portfolio
from tests.dashboard.browser import Server, served
from tests.support import ROOT, eventually

SCRIPT = ROOT / "tests" / "sessions" / "room_server.py"
PARTS = ("core", "consumers", "dashboard", "tests/sessions", ".streamlit")
NUMBER = re.compile(r"-?\d+( \(.*\))?$")  # at the end of a name: which of several it is
PERIOD = timedelta(seconds=3)
PAGES = ("", "prices", "accounts", "what-if", "pipeline", "alerts", "system")


class Platform:
    """Publishes a round of prices a second; owns the thread `platform`."""

    def __init__(self, project: str, address: str) -> None:
        self._pubsub = PubSub(project, address)
        provision(self._pubsub)
        self._publisher = self._pubsub.publisher()
        self._source = BacklogSource(project, address, SystemClock())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="platform", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(1.0):
            number += 1
            meta = {"round": str(number), "round_size": "2", "cadence_s": "1"}
            for asset, price in (("ETH", 3_000 + number % 7), ("USDC", 1)):
                now = datetime.now(UTC)
                tick = PriceTick(asset, Decimal(price), "simulated", now, False, meta, ())
                self._publisher.publish(PRICES, encode_price(tick))

    def streams(self, prefix: str = "control-room-") -> dict[str, int | None]:
        """Open streams of each subscription, as the broker itself tells."""
        found = self._source.poll(PERIOD).items()
        return {name: sample.streams for name, sample in found if name.startswith(prefix)}

    def own(self) -> list[str]:
        """The control rooms' subscriptions that exist."""
        return [n for n in self._pubsub.subscriptions() if n.startswith("control-room-")]

    def close(self) -> None:
        """End it all."""
        self._stop.set()
        self._thread.join(5)
        self._source.close()
        self._publisher.close()
        self._pubsub.close()


@contextmanager
def platform(project: str, address: str) -> Iterator[Platform]:
    """A platform that is ended whatever happens."""
    made = Platform(project, address)
    try:
        yield made
    finally:
        made.close()


def copied(folder: Path) -> Path:
    """The project's sources somewhere else, where a drill may edit them."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "tests" / "__init__.py", folder / "tests")
    return folder


@contextmanager
def served_room(
    folder: Path, project: str, address: str, *options: str, root: Path = ROOT, **environment: str
) -> Iterator[Server]:
    """A control room with its pages, ready."""
    data = folder / "var"
    data.mkdir()
    write_book(data / "book.csv", [Portfolio.of("ann", {"ETH": "10"}, {"USDC": "20000"})])
    settings = {
        "GCP_PROJECT": project,
        "PUBSUB_EMULATOR_HOST": address,
        "FUSION_DATA_DIR": str(data),
        "FUSION_REPLICA": "a1",
        **environment,
    }
    script = root / SCRIPT.relative_to(ROOT)
    with served(folder / "log", script, None, *options, root=root, **settings) as server:
        eventually(lambda: ready(server), 30, 0.1, f"ready; {(folder / 'log').read_text()}")
        yield server


def ask(server: Server, path: str) -> dict[str, Any]:
    """The JSON of a route."""
    with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def ready(server: Server) -> bool:
    """Feeds live and the book scored."""
    try:
        return bool(ask(server, "/api/ready")["ready"])
    except OSError:
        return False


def threads(server: Server) -> Counter[str]:
    """How many threads there are of each name, Streamlit's apart."""
    names: list[str] = ask(server, "/drill")["threads"]
    return Counter(NUMBER.sub("", name) for name in names)


def told(server: Server, what: str) -> Any:
    """From the newest line of its log that says so."""
    lines = [line for line in server.path.read_text().splitlines() if line.startswith("{")]
    return next(found[what] for line in reversed(lines) if what in (found := json.loads(line)))
