"""R1: kill -9 in the middle of the work, again and again; what was published is there, once."""

import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.monitoring import BacklogSource
from consumers.topology import SETTLEMENTS, ephemeral
from consumers.wire import Encoded, SettlementEvent, encode_settlement
from embedded.broker import BrokerProcess
from tests.drills.figures import tell
from tests.drills.room import Room, room
from tests.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KILLS = 20
EVENTS = 10_000
REPEATED = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is missing of what was published, and how many events have more than one effect: on
    disk, and in what the last process says it counted and applied to the book.
    """

    lost: int
    doubled: int
    counted_twice: int = 0
    applied_twice: int = 0


def event(number: int) -> Encoded:
    return encode_settlement(
        SettlementEvent(
            "EscrowDeployed",
            1,
            f"0x{number}",
            0,
            f"0xe{number}",
            "p",
            "q",
            Decimal(1),
            number,
            SystemClock().now(),
        )
    )


def drill(room: Room, mode: str, waiting: "BacklogSource", subscription: str) -> Outcome:
    """Publish in as many parts as there are kills, and kill in the middle of each."""
    chance = random.Random(20)
    part, again = EVENTS // KILLS, REPEATED // KILLS
    for number in range(KILLS):
        room.start(mode)
        before = room.rows(SETTLEMENTS)
        first = number * part
        numbers = list(range(first, first + part))
        for one in numbers + chance.sample(range(first + part), again):
            room.publish(SETTLEMENTS, event(one))
        wanted = before + chance.randrange(1, part // 2)
        eventually(lambda wanted=wanted: room.rows(SETTLEMENTS) >= wanted, 30, 0.001)  # type: ignore[misc]
        room.kill()
    assert room.publisher.flush(20)
    assert room.publisher.counts[SETTLEMENTS] == EVENTS + REPEATED
    room.start(mode)

    def drained() -> bool:
        return waiting.poll(timedelta(seconds=3))[subscription].backlog == 0

    eventually(drained, 60, 0.5, "nothing waits at the broker")
    for _ in range(2):  # the first may have been on its way already
        seen = room.told
        eventually(lambda seen=seen: room.told is not seen, 5)  # type: ignore[misc]
    room.stop()
    kept = [body["transactionHash"] for body in room.bodies(SETTLEMENTS)]
    once = len(set(kept))
    counted = room.told["settlements"]["events"]
    applied = room.told["book"]["settled_elsewhere"]  # the payer is no account of this book
    return Outcome(EVENTS - once, len(kept) - once, counted - once, applied - once)


@pytest.mark.parametrize("mode", ["right", "ack-first", "no-key"])
def test_twenty_kills_lose_nothing_and_double_nothing_but_in_the_controls(
    broker: BrokerProcess, project: str, tmp_path: Path, mode: str
) -> None:
    subscription = ephemeral("settlements", SETTLEMENTS, "a1").name
    waiting = BacklogSource(project, broker.address, SystemClock())
    with room(broker.address, project, tmp_path / "var") as made:
        outcome = drill(made, mode, waiting, subscription)
    waiting.close()
    tell(
        f"R1 {mode}: {KILLS} kills during {EVENTS:,} events + {REPEATED} repeated:"
        f" lost {outcome.lost}, double-counted {outcome.doubled} on disk,"
        f" {outcome.counted_twice} by the last process, {outcome.applied_twice} in its book"
    )
    if mode == "right":
        assert outcome == Outcome(0, 0)
    elif mode == "ack-first":
        assert outcome.lost > 0
    else:
        assert outcome.doubled > 0
