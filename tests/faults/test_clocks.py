"""Clocks that disagree: no negative age anywhere, and the skew is counted apart."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from consumers.book_source import write_book
from consumers.clock import SystemClock
from consumers.pubsub import PubSub
from consumers.runtime import Runtime
from consumers.settings import load
from consumers.topology import PRICES, provision
from consumers.wire import PriceTick, encode_price
from core.portfolio import Portfolio
from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.support import eventually


class SkewedClock(SystemClock):
    """Wrong by a fixed time."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        """What this machine believes."""
        return super().now() + self._by


def negative_ages(value: Any, path: str = "") -> Iterator[str]:
    """Every age or duration below zero in a picture of plain values, by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from negative_ages(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from negative_ages(inner, f"{path}[{index}]")
    elif isinstance(value, int | float) and value < 0:
        yield f"{path} = {value}"


@pytest.mark.parametrize("hours", [-1, 1])
def test_r17_clocks_off_by_an_hour_give_no_negative_age(
    broker: BrokerProcess, project: str, tmp_path: Path, hours: int
) -> None:
    write_book(tmp_path / "book.csv", [Portfolio.of("calm-01", {"ETH": "10"}, {"USDC": "3100"})])
    true = SystemClock()
    pubsub = PubSub(project, broker.address)
    provision(pubsub)
    publisher = pubsub.publisher()
    settings = load({}, project=project, emulator_host=broker.address, data_dir=tmp_path)
    runtime = Runtime(settings, SkewedClock(timedelta(hours=hours)))
    runtime.start()
    eventually(lambda: all(f.state != "connecting" for f in runtime.picture().feeds))
    for number in range(5):
        meta = {"round": str(number), "round_size": "2", "cadence_s": "2"}
        for asset, price in (("ETH", "3941.34"), ("USDC", "1.00")):
            tick = PriceTick(asset, Decimal(price), "simulated", true.now(), False, meta, ())
            publisher.publish(PRICES, encode_price(tick))
    assert publisher.flush(5)
    eventually(lambda: runtime.picture().feeds[0].messages == 10)
    eventually(lambda: runtime.picture().journal.committed + runtime.picture().quarantined == 10)
    state: dict[str, Any] = runtime.state()
    found = state["latency_ms"].get(PRICES, {})
    show(f"\nR17 {hours:+d} h: {found}, quarantined {state['journal']['quarantined']}")
    assert list(negative_ages(state)) == []
    if hours < 0:
        assert (found["skewed"], found["p50"]) == (10, None)
    runtime.stop()
    publisher.close()
    pubsub.close()
