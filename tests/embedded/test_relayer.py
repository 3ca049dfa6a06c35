"""The relayer's escrows go through their life in order, under hashes that never come again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from consumers.publisher import PublishResult
from consumers.settled import settled_of
from consumers.wire import Encoded, SettlementEvent, decode_settlement, encode_settlement
from embedded.relayer import EscrowLife, Relayer
from tests.support import FakeClock, eventually

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
USERS = {"wren-02": Decimal(10), "robin-01": Decimal("2.5"), "rook-03": Decimal(80)}
NEXT = {
    "EscrowDeployed": {"Approved"},
    "Approved": {"EscrowReleased", "EscrowRefunded"},
}


def _events(run: str, count: int = 60) -> list[SettlementEvent]:
    life = EscrowLife(7, USERS, run)
    return [life.next(NOON + timedelta(seconds=7 * n)) for n in range(count)]


def test_each_escrow_is_deployed_then_approved_then_settled() -> None:
    by_escrow: dict[str, list[str]] = {}
    for event in _events("a"):
        by_escrow.setdefault(event.escrow, []).append(event.event)
    assert len(by_escrow) > 10
    for events in by_escrow.values():
        assert events[0] == "EscrowDeployed"
        assert all(after in NEXT[before] for before, after in pairwise(events))


def test_hashes_are_unique_within_a_run_and_from_run_to_run() -> None:
    hashes = [event.transaction_hash for run in ("a", "b") for event in _events(run)]
    assert len(set(hashes)) == len(hashes)


def test_payer_and_payee_are_two_accounts_of_the_book() -> None:
    for event in _events("a"):
        assert {event.payer, event.payee} < set(USERS)
        assert event.payer != event.payee
        assert event.amount is not None
        assert event.amount > 0


def test_nobody_pays_what_they_do_not_have() -> None:
    balances = dict(USERS)
    for event in _events("a", 2_000):
        change = settled_of(event)
        if change is not None:
            balances[change.delta.user_id] += change.delta.amount
            assert balances[change.delta.user_id] >= 0


def test_events_survive_the_wire() -> None:
    for event in _events("a"):
        encoded = encode_settlement(event)
        assert decode_settlement(encoded.data, encoded.attributes, event.timestamp) == event


class Broker:
    """Takes everything."""

    def __init__(self) -> None:
        self.taken: list[Encoded] = []

    def publish(
        self, topic: str, encoded: Encoded, on_done: Callable[[PublishResult], None]
    ) -> None:
        self.taken.append(encoded)
        on_done(PublishResult(topic, "m1", None, 0.0))


def test_the_relayer_publishes_on_its_interval_and_stops_at_once() -> None:
    broker = Broker()
    relayer = Relayer(
        balances=USERS, seed=7, interval_s=0.02, publisher=broker, clock=FakeClock(NOON)
    )
    relayer.start()
    eventually(lambda: relayer.status().counters.get("events", 0) >= 3)
    relayer.stop()
    sent = len(broker.taken)
    assert sent == relayer.status().counters["events"]
