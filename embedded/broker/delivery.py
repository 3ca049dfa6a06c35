"""The delivery of one subscription: what waits, who holds what until when, what comes again.

Plain code on one thread, driven from outside: the event loop calls in, and is asked for one alarm
at a time. Order: what must be delivered again first, by publish order, then what was never
delivered, by publish order; so a single stream that acknowledges sees a strict FIFO. Messages with
an ordering key go by `ordering` where the subscription asks for it, streams end by `departures`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from consumers.clock import Clock
from embedded.broker.ack_ids import AckIds
from embedded.broker.backlog import Backlog
from embedded.broker.consumer import Consumer
from embedded.broker.counts import DeliveryCounts
from embedded.broker.departures import Departures
from embedded.broker.encoding import Message
from embedded.broker.exactly_once import Gatekeeper
from embedded.broker.policy import Alarm, DeliveryPolicy
from embedded.broker.redelivery import Lease, settle
from embedded.broker.refusals import Refusals
from embedded.broker.takers import Takers
from embedded.broker.timer import Timer

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
        self.takers = Takers()
        self.backlog_bytes = 0
        # Gets what is acknowledged, if that is retained.
        self.keep: Callable[[Message], None] | None = None
        self._clock = clock
        self._timer = Timer(alarm, self._ring)
        self._forward = forward
        self._waiting = Backlog(ordered=policy.ordered)
        self._leases: dict[str, Lease] = {}
        self._departures = Departures()
        self._gatekeeper = Gatekeeper(
            self._leases, self._waiting, self.counts.exactly_once_warnings
        )
        self._earliest = _FOREVER  # no lease ends before this; a lower bound
        self._ack_ids = AckIds()

    # What waits

    @property
    def backlog(self) -> int:
        """Messages not yet acknowledged, those in subscribers' hands included."""
        return len(self._waiting) + len(self._leases)

    @property
    def outstanding(self) -> int:
        """Messages in subscribers' hands."""
        return len(self._leases)

    @property
    def starved(self) -> bool:
        """Whether messages wait because nobody has room for them."""
        return self._waiting.ready() > 0 and not self.takers.have_room

    def unacknowledged(self) -> Iterable[Message]:
        """Every message not yet acknowledged, in no order."""
        yield from self._waiting
        yield from (lease.message for lease in self._leases.values())

    def oldest(self) -> float | None:
        """Publish time (POSIX seconds) of the oldest unacknowledged message."""
        held = [lease.message.published for lease in self._leases.values()]
        return min((*held, *self._waiting.oldest()), default=None)

    def offer(self, messages: Sequence[Message]) -> None:
        """Just published: hand them to whoever has room."""
        self.drop_outlived(messages[-1].published)
        self._waiting.offer(messages)
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
        wanted = [known[sequence] for sequence in sorted(known)]
        wanted = [message for message in wanted if message.published >= start]
        self._waiting.replace(wanted)
        self.backlog_bytes = sum(message.size for message in wanted)
        self._wake()

    # Who takes

    def attach(self, consumer: Consumer) -> None:
        """A stream opens, or a pull begins to wait."""
        free, own = self._departures.arrived(consumer)
        for gone in free:
            self._release(gone)
        for gone in own:
            for lease in self._held_by(gone):
                lease.pass_to(consumer)
        self._waiting.ordering.hand_over(consumer)
        self.takers.add(consumer)

    def detach(self, consumer: Consumer) -> None:
        """It is gone; what a stream holds is released after its grace (see `departures`)."""
        consumer.closed = True
        self.takers.remove(consumer)
        self._waiting.ordering.forget(consumer)
        if consumer.streaming and consumer.messages and not self.policy.exactly_once:
            self._departures.add(consumer, self._clock.monotonic())
            self._arm()

    def take(self, consumer: Consumer) -> list[Lease]:
        """The next deliveries for `consumer`: at most a batch, its credit and its fair share."""
        batch = self._hand_out(consumer)
        self.counts.starve(self.starved)
        return batch

    def _hand_out(self, consumer: Consumer) -> list[Lease]:
        takers = self.takers.with_room()
        share = BATCH_MESSAGES if takers == 1 else self._waiting.share(takers)
        room = consumer.room(min(BATCH_MESSAGES, share))
        if room <= 0 or consumer.byte_room <= 0:
            return []
        chosen = self._waiting.choose(consumer, room, BATCH_BYTES, takers)
        if not chosen:
            return []
        deadline = self._clock.monotonic() + consumer.deadline_s
        size = sum([message.size for message, _ in chosen])
        handout = self.counts.send(consumer.streaming, len(chosen), size)
        ack_ids = self._ack_ids.take(len(chosen))
        batch = [
            Lease(ack_id, message, attempt, deadline, consumer, handout)
            for ack_id, (message, attempt) in zip(ack_ids, chosen, strict=True)
        ]
        self._leases.update(zip(ack_ids, batch, strict=True))
        if self.policy.ordered:
            self._waiting.went(batch)
        consumer.hold(len(batch), size)
        self._look_by(deadline)
        return batch

    # What subscribers say

    def acknowledge(self, ack_ids: Iterable[str]) -> Refusals:
        """Done with these. Unknown ids are passed over; exactly-once delivery refuses them, and
        those that overtake an older message of their key."""
        if self.policy.exactly_once:
            refused = self._gatekeeper.acknowledge(ack_ids, lambda one: self._acknowledge((one,)))
        else:
            refused = {}
            self._acknowledge(ack_ids)
        self._wake()
        return refused

    def _acknowledge(self, ack_ids: Iterable[str]) -> None:
        pop, again = self._leases.pop, self._waiting.again.acknowledge
        held = [pop(ack_id, None) or again(ack_id) for ack_id in ack_ids]
        done = [lease for lease in held if lease is not None]
        self._settled(self._in_order(done) if self.policy.ordered else done)
        self.counts.acknowledge(done)

    def _in_order(self, done: Iterable[Lease]) -> Iterator[Lease]:
        """Those of acknowledged leases that do not wait for an older one of their key."""
        for lease in done:
            if lease.message.key:
                lease.put_down()
                yield from self._waiting.ordering.acknowledge(lease)
            else:
                yield lease

    def _settled(self, leases: Iterable[Lease]) -> None:
        """Acknowledged for good."""
        over = list(leases)
        self.backlog_bytes -= settle(over)
        if self.keep is not None:
            for lease in over:
                self.keep(lease.message)

    def refused(self, ack_ids: Iterable[str]) -> Refusals:
        """Those that `modify` would refuse: with exactly-once delivery, what nobody holds."""
        return self._gatekeeper.unheld(ack_ids) if self.policy.exactly_once else {}

    def modify(self, ack_ids: Iterable[str], seconds: float) -> Refusals:
        """Let these leases end `seconds` from now; 0 is a nack. See `refused`."""
        refused = self.refused(ack_ids)
        deadline = self._clock.monotonic() + seconds
        if seconds <= 0:
            known = [self._leases[ack_id] for ack_id in set(ack_ids) & self._leases.keys()]
            self.counts.nack(known)
            self._lapse(known, failed=True)
            return refused
        extended: list[Lease] = []
        for ack_id in ack_ids:
            lease = self._leases.get(ack_id)
            if lease is not None:
                lease.deadline = deadline
                extended.append(lease)
                if lease.consumer is not None and lease.consumer.closed:
                    lease.put_down()  # its stream is gone, but somebody still works on it
        self.counts.extend(extended)
        self._look_by(deadline)
        return refused

    # Time

    def _ring(self) -> None:
        """The alarm: end leases and back-offs that are due."""
        now = self._clock.monotonic()
        for consumer in self._departures.due(now):
            self._release(consumer)
        if self._earliest <= now:
            self._expire(now)
        if self._waiting.advance(now):
            self._wake()
        self._arm()

    def _expire(self, now: float) -> None:
        due = [lease for lease in self._leases.values() if lease.deadline <= now]
        self.counts.expire(due)
        self._lapse(due, failed=True)
        nearest = min((lease.deadline for lease in self._leases.values()), default=_FOREVER)
        # A look costs about 0.1 us a lease: the more there are, the less often.
        self._earliest = max(nearest, now + 0.001 + len(self._leases) * 1e-6)

    def _look_by(self, deadline: float) -> None:
        if deadline < self._earliest:
            self._earliest = deadline
            self._arm()

    def _arm(self) -> None:
        self._timer.at(min(self._earliest, self._waiting.next_due, self._departures.next_due))

    # Inside

    def _release(self, gone: Consumer) -> None:
        """A stream is gone for good: its leases come again, which is nobody's failure."""
        self._lapse(self._held_by(gone), failed=False)

    def _held_by(self, consumer: Consumer) -> list[Lease]:
        return [lease for lease in self._leases.values() if lease.consumer is consumer]

    def _lapse(self, leases: Iterable[Lease], *, failed: bool) -> None:
        """These deliveries came to nothing: forward to the dead letter topic or deliver again."""
        now, lapsed = self._clock.monotonic(), []
        for lease in leases:
            lease.put_down()
            del self._leases[lease.ack_id]
            if failed and self._dead_lettered(lease):
                continue
            wait = self.policy.backoff_s(lease.attempt) if failed else 0.0
            lease.attempt += failed
            lapsed.append((lease, now + wait if wait else None))
        for fallen in self._waiting.take_back(lapsed):
            fallen.put_down()
            self._leases.pop(fallen.ack_id, None)
        self._arm()
        self._wake()

    def _dead_lettered(self, lease: Lease) -> bool:
        """Forward the message if that was its last attempt; whether it went."""
        most = self.policy.max_attempts
        if most is None or lease.attempt < most or not self._forward(lease.message, lease.attempt):
            return False
        self.counts.dead_lettered.add()
        self.backlog_bytes -= lease.message.size
        self._settled(each for each in self._waiting.settle(lease) if each is not lease)
        return True

    def _wake(self) -> None:
        self.counts.starve(self.starved)
        if self._waiting.ready():
            self.takers.wake()

    def drop_outlived(self, now: float) -> None:
        """Pub/Sub gives up on messages older than the retention, unless somebody has them."""
        self.backlog_bytes -= self._waiting.drop(now - self.policy.retention_s)
