"""The delivery of one subscription: what waits, who holds what until when, what comes again.

Plain code on one thread, driven from outside: the event loop calls in, and is asked for one alarm
at a time. Order: what must be delivered again first, by publish order, then what was never
delivered, by publish order; so a single stream that acknowledges sees a strict FIFO.

A stream that ends. Pub/Sub lets the leases of a dead stream run to their deadline. Here one process
serves a few subscribers on one machine and a restarted dashboard should not wait 30 s for its own
messages, so: a stream that ends keeps its leases for `GRACE_S` (a client that shuts down cleanly
sends its last acknowledgements after closing its stream); then, or as soon as another client opens
a stream, they are delivered again, without counting as a failed attempt. A stream that the same
client (`client_id`) opens again takes its leases back. Server keepalive finds streams whose peer
is gone without a word within about 15 s.
"""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from consumers.clock import Clock
from embedded.broker.consumer import Consumer
from embedded.broker.encoding import Message
from embedded.broker.errors import BrokerError
from embedded.broker.policy import Alarm, Cancellable, DeliveryCounts, DeliveryPolicy
from embedded.broker.redelivery import Lease, Redelivery

GRACE_S = 1.0
BATCH_MESSAGES = 1000
BATCH_BYTES = 3 * 1024 * 1024  # a client with gRPC's default receive limit takes 4 MiB
_FOREVER = float("inf")


class Delivery:
    """All unacknowledged messages of one subscription and those who take them.

    `forward(message, attempts)` hands a message to the dead letter topic and says whether it went.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        alarm: Alarm,
        policy: DeliveryPolicy,
        forward: Callable[[Message, int], bool],
    ) -> None:
        self.policy = policy
        self.counts = DeliveryCounts(clock)
        self.backlog_bytes = 0
        # Gets what is acknowledged, if that is retained.
        self.keep: Callable[[Message], None] | None = None
        self._clock = clock
        self._alarm = alarm
        self._forward = forward
        self._pending: deque[Message] = deque()
        self._leases: dict[str, Lease] = {}
        self._again = Redelivery()
        self._consumers: deque[Consumer] = deque()
        self._departed: dict[Consumer, float] = {}  # ended streams: until when they keep leases
        self._earliest = _FOREVER  # no lease ends before this; a lower bound
        self._armed = _FOREVER
        self._handle: Cancellable | None = None
        self._ack_prefix = secrets.token_hex(4)
        self._deliveries = 0

    # What waits

    @property
    def backlog(self) -> int:
        """Messages not yet acknowledged, those in subscribers' hands included."""
        return len(self._pending) + len(self._leases) + len(self._again)

    @property
    def outstanding(self) -> int:
        """Messages in subscribers' hands."""
        return len(self._leases)

    @property
    def attempts_counted(self) -> bool:
        """Whether subscribers are told the delivery attempt."""
        return self.policy.max_attempts is not None

    def unacknowledged(self) -> Iterable[Message]:
        """Every message not yet acknowledged, in no order."""
        yield from self._pending
        yield from (lease.message for lease in self._leases.values())
        yield from (lease.message for lease in self._again)

    def oldest(self) -> float | None:
        """Publish time (POSIX seconds) of the oldest unacknowledged message."""
        held = chain(self._leases.values(), self._again)
        times = [lease.message.published for lease in held]
        if self._pending:
            times.append(self._pending[0].published)
        return min(times, default=None)

    def offer(self, messages: Sequence[Message]) -> None:
        """Just published: hand them to whoever has room."""
        self.drop_outlived(messages[-1].published)
        self._pending.extend(messages)
        self.backlog_bytes += sum(message.size for message in messages)
        self._wake()

    def seek(self, start: float, retained: Iterable[Message]) -> None:
        """Make exactly the messages published at or after `start` (POSIX seconds) unacknowledged.

        `retained` are those the topic still has; of the backlog all are known anyway.
        """
        known = {message.sequence: message for message in (*self.unacknowledged(), *retained)}
        for lease in self._leases.values():
            lease.put_down()
        self._leases.clear()
        self._again.clear()
        wanted = (known[sequence] for sequence in sorted(known))
        self._pending = deque(message for message in wanted if message.published >= start)
        self.backlog_bytes = sum(message.size for message in self._pending)
        self._wake()

    # Who takes

    @property
    def streams(self) -> list[Consumer]:
        """The open streaming pulls."""
        return [consumer for consumer in self._consumers if consumer.streaming]

    def attach(self, consumer: Consumer) -> None:
        """A stream opens, or a pull begins to wait."""
        for gone in list(self._departed):
            del self._departed[gone]
            if not consumer.client_id or gone.client_id != consumer.client_id:
                self._release(gone)
        self._consumers.append(consumer)

    def detach(self, consumer: Consumer) -> None:
        """It is gone; what a stream holds is released after the grace (see the module's text)."""
        consumer.closed = True
        if consumer in self._consumers:
            self._consumers.remove(consumer)
        if consumer.streaming and consumer.messages:
            self._departed[consumer] = self._clock.monotonic() + GRACE_S
            self._arm()

    def end(self, error: BrokerError) -> None:
        """End every stream and waiting pull with `error`."""
        for consumer in list(self._consumers):
            consumer.end(error)

    def take(self, consumer: Consumer) -> list[Lease]:
        """The next deliveries for `consumer`: at most a batch, its credit and its fair share."""
        room = consumer.room(self._share())
        byte_room = consumer.byte_room(BATCH_BYTES)
        if room <= 0 or byte_room <= 0:
            return []
        chosen = self._choose(consumer, room, byte_room)
        if not chosen:
            return []
        deadline, prefix = self._clock.monotonic() + consumer.deadline_s, self._ack_prefix
        batch = [
            Lease(f"{prefix}{number:012x}", message, attempt, deadline, consumer)
            for number, (message, attempt) in enumerate(chosen, self._deliveries)
        ]
        self._deliveries += len(batch)
        self._leases.update((lease.ack_id, lease) for lease in batch)
        consumer.hold(len(batch), sum(lease.message.size for lease in batch))
        self.counts.sent.add(len(batch))
        if deadline < self._earliest:
            self._earliest = deadline
            self._arm()
        return batch

    # What subscribers say

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Done with these. Unknown ids are passed over, as Pub/Sub does without exactly-once."""
        count = 0
        for ack_id in ack_ids:
            lease = self._leases.pop(ack_id, None)
            if lease is not None:
                lease.put_down()
            else:
                lease = self._again.acknowledge(ack_id)
                if lease is None:
                    continue
            count += 1
            self.backlog_bytes -= lease.message.size
            if self.keep is not None:
                self.keep(lease.message)
        self.counts.acknowledged.add(count)
        self._wake()

    def modify(self, ack_ids: Iterable[str], seconds: float) -> None:
        """Let these leases end `seconds` from now; 0 is a nack."""
        deadline = self._clock.monotonic() + seconds
        if seconds <= 0:
            known = [self._leases[ack_id] for ack_id in set(ack_ids) & self._leases.keys()]
            self.counts.nacked.add(len(known))
            self._lapse(known, failed=True)
            return
        for ack_id in ack_ids:
            lease = self._leases.get(ack_id)
            if lease is not None:
                lease.deadline = deadline
                if lease.consumer is not None and lease.consumer.closed:
                    lease.put_down()  # its stream is gone, but somebody still works on it
        if deadline < self._earliest:
            self._earliest = deadline
            self._arm()

    # Time

    def _ring(self) -> None:
        """The alarm: end leases and back-offs that are due."""
        self._armed, self._handle = _FOREVER, None
        now = self._clock.monotonic()
        for consumer in [gone for gone, until in self._departed.items() if until <= now]:
            del self._departed[consumer]
            self._release(consumer)
        if self._earliest <= now:
            self._expire(now)
        if self._again.advance(now):
            self._wake()
        self._arm()

    def _expire(self, now: float) -> None:
        due = [lease for lease in self._leases.values() if lease.deadline <= now]
        self.counts.expired.add(len(due))
        self._lapse(due, failed=True)
        nearest = min((lease.deadline for lease in self._leases.values()), default=_FOREVER)
        # A look costs about 0.1 us a lease: the more there are, the less often.
        self._earliest = max(nearest, now + 0.001 + len(self._leases) * 1e-6)

    def _arm(self) -> None:
        when = min(self._earliest, self._again.next_due, *self._departed.values(), _FOREVER)
        if when < self._armed:
            if self._handle is not None:
                self._handle.cancel()
            self._armed = when
            self._handle = self._alarm(when, self._ring)

    # Inside

    def _choose(self, consumer: Consumer, room: int, byte_room: int) -> list[tuple[Message, int]]:
        """Take out what goes next, with the number of the attempt that this will be."""
        chosen: list[tuple[Message, int]] = []
        again, pending = self._again, self._pending
        while len(chosen) < room:
            lapsed = again.first()
            if lapsed is None and not pending:
                break
            message = pending[0] if lapsed is None else lapsed.message
            byte_room -= message.size
            if byte_room < 0 and (chosen or consumer.bytes):
                break  # but a message larger than all room gets through, alone
            if lapsed is None:
                pending.popleft()
                chosen.append((message, 1))
            else:
                again.pop()
                chosen.append((message, lapsed.attempt))
        return chosen

    def _release(self, gone: Consumer) -> None:
        """A stream is gone for good: its leases come again, which is nobody's failure."""
        held = [lease for lease in self._leases.values() if lease.consumer is gone]
        self._lapse(held, failed=False)

    def _lapse(self, leases: Iterable[Lease], *, failed: bool) -> None:
        """These deliveries came to nothing: forward to the dead letter topic or deliver again."""
        policy, now = self.policy, self._clock.monotonic()
        for lease in leases:
            lease.put_down()
            del self._leases[lease.ack_id]
            spent = policy.max_attempts is not None and lease.attempt >= policy.max_attempts
            if failed and spent and self._forward(lease.message, lease.attempt):
                self.backlog_bytes -= lease.message.size
                self.counts.dead_lettered.add()
                continue
            wait = policy.backoff_s(lease.attempt) if failed else 0.0
            lease.attempt += failed
            self._again.add(lease, now + wait if wait else None)
        self._arm()
        self._wake()

    def _share(self) -> int:
        """How much one taker may have now, so that several get about the same."""
        takers = sum(consumer.has_room for consumer in self._consumers)
        if takers <= 1:
            return BATCH_MESSAGES
        available = len(self._pending) + self._again.ready_count()
        return min(BATCH_MESSAGES, max(1, -(-available // takers)))

    def _wake(self) -> None:
        """Call whoever could take something, not always the same one first."""
        if not self._pending and not self._again.ready_count():
            return
        self._consumers.rotate(-1)
        for consumer in self._consumers:
            if consumer.has_room:
                consumer.wake()

    def drop_outlived(self, now: float) -> None:
        """Pub/Sub gives up on messages older than the retention, unless somebody has them."""
        oldest = now - self.policy.retention_s
        while self._pending and self._pending[0].published < oldest:
            self.backlog_bytes -= self._pending.popleft().size
        for lease in [each for each in self._again if each.message.published < oldest]:
            self._again.acknowledge(lease.ack_id)
            self.backlog_bytes -= lease.message.size
