"""Messages with an ordering key, on a subscription that keeps their order.

A key's messages go out in publish order, as many as there is room for, to one taker as long as any
of them is unsettled. When a delivery comes to nothing, everything of its key that went out after it
comes again behind it, even what was acknowledged meanwhile:
https://docs.cloud.google.com/pubsub/docs/ordering
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterator

from embedded.broker.consumer import Consumer
from embedded.broker.encoding import Message
from embedded.broker.redelivery import Lease

_NEVER = float("inf")
_LOOK_S = 1.0
_FEW = 64  # entries that are not worth a clearing


class _Key:
    """One key: what waits, with the number of its next attempt, and what is out before it."""

    __slots__ = ("blocked", "early", "holder", "out", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[Message, int]] = deque()
        self.out: OrderedDict[str, Lease] = OrderedDict()  # by ack id, in publish order
        self.early: set[str] = set()  # those of `out` acknowledged before an older one
        self.holder: Consumer | None = None  # who has what is out
        self.blocked = 0.0  # in a back-off until then, monotonic seconds


class Ordering:
    """The keys of one subscription that have unsettled messages.

    Each key that may go on is in one heap: its holder's, or that of the free keys. Entries that no
    longer hold are left there and passed over, and cleared when they are the most.
    """

    def __init__(self) -> None:
        self.waiting = 0  # messages that are to go out
        self._keys: dict[str, _Key] = {}
        self._ready: dict[Consumer | None, list[tuple[int, str]]] = {}
        self._blocked: list[tuple[float, str]] = []
        self._early = 0
        self._since = 0.0  # nothing that waits was published before this; a lower bound
        self._looked = -_NEVER  # up to when what waits was looked through

    def __len__(self) -> int:
        """Messages that wait to go out, or were acknowledged too early to be let go."""
        return self.waiting + self._early

    def __iter__(self) -> Iterator[Message]:
        for key in self._keys.values():
            yield from (message for message, _ in key.waiting)
            yield from (key.out[ack_id].message for ack_id in key.early)

    def oldest(self) -> Iterator[float]:
        """Publish times (POSIX seconds), among them that of the oldest message."""
        for key in self._keys.values():
            if key.waiting:
                yield key.waiting[0][0].published
            yield from (key.out[ack_id].message.published for ack_id in key.early)

    # Going out

    def offer(self, message: Message) -> None:
        """Just published."""
        key = self._keys.get(message.key)
        if key is None:
            key = self._keys[message.key] = _Key()
        if not self.waiting:
            self._since = message.published
        key.waiting.append((message, 1))
        self.waiting += 1
        if len(key.waiting) == 1:
            self._announce(message.key, key)

    def free(self) -> int:
        """About how many keys anybody may have."""
        return len(self._ready.get(None, ()))

    def first(self, consumer: Consumer, *, more_keys: bool) -> Message | None:
        """The oldest message `consumer` may have now, of its own keys or with `more_keys` of any
        free one; it stays until `pop`."""
        mine = self._head(consumer)
        free = self._head(None) if more_keys else None
        if mine is None or (free is not None and free.sequence < mine.sequence):
            return free
        return mine

    def pop(self, message: Message, consumer: Consumer) -> tuple[int, bool]:
        """Take out what `first` showed; the attempt this will be, and whether its key was free."""
        key = self._keys[message.key]
        heapq.heappop(self._ready[key.holder])
        _, attempt = key.waiting.popleft()
        self.waiting -= 1
        was_free = key.holder is None
        key.holder = consumer
        self._announce(message.key, key)
        self._tidy()
        return attempt, was_free

    def went(self, lease: Lease) -> None:
        """What was taken out is now in a subscriber's hands."""
        self._keys[lease.message.key].out[lease.ack_id] = lease

    # Coming back

    def overtakes(self, lease: Lease) -> bool:
        """Whether an older message of its key is unsettled."""
        return next(iter(self._keys[lease.message.key].out)) != lease.ack_id

    def acknowledge(self, lease: Lease) -> list[Lease]:
        """What is settled for good: the lease and those that waited for it, or nothing yet."""
        if self.overtakes(lease):
            self._keys[lease.message.key].early.add(lease.ack_id)
            self._early += 1
            return []
        return self.settle(lease)

    def settle(self, lease: Lease) -> list[Lease]:
        """The lease is out of the way of its key, and with it those that waited for it alone."""
        name = lease.message.key
        key = self._keys[name]
        done = [key.out.pop(lease.ack_id)]
        while key.early and (ack_id := next(iter(key.out))) in key.early:
            key.early.remove(ack_id)
            self._early -= 1
            done.append(key.out.pop(ack_id))
        if not key.out:
            self._let_go(name, key)
        return done

    def fall(self, lease: Lease, due: float | None) -> list[Lease]:
        """Let `lease` and all of its key that went out after it come again; these.

        Nothing of the key goes out before `due` (monotonic seconds). Attempts as the leases say.
        """
        name = lease.message.key
        key = self._keys[name]
        fallen = self._take_back(key, lease)
        if fallen:
            published = fallen[-1].message.published
            self._since = min(self._since, published) if self.waiting else published
            self.waiting += len(fallen)
            key.waiting.extendleft((each.message, each.attempt) for each in fallen)
        if due is not None and due > key.blocked:
            key.blocked = due
            heapq.heappush(self._blocked, (due, name))
        self._let_go(name, key)
        return fallen

    def _take_back(self, key: _Key, lease: Lease) -> list[Lease]:
        """Out of the hands they are in, newest first."""
        fallen: list[Lease] = []
        if lease.ack_id not in key.out:
            return fallen  # it fell with an older one
        while not fallen or fallen[-1] is not lease:
            ack_id, last = key.out.popitem()
            fallen.append(last)
            if ack_id in key.early:
                key.early.remove(ack_id)
                self._early -= 1
        return fallen

    def hand_over(self, heir: Consumer) -> None:
        """Its client has opened a new stream: the keys of the old one stay with the client."""
        if not heir.client_id:
            return
        for name, key in self._keys.items():
            gone = key.holder
            if gone is not None and gone.closed and gone.client_id == heir.client_id:
                key.holder = heir
                self._announce(name, key)

    def forget(self, consumer: Consumer) -> None:
        """It takes no more; its keys are free when their last lease ends."""
        self._ready.pop(consumer, None)

    # Time

    @property
    def next_due(self) -> float:
        """When the next back-off ends, monotonic seconds; infinity if none is running."""
        return self._blocked[0][0] if self._blocked else _NEVER

    def advance(self, now: float) -> bool:
        """Let keys go on that have waited long enough; whether there were any."""
        moved = False
        while self._blocked and self._blocked[0][0] <= now:
            _, name = heapq.heappop(self._blocked)
            key = self._keys.get(name)
            if key is not None and key.blocked <= now:
                key.blocked = 0.0
                self._announce(name, key)
                moved = True
        return moved

    def drop(self, before: float) -> int:
        """Give up on what waits and was published before then; how many bytes that was.

        Looks at every key, so at most once a second.
        """
        if not self.waiting or before <= self._since or before < self._looked + _LOOK_S:
            return 0
        dropped, self._since, self._looked = 0, _NEVER, before
        for name, key in list(self._keys.items()):
            count = len(key.waiting)
            while key.waiting and key.waiting[0][0].published < before:
                dropped += key.waiting.popleft()[0].size
            if key.waiting:
                self._since = min(self._since, key.waiting[0][0].published)
            if count != len(key.waiting):
                self.waiting -= count - len(key.waiting)
                self._let_go(name, key)
        self._tidy()
        return dropped

    def clear(self) -> None:
        """Forget all."""
        self._keys.clear()
        self._ready.clear()
        self._blocked.clear()
        self.waiting = self._early = 0

    # Inside

    def _let_go(self, name: str, key: _Key) -> None:
        """Free the key if nothing of it is out; forget it if nothing waits either."""
        if not key.out:
            key.holder = None
            if not key.waiting:
                del self._keys[name]
                return
        self._announce(name, key)

    def _announce(self, name: str, key: _Key) -> None:
        """Show the key's next message to whoever may have it."""
        holder = key.holder
        if key.waiting and not key.blocked and (holder is None or not holder.closed):
            heap = self._ready.setdefault(holder, [])
            heapq.heappush(heap, (key.waiting[0][0].sequence, name))
            if len(heap) > 2 * len(self._keys) + _FEW:
                self._rebuild(holder, heap)

    def _rebuild(self, holder: Consumer | None, heap: list[tuple[int, str]]) -> None:
        heap[:] = [
            (key.waiting[0][0].sequence, name)
            for name, key in self._keys.items()
            if key.holder is holder and key.waiting and not key.blocked
        ]
        heapq.heapify(heap)

    def _tidy(self) -> None:
        if not self.waiting:
            self._ready.clear()

    def _head(self, holder: Consumer | None) -> Message | None:
        heap = self._ready.get(holder)
        while heap:
            sequence, name = heap[0]
            key = self._keys.get(name)
            if key is not None and key.holder is holder and key.waiting and not key.blocked:
                message = key.waiting[0][0]
                if message.sequence == sequence:
                    return message
            heapq.heappop(heap)
        return None
