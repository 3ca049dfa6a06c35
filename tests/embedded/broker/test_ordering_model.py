"""Whatever subscribers do, a key's messages keep their order: against a plain model, on a
hand-moved clock.

Time moves in steps of 3 s, and everything that ends does so between two of them, leases at another
moment than extensions: leases of 10 s, extensions of 4.5 s, back-offs of 4 s or 7 s.
"""

from dataclasses import dataclass, field
from itertools import chain

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from embedded.broker.consumer import Consumer
from embedded.broker.policy import DeliveryPolicy
from embedded.broker.refusals import Refusal
from tests.embedded.broker.doubles import Bench

KEYS = ("", "eth", "btc")
STEP_S, LEASE_S, EXTENSION_S, MOST_ATTEMPTS = 3.0, 10.0, 4.5, 5


@dataclass(eq=False)
class _Out:
    """One delivery in a subscriber's hands."""

    ack_id: str
    sequence: int
    key: str
    attempt: int
    client: str
    ends: float
    with_stream: bool = True  # a dead stream's lease ends with it, unless extended after that
    early: bool = False


@dataclass(eq=False)
class _Model:
    """What Pub/Sub promises, said the simplest way."""

    now: float = 0.0
    waiting: dict[str, list[int]] = field(default_factory=lambda: {key: [] for key in KEYS})
    out: list[_Out] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)
    blocked: dict[str, float] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)  # without a key: may still be acknowledged
    unkeyed_due: dict[int, float] = field(default_factory=dict)
    dead: list[int] = field(default_factory=list)

    def of(self, key: str) -> list[_Out]:
        return sorted((o for o in self.out if o.key == key), key=lambda o: o.sequence)

    def settle(self, one: _Out) -> None:
        self.out.remove(one)
        while (rest := self.of(one.key)) and rest[0].early:
            self.out.remove(rest[0])

    def acknowledge(self, one: _Out) -> None:
        if one.key and any(o.sequence < one.sequence for o in self.of(one.key)):
            one.early = True
        else:
            self.settle(one)

    def fail(self, ones: list[_Out], *, counted: bool) -> None:
        """Deliveries that came to nothing at the same moment."""
        failing = [o for o in ones if o in self.out and not o.early]
        if counted:
            for one in [o for o in failing if o.attempt >= MOST_ATTEMPTS]:
                self.dead.append(one.sequence)
                failing.remove(one)
                self.settle(one)
        for one in failing:
            due = self.now + (4.0 if one.attempt == 1 else 7.0) if counted else 0.0
            self.attempts[one.sequence] = one.attempt + counted
            if one.key:
                self.blocked[one.key] = max(self.blocked.get(one.key, 0.0), due)
            else:
                self.unkeyed_due[one.sequence] = due
        for one in failing:
            if one.key:
                fallen = [o for o in self.of(one.key) if o.sequence >= one.sequence]
            else:
                fallen = [one]
                self.late[one.ack_id] = one.sequence
            self.waiting[one.key] = sorted(
                [*self.waiting[one.key], *(o.sequence for o in fallen if o in self.out)]
            )
            self.out = [o for o in self.out if o not in fallen]

    def pass_time(self, seconds: float, closed: set[str]) -> None:
        """Leases end one after the other; those of dead streams 1 s after their stream."""
        end = self.now + seconds
        self.now += 1.0
        self.release(closed)
        while due := [o.ends for o in self.out if not o.early and o.ends <= end]:
            self.now = max(self.now, min(due))
            self.fail([o for o in self.out if o.ends == min(due)], counted=True)
        self.now = end

    def release(self, closed: set[str]) -> None:
        gone = [o for o in self.out if o.client in closed and o.with_stream]
        self.fail(gone, counted=False)


class OrderingMachine(RuleBasedStateMachine):
    """Two clients, each with at most one stream, and a few keys."""

    exactly_once = False

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(
            DeliveryPolicy(
                ordered=True,
                exactly_once=self.exactly_once,
                min_backoff_s=4,
                max_backoff_s=7,
                max_attempts=MOST_ATTEMPTS,
            )
        )
        self.acknowledged: set[str] = set()
        self.model = _Model()
        self.streams: dict[str, Consumer] = {}
        self.departed: set[str] = set()
        self.published = 0
        self.old: list[str] = []

    @rule(key=st.sampled_from(KEYS), count=st.integers(1, 4))
    def publish(self, key: str, count: int) -> None:
        for _ in range(count):
            self.published += 1
            self.bench.offer(self.published, key=key)
            self.model.waiting[key].append(self.published)

    @rule(client=st.sampled_from("ab"), room=st.sampled_from((0, 2, 5)))
    def open(self, client: str, room: int) -> None:
        if client in self.streams:
            return
        self.model.release(self.departed - {client})
        self.departed.clear()
        self.streams[client] = self.bench.open(client, deadline_s=LEASE_S, messages=room)

    @precondition(lambda self: self.streams)
    @rule(client=st.sampled_from("ab"))
    def cut(self, client: str) -> None:
        stream = self.streams.pop(client, None)
        if stream is not None:
            held = stream.messages
            self.bench.delivery.detach(stream)
            if held and not self.exactly_once:
                self.departed.add(client)

    @rule(client=st.sampled_from("ab"))
    def take(self, client: str) -> None:
        stream = self.streams.get(client)
        if stream is None:
            return
        for lease in self.bench.delivery.take(stream):
            key, sequence, model = lease.message.key, lease.message.sequence, self.model
            waiting = model.waiting[key]
            assert sequence in waiting
            if key:
                assert sequence == waiting[0], "in publish order"
                assert {o.client for o in model.of(key)} <= {client}, "on one stream"
                assert all(o.sequence < sequence for o in model.of(key))
                assert model.blocked.get(key, 0.0) <= model.now, "not in its back-off"
            else:
                assert model.unkeyed_due.pop(sequence, 0.0) <= model.now
                model.late = {a: s for a, s in model.late.items() if s != sequence}
            waiting.remove(sequence)
            assert lease.attempt == model.attempts.get(sequence, 1)
            model.out.append(
                _Out(lease.ack_id, sequence, key, lease.attempt, client, model.now + LEASE_S)
            )
            self.old.append(lease.ack_id)

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.sampled_from(self.old))
        refused = self.bench.delivery.acknowledge([ack_id])
        ones = [o for o in self.model.out if o.ack_id == ack_id and not o.early]
        if self.exactly_once:
            assert refused == self.refused(ack_id, ones)
            if refused:
                return
        self.acknowledged.add(ack_id)
        for one in ones:
            self.model.acknowledge(one)
        late = self.model.late.pop(ack_id, None)
        if late is not None and not self.exactly_once:
            self.model.waiting[""].remove(late)

    def refused(self, ack_id: str, ones: list[_Out]) -> dict[str, Refusal]:
        """What exactly-once delivery answers to an acknowledgement of what is out, or is not."""
        if ack_id in self.acknowledged:
            return {}
        if not ones:
            return {ack_id: Refusal.INVALID}
        overtaken = self.model.of(ones[0].key)[0] if ones[0].key else ones[0]
        return {} if overtaken is ones[0] else {ack_id: Refusal.UNORDERED}

    @precondition(lambda self: self.old)
    @rule(data=st.data(), nack=st.booleans())
    def modify(self, data: st.DataObject, nack: bool) -> None:
        ack_ids = data.draw(st.sets(st.sampled_from(self.old), max_size=4))
        refused = self.bench.delivery.modify(sorted(ack_ids), 0 if nack else EXTENSION_S)
        ones = [o for o in self.model.out if o.ack_id in ack_ids and not o.early]
        unheld = ack_ids - {o.ack_id for o in ones} if self.exactly_once else ()
        assert refused == dict.fromkeys(unheld, Refusal.INVALID)
        if nack:
            self.model.fail(ones, counted=True)
            return
        for one in ones:
            one.ends = self.model.now + EXTENSION_S
            one.with_stream &= one.client in self.streams

    @rule(steps=st.integers(1, 4))
    def wait(self, steps: int) -> None:
        for _ in range(steps):
            self.bench.advance(STEP_S)
            self.model.pass_time(STEP_S, self.departed)
            self.departed.clear()

    @invariant()
    def backlog_is_what_is_unsettled(self) -> None:
        model, delivery = self.model, self.bench.delivery
        waiting = chain.from_iterable(model.waiting.values())
        unsettled = sorted(chain(waiting, (o.sequence for o in model.out)))
        assert sorted(m.sequence for m in delivery.unacknowledged()) == unsettled
        assert (delivery.backlog, delivery.backlog_bytes) == (len(unsettled), 10 * len(unsettled))
        assert [sequence for sequence, _ in self.bench.forwarded] == model.dead

    def teardown(self) -> None:
        """Nothing is stuck: whoever takes and acknowledges gets it all."""
        for client in list(self.streams):
            self.bench.delivery.detach(self.streams.pop(client))
        stream = self.bench.open("c")
        for _ in range(4):
            self.bench.advance(12)
            while leases := self.bench.delivery.take(stream):
                self.bench.delivery.acknowledge([lease.ack_id for lease in leases])
        assert (self.bench.delivery.backlog, self.bench.delivery.backlog_bytes) == (0, 0)
        assert stream.messages == 0


class ExactOrderingMachine(OrderingMachine):
    """The same where acknowledgements are confirmed or refused, and dead streams keep leases."""

    exactly_once = True


TestOrdering = OrderingMachine.TestCase
TestOrdering.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestExactOrdering = ExactOrderingMachine.TestCase
TestExactOrdering.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
