"""What waits to be delivered on one subscription, and what of it goes next."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice, repeat
from operator import attrgetter

from embedded.broker.consumer import Consumer
from embedded.broker.encoding import Message
from embedded.broker.ordering import Ordering
from embedded.broker.redelivery import Lease, Redelivery

_LOOK_S = 1.0
_size = attrgetter("size")

Chosen = tuple[Message, int]  # with the number of the attempt that this will be


class Backlog:
    """Messages that wait: never delivered, to be delivered again, and those of ordering keys.

    What must be delivered again goes first, by publish order, then what was never delivered. With
    `ordered` messages with an ordering key go by `ordering`, beside the others by publish order.
    """

    def __init__(self, *, ordered: bool) -> None:
        self.again = Redelivery()
        self.ordering = Ordering()
        self._pending: deque[Message] = deque()
        self._looked = float("-inf")  # up to when what lapsed was looked through
        self._ordered = ordered

    def __len__(self) -> int:
        return len(self._pending) + len(self.again) + len(self.ordering)

    def __iter__(self) -> Iterator[Message]:
        yield from self._pending
        yield from (lease.message for lease in self.again)
        yield from self.ordering

    def follows(self, message: Message) -> bool:
        """Whether the message goes by its ordering key here."""
        return self._ordered and message.key != ""

    def ready(self) -> int:
        """About how many may go out now."""
        return len(self._pending) + self.again.ready_count() + self.ordering.waiting

    def share(self, takers: int) -> int:
        """How much one of so many takers may have now, so that all get about the same."""
        return max(1, -(-self.ready() // takers))

    def oldest(self) -> Iterator[float]:
        """Publish times (POSIX seconds), among them that of the oldest message."""
        if self._pending:
            yield self._pending[0].published
        yield from (lease.message.published for lease in self.again)
        yield from self.ordering.oldest()

    def offer(self, messages: Sequence[Message]) -> None:
        """Just published."""
        if not self._ordered:
            self._pending.extend(messages)
            return
        for message in messages:
            if message.key:
                self.ordering.offer(message)
            else:
                self._pending.append(message)

    def went(self, leases: Iterable[Lease]) -> None:
        """What was chosen is now in a subscriber's hands."""
        for lease in leases:
            if self.follows(lease.message):
                self.ordering.went(lease)

    def settle(self, lease: Lease) -> Sequence[Lease]:
        """It shall not come again; the lease, and what was acknowledged but waited for it."""
        return self.ordering.settle(lease) if self.follows(lease.message) else (lease,)

    def take_back(self, lapsed: Iterable[tuple[Lease, float | None]]) -> Iterator[Lease]:
        """Let these come again, not before the time beside each (monotonic seconds; None: at once).

        Yields what comes again of their keys, with what went out after them.
        """
        of_keys = []
        for lease, due in lapsed:
            if self.follows(lease.message):
                of_keys.append((lease, due))
            else:
                self.again.add(lease, due)
        # The oldest of a key first: it takes all after it along.
        for lease, due in sorted(of_keys, key=lambda each: each[0].message.sequence):
            yield from self.ordering.fall(lease, due)

    def advance(self, now: float) -> bool:
        """End the back-offs that are due (monotonic seconds); whether there were any."""
        moved = self.again.advance(now)
        return self.ordering.advance(now) or moved

    @property
    def next_due(self) -> float:
        """When the next back-off ends, monotonic seconds; infinity if none is running."""
        return min(self.again.next_due, self.ordering.next_due)

    def replace(self, messages: Iterable[Message]) -> None:
        """Let exactly these wait, in publish order, as if just published."""
        self.again.clear()
        self.ordering.clear()
        self._pending.clear()
        self.offer(list(messages))

    def drop(self, before: float) -> int:
        """Give up on what was published before then (POSIX seconds); how many bytes that was."""
        dropped = self.ordering.drop(before)
        while self._pending and self._pending[0].published < before:
            dropped += self._pending.popleft().size
        if before >= self._looked + _LOOK_S:
            self._looked = before
            for lease in [each for each in self.again if each.message.published < before]:
                self.again.acknowledge(lease.ack_id)
                dropped += lease.message.size
        return dropped

    def choose(self, consumer: Consumer, room: int, most: int, takers: int) -> list[Chosen]:
        """Take out what goes next to `consumer`, one of so many takers.

        At most `room` messages of `most` bytes, and what flow control lets it hold. A message
        larger than `most` goes alone, one larger than all it may hold when it holds nothing.
        """
        again, pending, ordering = self.again, self._pending, self.ordering
        if not ordering.waiting and again.first() is None:
            return self._choose_new(consumer, room, most)
        chosen: list[Chosen] = []
        taken, credit = 0, consumer.byte_room
        keys = -(-ordering.free() // takers) if ordering.waiting else 0
        while len(chosen) < room:
            lapsed = again.first()
            message = lapsed.message if lapsed else pending[0] if pending else None
            keyed = ordering.first(consumer, more_keys=keys > 0) if ordering.waiting else None
            if keyed is not None and (message is None or keyed.sequence < message.sequence):
                message = keyed
            if message is None:
                break
            taken += message.size
            if (taken > most and chosen) or (taken > credit and (chosen or consumer.bytes)):
                break
            if message is keyed:
                attempt, was_free = ordering.pop(message, consumer)
                keys -= was_free
                chosen.append((message, attempt))
            elif lapsed:
                again.pop()
                chosen.append((message, lapsed.attempt))
            else:
                pending.popleft()
                chosen.append((message, 1))
        return chosen

    def _choose_new(self, consumer: Consumer, room: int, most: int) -> list[Chosen]:
        """The same where all that waits was never delivered, at a fifth of the cost."""
        pending = self._pending
        messages = list(islice(pending, room))
        sums = list(accumulate(map(_size, messages)))
        fit = min(
            max(1, bisect_right(sums, most)),
            max(not consumer.bytes, bisect_right(sums, consumer.byte_room)),
        )
        for _ in messages[:fit]:
            pending.popleft()
        return list(zip(messages[:fit], repeat(1), strict=False))
