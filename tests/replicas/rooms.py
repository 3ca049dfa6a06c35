"""Several control rooms on one broker, and the events that they all must see."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from consumers.book_source import write_book
from consumers.pubsub import PubSub
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS, provision
from consumers.wire import (
    DeliveryReceipt,
    Encoded,
    PriceTick,
    SettlementEvent,
    encode_alert,
    encode_price,
    encode_receipt,
    encode_settlement,
)
from core.alerts import MarginAlert, Severity
from core.alerts import test_alert as alert_of_test
from core.policy import Policy
from core.portfolio import Portfolio
from tests.support import ROOT

POLICY = Policy()


class Replica:
    """A control room in a process of its own."""

    def __init__(self, folder: Path, project: str, broker: str, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_book(folder / "book.csv", [Portfolio.of("ann", {"ETH": "10"}, {"USDC": "3100"})])
        env = {
            **os.environ,
            "GCP_PROJECT": project,
            "PUBSUB_EMULATOR_HOST": broker,
            "FUSION_DATA_DIR": str(folder),
            "FUSION_LOG_LEVEL": "error",
            "FUSION_BOOK_AS_OF": "2026-01-01T00:00:00Z",  # of all: the same positions
            **environment,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.replicas.replica"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def state(self) -> dict[str, Any]:
        """What it holds now."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.line()

    def line(self) -> dict[str, Any]:
        """The next line that it says."""
        assert self.process.stdout is not None
        answer: dict[str, Any] = orjson.loads(self.process.stdout.readline())
        return answer

    def live(self) -> bool:
        """Whether every feed has a stream that is not refused; the price feed may be silent."""
        return all(state in ("live", "silent") for state in self.state()["feeds"].values())

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


class Platform:
    """Publishes what a platform would: numbered events on all four topics."""

    def __init__(self, project: str, broker: str) -> None:
        self.pubsub = PubSub(project, broker)
        provision(self.pubsub)
        self._publisher = self.pubsub.publisher()
        self.published = 0

    def publish(self, count: int) -> None:
        """So many more events, six in ten of them prices; returns once the broker has them all."""
        for _ in range(count):
            topic, encoded = _event(self.published)
            self._publisher.publish(topic, encoded)
            self.published += 1
        assert self._publisher.flush(60)
        assert self._publisher.failures == {}

    def alert(self, number: int) -> MarginAlert:
        """Publish a test alert."""
        made = _alert(number)
        self._publisher.publish(ALERTS, encode_alert(made, ALERTS))
        return made

    def flush(self) -> None:
        """Wait until the broker has them all."""
        assert self._publisher.flush(30)

    def close(self) -> None:
        """End it."""
        self._publisher.close()
        self.pubsub.close()


def _event(number: int) -> tuple[str, Encoded]:
    now = datetime.now(UTC)
    kind = number % 10
    if kind < 6:
        price = Decimal(3000 + number) / 10
        return PRICES, encode_price(
            PriceTick(f"A{number % 7}", price, "simulated", now, False, {}, ())
        )
    if kind < 8:
        event = SettlementEvent(
            "EscrowDeployed",
            1,
            f"0x{number:040x}",
            0,
            f"0x{number % 300:040x}",
            "ann",
            "ben",
            Decimal(number),
            number,
            now - timedelta(seconds=1),
        )
        return SETTLEMENTS, encode_settlement(event)
    if kind == 8:
        return ALERTS, encode_alert(_alert(number), ALERTS)
    told = _alert(number - 1)
    receipt = DeliveryReceipt(
        told.event_id, told.test_id, "email", "delivered", None, 1, now, now, "notifier-1"
    )
    return RECEIPTS, encode_receipt(receipt)


def _alert(number: int) -> MarginAlert:
    return alert_of_test(
        severity=Severity.HIGH,
        test_id=f"T-{number:08x}",
        at=datetime.now(UTC),
        policy=POLICY,
        by="drill",
    )


@contextmanager
def platform(project: str, broker: str) -> Iterator[Platform]:
    """A platform that is ended whatever happens."""
    made = Platform(project, broker)
    try:
        yield made
    finally:
        made.close()
