"""A control room without pages in a process of its own, which tells a JSON line twice a second.

`python -m tests.drills.room_process MODE`; settings come from the environment. MODE is "right", or
a control that must lose or double events: "ack-first", "no-key".
"""

import os
import sys
import uuid
from collections.abc import Sequence

import orjson

from consumers import intake, runtime
from consumers.feed import Incoming
from consumers.memory import settle
from consumers.runtime import Runtime
from consumers.settings import load
from consumers.stream import ack_all
from embedded.signals import stop_on_signals

EVERY_S = 0.5
TOLD = ("journal", "verdict", "feeds", "latency_ms", "settlements", "book")


class AckFirst(intake.Intake):
    """Says that it is done before it is."""

    def handle_all(self, batch: Sequence[Incoming]) -> None:
        ack_all(batch)
        super().handle_all(batch)


def spoil(mode: str) -> None:
    """Make the one mistake that a control is about."""
    if mode == "ack-first":
        runtime.Intake = AckFirst  # type: ignore[misc]
    elif mode == "no-key":
        intake.key_of = lambda _value: uuid.uuid4().hex


def main(mode: str) -> None:
    """Run until SIGTERM, or until nobody reads."""
    spoil(mode)
    stop = stop_on_signals()
    parent = os.getppid()
    settle()
    room = Runtime(load())
    room.start()
    while not stop.wait(EVERY_S) and os.getppid() == parent:
        state = room.state()
        told = {name: state[name] for name in TOLD}
        told["blocks"] = sys.getallocatedblocks()  # objects of Python's: what a leak would be
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
        sys.stdout.buffer.flush()
    room.stop()


if __name__ == "__main__":
    main(sys.argv[1])
