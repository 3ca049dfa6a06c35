"""Messages that were delivered and must be delivered again: now, or after a back-off."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from embedded.broker.consumer import Consumer
from embedded.broker.counts import Handout
from embedded.broker.encoding import Delivered

_consumer = attrgetter("consumer")


@dataclass(slots=True, eq=False)
class Lease(Delivered):
    """A message in a subscriber's hands until `deadline` (monotonic seconds).

    `consumer` is who holds it: None when its stream is gone but the lease lives on. `handout` is
    the batch it went out with.
    """

    deadline: float
    consumer: Consumer | None
    handout: Handout

    def put_down(self) -> None:
        """It no longer counts against its holder's flow control."""
        if self.consumer is not None:
            self.consumer.release(1, self.message.size)
            self.consumer = None

    def pass_to(self, heir: Consumer) -> None:
        """`heir` holds it from now on."""
        self.put_down()
        self.consumer = heir
        heir.hold(1, self.message.size)


def settle(leases: Iterable[Lease]) -> int:
    """None of these counts against its holder's flow control any more; their bytes together.

    They are over and need not remember it. Those of one holder usually come one after the other.
    """
    total = 0
    for consumer, group in groupby(leases, key=_consumer):
        sizes = [lease.message.size for lease in group]
        size = sum(sizes)
        total += size
        if consumer is not None:
            consumer.release(len(sizes), size)
    return total


class Redelivery:
    """Lapsed leases in publish order, so that a single stream sees old messages before new ones.

    An acknowledgement under the old id still counts until the message goes out again.
    """

    def __init__(self) -> None:
        self._lapsed: dict[str, Lease] = {}
        self._ready: list[tuple[int, str]] = []
        self._waiting: list[tuple[float, int, str]] = []

    def __len__(self) -> int:
        return len(self._lapsed)

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._lapsed.values())

    def add(self, lease: Lease, due: float | None) -> None:
        """Deliver it again at `due` (monotonic seconds), at once if None."""
        self._lapsed[lease.ack_id] = lease
        if due is None:
            heapq.heappush(self._ready, (lease.message.sequence, lease.ack_id))
        else:
            heapq.heappush(self._waiting, (due, lease.message.sequence, lease.ack_id))

    def acknowledge(self, ack_id: str) -> Lease | None:
        """The lapsed lease of this id, which is now settled after all."""
        return self._lapsed.pop(ack_id, None)

    def first(self) -> Lease | None:
        """The oldest message that may go out now; it stays until `pop`."""
        while self._ready:
            lease = self._lapsed.get(self._ready[0][1])
            if lease is not None:
                return lease
            heapq.heappop(self._ready)
        return None

    def pop(self) -> None:
        """Take out what `first` showed."""
        _, ack_id = heapq.heappop(self._ready)
        del self._lapsed[ack_id]

    def advance(self, now: float) -> bool:
        """Make ready what has waited long enough; whether there was any."""
        moved = False
        while self._waiting and self._waiting[0][0] <= now:
            _, sequence, ack_id = heapq.heappop(self._waiting)
            if ack_id in self._lapsed:
                heapq.heappush(self._ready, (sequence, ack_id))
                moved = True
        return moved

    @property
    def next_due(self) -> float:
        """When the next back-off ends, monotonic seconds; infinity if none is running."""
        return self._waiting[0][0] if self._waiting else float("inf")

    def ready_count(self) -> int:
        """About how many may go out now (late acknowledgements not yet subtracted)."""
        return len(self._ready)

    def clear(self) -> None:
        """Forget all."""
        self._lapsed.clear()
        self._ready.clear()
        self._waiting.clear()
