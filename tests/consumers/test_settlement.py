"""The settlement consumer journals every event once, whatever is delivered twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.journal import Journal
from consumers.pubsub import PubSub
from consumers.settlement import SettlementConsumer
from consumers.topology import SETTLEMENT_EVENTS, SETTLEMENTS, provision
from consumers.wire import Encoded, SettlementEvent, encode_settlement
from embedded.broker import BrokerProcess
from tests.support import eventually

CLOCK = SystemClock()


@pytest.fixture
def pubsub(broker: BrokerProcess, project: str) -> Iterator[PubSub]:
    made = PubSub(project, broker.address)
    provision(made)
    yield made
    made.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "platform.db", CLOCK)
    made.start()
    yield made
    made.stop()


def _event(number: int) -> SettlementEvent:
    return SettlementEvent(
        event="EscrowDeployed",
        chain_id=11155111,
        transaction_hash=f"0x{number:02}",
        log_index=0,
        escrow="0xe1",
        payer="wren-02",
        payee="robin-01",
        amount=Decimal("1.5"),
        block_number=7,
        timestamp=CLOCK.now() - timedelta(seconds=1),
    )


def test_events_are_journalled_once_and_counted(pubsub: PubSub, journal: Journal) -> None:
    consumer = SettlementConsumer(pubsub=pubsub, journal=journal, clock=CLOCK)
    consumer.start()
    publisher = pubsub.publisher()
    first = _event(1)
    for event in (first, first, replace(_event(2), event="Approved")):
        publisher.publish(SETTLEMENTS, encode_settlement(event))
    publisher.publish(SETTLEMENTS, Encoded(b"{}", {}))
    expected = {"events": 2, "duplicates": 1, "quarantined": 1, "EscrowDeployed": 1, "Approved": 1}
    eventually(lambda: consumer.status().counters == expected)
    consumer.stop()
    publisher.close()
    assert [entry.key for entry in journal.replay(SETTLEMENTS)] == [
        "11155111/0x01/0",
        "11155111/0x02/0",
    ]
    assert [one.reason for one in journal.quarantined()] == ["event"]


def test_a_subscription_that_is_missing_is_told(pubsub: PubSub, journal: Journal) -> None:
    pubsub.delete_subscription(SETTLEMENT_EVENTS)
    consumer = SettlementConsumer(pubsub=pubsub, journal=journal, clock=CLOCK)
    consumer.start()
    eventually(lambda: "does not exist" in (consumer.status().last_error or ""))
    consumer.stop()
