"""From single price messages to rounds in their order, so that every speed gives the same scores.

A round is one consistent set of prices of the oracle. Messages may come late, twice or out of
order; a round is handed on when it is whole and the one before it was, or when its turn is overdue.
"""

from dataclasses import dataclass, field

from consumers.clock import Clock
from consumers.feed import Incoming
from consumers.wire import PriceTick, SettlementEvent

# How long a round waits for missing messages, or for a missing round before it. A live market goes
# on soon; a replay waits for what a killed consumer held, which comes again within ten seconds.
GRACE_S, REPLAY_GRACE_S = 2.0, 15.0
MOST = 25  # rounds handed on at once


@dataclass(frozen=True, slots=True)
class PriceMessage:
    """A decoded price and the message it came in, still to be acknowledged."""

    tick: PriceTick
    incoming: Incoming


@dataclass(frozen=True, slots=True)
class EscrowMessage:
    """A decoded settlement event and the message it came in, still to be acknowledged.

    `repeated`: it is on record that the book has it.
    """

    event: SettlementEvent
    incoming: Incoming
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class RoundOfPrices:
    """Messages to be scored together; `number` is None for those that belong to no open round."""

    number: int | None
    messages: tuple[PriceMessage, ...]


@dataclass(slots=True)
class _Open:
    overdue: float
    size: int | None
    messages: list[PriceMessage] = field(default_factory=list)
    assets: set[str] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        return self.size is not None and len(self.assets) >= self.size


class RoundGate:
    """Sorts messages into rounds. One thread's own; `done` is the last round handed on, if any."""

    def __init__(self, clock: Clock, done: int | None = None) -> None:
        self._clock = clock
        self._open: dict[int, _Open] = {}
        self._loose: list[PriceMessage] = []
        self.done = done

    def add(self, message: PriceMessage) -> None:
        """Take one message in."""
        number = message.tick.round
        if (
            number is None
            or message.tick.historical
            or (self.done is not None and number <= self.done)
        ):
            self._loose.append(message)
            return
        held = self._open.get(number)
        if held is None:
            grace_s = GRACE_S if message.tick.replayed_from is None else REPLAY_GRACE_S
            overdue = self._clock.monotonic() + grace_s
            held = self._open[number] = _Open(overdue, message.tick.round_size)
        held.messages.append(message)
        held.assets.add(message.tick.asset)

    def take(self) -> list[RoundOfPrices]:
        """What is to be scored now, in order; loose messages first, all in one."""
        taken = []
        if self._loose:
            taken.append(RoundOfPrices(None, tuple(self._loose)))
            self._loose = []
        while self._open and len(taken) < MOST:
            number = min(self._open)
            held = self._open[number]
            if not self._is_next(number, held) and self._clock.monotonic() < held.overdue:
                break
            del self._open[number]
            self.done = number
            taken.append(RoundOfPrices(number, tuple(held.messages)))
        return taken

    def wait_s(self) -> float | None:
        """Seconds until something that waits is overdue; None when nothing waits."""
        if self._loose:
            return 0.0
        if not self._open:
            return None
        return max(0.0, self._open[min(self._open)].overdue - self._clock.monotonic())

    def waiting(self) -> tuple[PriceMessage, ...]:
        """Everything held back."""
        return (*self._loose, *(m for held in self._open.values() for m in held.messages))

    def _is_next(self, number: int, held: _Open) -> bool:
        return held.whole and number == (self.done or 0) + 1
