"""Feeds that lose no time, and a real broker with the topic of prices."""

from collections.abc import Iterator

import pytest

from consumers import feed as feeds
from consumers import watchdog
from consumers.pubsub import PubSub
from consumers.topology import PRICES
from embedded.broker import BrokerProcess


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps, in tenths of a second."""
    monkeypatch.setattr(feeds, "TICK_S", 0.05)
    monkeypatch.setattr(watchdog, "SETTLED_S", 0.3)
    monkeypatch.setattr(feeds, "DRAIN_S", 0.5)


@pytest.fixture
def pubsub(broker: BrokerProcess, project: str) -> Iterator[PubSub]:
    """Of a project with the topic of prices and no subscription."""
    pubsub = PubSub(project, broker.address)
    pubsub.ensure_topic(PRICES)
    yield pubsub
    pubsub.close()
