"""A broker's project in which one worker at a time runs, and a listener to what it sends."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from consumers.clock import SystemClock
from consumers.feed import Feed, Incoming, each
from consumers.journal import Journal
from consumers.pubsub import PubSub
from consumers.settings import load
from consumers.subscription import SubscriptionSpec
from consumers.topology import provision
from consumers.worker import Worker
from embedded.broker import BrokerProcess
from tests.support import Closing

CLOCK = SystemClock()
W = TypeVar("W", bound=Worker)


class WorkerRoom(Closing):
    """The worker's journal is the project's own; `hear` is told what comes to `listener`."""

    def __init__(
        self, broker: BrokerProcess, project: str, folder: Path, listener: SubscriptionSpec
    ) -> None:
        self.settings = load({}, project=project, emulator_host=broker.address, data_dir=folder)
        self.pubsub = PubSub(project, broker.address)
        provision(self.pubsub)
        self.pubsub.ensure_subscription(listener)
        self.publisher = self.pubsub.publisher()
        self._listener = Feed(
            pubsub=self.pubsub,
            name="listener",
            topic=listener.topic,
            subscription=listener.name,
            handle=each(self._take),
            clock=CLOCK,
            cadence=None,
        )
        self._listener.start()
        self._running: list[tuple[Worker, Journal]] = []

    def hear(self, incoming: Incoming) -> None:
        """One message that came; it is acknowledged afterwards."""
        raise NotImplementedError

    def run(self, make: Callable[[Journal], W]) -> W:
        """Start a worker on this room's journal; one at a time."""
        journal = Journal(self.settings.data_dir / "platform.db", CLOCK)
        journal.start()
        worker = make(journal)
        worker.start()
        self._running.append((worker, journal))
        return worker

    def leave(self) -> None:
        """Stop the worker that runs."""
        worker, journal = self._running.pop()
        worker.stop()
        journal.stop()

    def close(self) -> None:
        """End it all."""
        while self._running:
            self.leave()
        self._listener.stop()
        self.publisher.close()
        self.pubsub.close()

    def _take(self, incoming: Incoming) -> None:
        self.hear(incoming)
        incoming.ack()
