"""Streams that have ended and still hold leases.

Pub/Sub lets the leases of a dead stream run to their deadline. Here one process serves a few
subscribers on one machine and a restarted dashboard should not wait 30 s for its own messages, so:
a stream that ends keeps its leases for `GRACE_S` (a client that shuts down cleanly sends its last
acknowledgements after closing its stream); then, or as soon as another client opens a stream, they
are delivered again, without counting as a failed attempt. A stream that the same client
(`client_id`) opens again takes its leases over and is counted on for them. Server keepalive finds
streams whose peer is gone without a word within about 15 s. With exactly-once delivery leases run
to their deadline.
"""

from embedded.broker.consumer import Consumer

GRACE_S = 1.0


class Departures:
    """Ended streams, and until when they keep their leases (monotonic seconds)."""

    def __init__(self) -> None:
        self._until: dict[Consumer, float] = {}

    def add(self, gone: Consumer, now: float) -> None:
        """It has just ended."""
        self._until[gone] = now + GRACE_S

    def arrived(self, consumer: Consumer) -> tuple[list[Consumer], list[Consumer]]:
        """Those whose leases are free because somebody else is here, and those whose leases are
        now those of `consumer`; none is waited for longer."""
        ended, client_id = list(self._until), consumer.client_id
        self._until.clear()
        own = [gone for gone in ended if client_id and gone.client_id == client_id]
        return [gone for gone in ended if gone not in own], own

    def due(self, now: float) -> list[Consumer]:
        """Those whose grace is over; they are forgotten."""
        over = [gone for gone, until in self._until.items() if until <= now]
        for gone in over:
            del self._until[gone]
        return over

    @property
    def next_due(self) -> float:
        """When the next grace ends; infinity if none is running."""
        return min(self._until.values(), default=float("inf"))
