"""Small doubles for the delivery core: alarms that ring when the hand-moved clock passes them."""

from collections.abc import Callable

from embedded.broker.consumer import Consumer
from embedded.broker.delivery import Delivery
from embedded.broker.encoding import Message
from embedded.broker.policy import DeliveryPolicy
from embedded.broker.redelivery import Lease
from tests.support import FakeClock


class FakeAlarm:
    """One alarm that was set."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """It shall not ring."""
        self.cancelled = True


class Bench:
    """A delivery on a hand-moved clock, with what it forwarded to its dead letter topic."""

    def __init__(self, policy: DeliveryPolicy | None = None, *, dead_letters: bool = True) -> None:
        self.clock = FakeClock()
        self.alarms: list[FakeAlarm] = []
        self.forwarded: list[tuple[int, int]] = []
        self._dead_letters = dead_letters
        self.delivery = Delivery(
            clock=self.clock,
            alarm=self._set,
            policy=policy or DeliveryPolicy(),
            forward=self._forward,
        )

    def offer(self, *sequences: int, size: int = 10, key: str = "") -> None:
        """Publish messages with these sequence numbers now."""
        now = self.clock.now().timestamp()
        self.delivery.offer([Message(number, now, size, b"", b"", key) for number in sequences])

    def open(
        self,
        client_id: str = "",
        *,
        deadline_s: float = 10.0,
        messages: int = 0,
        size: int = 0,
    ) -> Consumer:
        """Open a stream with these limits."""
        consumer = Consumer(
            wake=lambda: None,
            deadline_s=deadline_s,
            client_id=client_id,
            max_messages=messages,
            max_bytes=size,
        )
        self.delivery.attach(consumer)
        return consumer

    def take(self, consumer: Consumer) -> list[int]:
        """The sequence numbers of the next batch."""
        return sequences(self.delivery.take(consumer))

    def advance(self, seconds: float) -> None:
        """Let time pass in small steps, ringing what is due."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            due = [a for a in self.alarms if a.when <= self.clock.monotonic() + 1e-9]
            self.alarms = [alarm for alarm in self.alarms if alarm not in due]
            for alarm in due:
                if not alarm.cancelled:
                    alarm.callback()

    def pending_alarms(self) -> int:
        """How many alarms are set and not cancelled."""
        return sum(not alarm.cancelled for alarm in self.alarms)

    def _set(self, when: float, callback: Callable[[], None], /) -> FakeAlarm:
        alarm = FakeAlarm(when, callback)
        self.alarms.append(alarm)
        return alarm

    def _forward(self, message: Message, attempts: int) -> bool:
        if self._dead_letters:
            self.forwarded.append((message.sequence, attempts))
        return self._dead_letters


def open_stream(delivery: Delivery, messages: int = 0) -> Consumer:
    """A stream without flow control, or that may hold this many messages."""
    consumer = Consumer(wake=lambda: None, deadline_s=10.0, max_messages=messages)
    delivery.attach(consumer)
    return consumer


def sequences(leases: list[Lease]) -> list[int]:
    """The sequence numbers of what was delivered."""
    return [lease.message.sequence for lease in leases]
