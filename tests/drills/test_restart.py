"""R2: the broker itself is killed and started anew while escrows are published.

The embedded broker keeps its messages in memory: what waits in it dies with it. So the kill comes
when all that it had accepted has arrived; what it accepts from then on must arrive, also what was
published before anybody had a subscription again.
"""

import os
import queue
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.monitoring import BacklogSource
from consumers.publisher import PublishResult
from consumers.pubsub import PubSub
from consumers.topology import SETTLEMENTS, TOPICS, WARM_UP, ephemeral
from embedded.broker import BrokerProcess
from tests.drills.figures import tell
from tests.drills.room import Room, room
from tests.drills.test_kill import event
from tests.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
EVERY_S = 0.02
BACK_S = 12.0


class Relayer(threading.Thread):
    """Publishes escrows evenly, and again what the broker did not take, as an outbox would."""

    def __init__(self, room: Room) -> None:
        super().__init__(name="relayer", daemon=True)
        self._room = room
        self._again: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stop_asked = threading.Event()
        self.flows = threading.Event()
        self.flows.set()
        self.accepted: set[int] = set()
        self.refused = 0

    def run(self) -> None:
        """Until stopped."""
        number = 0
        while not self._stop_asked.wait(EVERY_S):
            if not self._again.empty():
                self._publish(self._again.get())
            elif self.flows.is_set():
                number += 1
                self._publish(number)

    def _publish(self, number: int) -> None:
        def told(result: PublishResult) -> None:
            if result.message_id is not None:
                self.accepted.add(number)
            else:
                self.refused += 1
                self._again.put(number)

        self._room.publisher.publish(SETTLEMENTS, event(number), told)

    def settled(self) -> bool:
        """Whether every escrow has been accepted."""
        return self._room.publisher.pending == 0 and self._again.empty()

    def stop(self) -> None:
        """End, once all is accepted."""
        self.flows.clear()
        eventually(self.settled, 90, 0.1, "the broker took all")
        self._stop_asked.set()
        self.join(5)


def kill(broker: BrokerProcess) -> None:
    """Kill -9."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    eventually(lambda: not broker.alive, 5)


def begin_anew(broker: BrokerProcess, project: str) -> None:
    """The broker on its old port, and its topics as a platform that starts makes them."""
    pubsub = PubSub(project, broker.start())
    for topic in TOPICS:
        pubsub.ensure_topic(topic, retention=WARM_UP)
    pubsub.close()


def streams(broker: BrokerProcess, project: str) -> int | None:
    """Open streams of the room on its settlements."""
    source = BacklogSource(project, broker.address, SystemClock())
    name = ephemeral("settlements", SETTLEMENTS, "a1").name
    try:
        return source.poll(timedelta(seconds=3))[name].streams
    finally:
        source.close()


@pytest.mark.parametrize("down_s", [2.0, 15.0])
def test_a_broker_killed_and_started_anew_is_read_within_12_seconds_and_nothing_is_lost(
    project: str, tmp_path: Path, down_s: float
) -> None:
    with (
        BrokerProcess() as broker,
        room(broker.address, project, tmp_path / "var") as made,
    ):
        made.start()
        relayer = Relayer(made)
        relayer.start()
        eventually(lambda: made.rows(SETTLEMENTS) >= 100, 30)
        relayer.flows.clear()
        eventually(lambda: relayer.settled() and made.rows(SETTLEMENTS) == len(relayer.accepted))
        before = len(relayer.accepted)
        kill(broker)
        killed_at = time.monotonic()
        relayer.flows.set()
        eventually(lambda: time.monotonic() > killed_at + down_s, 60)
        begin_anew(broker, project)
        begun = time.monotonic()
        eventually(lambda: made.rows(SETTLEMENTS) > before, BACK_S, what="it reads again")
        took = time.monotonic() - begun
        eventually(lambda: len(relayer.accepted) >= before + 500, 60)
        relayer.stop()
        sent = relayer.accepted
        eventually(lambda: made.rows(SETTLEMENTS) >= len(sent), 30, what="all is on disk")
        kept = {int(body["transactionHash"][2:]) for body in made.bodies(SETTLEMENTS)}
        tell(
            f"R2 broker killed, down {down_s:g} s: read again {took:.1f} s after, {len(sent):,}"
            f" accepted, {relayer.refused} refused and sent again, {len(sent - kept)} lost"
        )
        assert sent == kept
        assert len(sent) - before >= 500
        eventually(lambda: streams(broker, project) == 1, 20)
