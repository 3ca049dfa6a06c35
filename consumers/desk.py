"""The risk engine's desk: prices and escrows in, rounds scored in order, and what must be told.

No threads and no I/O, so that the same messages give the same alerts however they arrive.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from consumers import settled
from consumers.clock import Clock
from consumers.evaluation import Evaluator, Revalue
from consumers.incidents import EngineState, Reached, save
from consumers.outbox import Letter
from consumers.price_board import PriceBoard
from consumers.pricing import snapshot_of
from consumers.rounds import EscrowMessage, PriceMessage, RoundGate, RoundOfPrices
from consumers.settled import Settled, settled_of
from consumers.stores import PositionStore
from consumers.stores.values import AssetPrice
from consumers.topology import ALERTS
from consumers.wire import encode_alert, key_of
from core.alerts import Incident, MarginAlert
from core.book import Book, Valuation

TICK_S = 1.0  # in a live market staleness and reminders move without messages


@dataclass(slots=True)
class Turn:
    """What some rounds brought, to be committed together and acknowledged after.

    `transitions` counts "FROM->TO"; an incident of None was closed, a price of None is forgotten;
    `letters` are the alerts due; `settled` is what the `escrows` change of the book.
    """

    messages: list[PriceMessage] = field(default_factory=list)
    escrows: list[EscrowMessage] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    rounds: int = 0
    evaluations: int = 0
    transitions: Counter[str] = field(default_factory=Counter)
    incidents: dict[str, Incident | None] = field(default_factory=dict)
    prices: dict[str, AssetPrice | None] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    reached: Reached | None = None

    @property
    def received(self) -> tuple[PriceMessage | EscrowMessage, ...]:
        """Every message taken in."""
        return (*self.messages, *self.escrows)

    @property
    def durable(self) -> bool:
        """Whether there is anything to write or to acknowledge."""
        return bool(self.messages or self.escrows or self.incidents or self.letters)

    def write(self, connection: sqlite3.Connection) -> None:
        """Save the engine's state as it is after this turn, in the running transaction."""
        if self.reached is not None:
            save(connection, self.incidents, self.prices, self.reached)
        settled.save(connection, self.settled)


class Desk:
    """Prices, rounds, positions and open incidents of one book. One thread's own.

    In a live market what is settled counts from the next evaluation on, at most a second later. A
    replay's book stands still: the escrows of today do not belong to the market of then.
    """

    def __init__(
        self,
        *,
        positions: PositionStore,
        state: EngineState,
        cadence: timedelta,
        clock: Clock,
        revalue: Revalue = Book.revalue,
    ) -> None:
        self._clock = clock
        self._positions = positions
        positions.apply_all(state.settled)
        self._escrows: list[EscrowMessage] = []
        self._in_turn: list[PriceMessage | EscrowMessage] = []  # of a turn that is not over
        reached = state.reached
        replayed = reached.market_time if reached is not None and reached.replay else None
        stale_after = positions.base.policy.stale_limit
        self._board = PriceBoard(cadence, state.prices, replayed, stale_after)
        self._gate = RoundGate(clock, None if reached is None else reached.round)
        book = positions.base if replayed else positions.book()
        self._evaluator = Evaluator(book, state.incidents, _before(book, state), revalue)
        self._next_tick = 0.0

    @property
    def valuation(self) -> Valuation | None:
        """The newest scores."""
        return self._evaluator.before

    def add(self, message: PriceMessage) -> None:
        """Take one price message in."""
        self._gate.add(message)

    def add_escrow(self, message: EscrowMessage) -> None:
        """Take one settlement event in."""
        self._escrows.append(message)

    def waiting(self) -> tuple[PriceMessage | EscrowMessage, ...]:
        """What no turn has handed out yet: escrows, prices held back until their round is whole,
        and what a turn that failed had taken."""
        return (*self._in_turn, *self._escrows, *self._gate.waiting())

    def wait_s(self) -> float:
        """Seconds until `turn` may have something to do without another message."""
        overdue = self._gate.wait_s()
        return TICK_S / 4 if overdue is None else min(overdue, TICK_S / 4)

    def turn(self) -> Turn:
        """Score everything that is ready; in a live market, the whole book once a second anyway."""
        turn = Turn()
        self._in_turn = [*self._escrows]
        self._settle(turn)
        rounds = self._gate.take()
        self._in_turn += [message for one in rounds for message in one.messages]
        for one in rounds:
            self._take(one, turn)
        if not rounds and self._tick_due():
            self._evaluate(turn)
        turn.reached = Reached(
            self._gate.done,
            self._board.moment(self._clock.now()),
            self._board.market_time is not None,
        )
        self._in_turn = []
        return turn

    def _settle(self, turn: Turn) -> None:
        turn.escrows, self._escrows = self._escrows, []
        found = (settled_of(each.event) for each in turn.escrows if not each.repeated)
        turn.settled = [one for one in found if one is not None]
        self._positions.apply_all(turn.settled)

    def _tick_due(self) -> bool:
        live = self._board.market_time is None and bool(self._board.prices)
        return live and self._clock.monotonic() >= self._next_tick

    def _take(self, one: RoundOfPrices, turn: Turn) -> None:
        moved = False
        for message in one.messages:
            turn.messages.append(message)
            if self._board.take(message):
                moved = True
                asset = message.tick.asset
                turn.prices[asset] = self._board.prices[asset]
        turn.prices.update(dict.fromkeys(self._board.trim(self._evaluator.book.assets)))
        turn.rounds += one.number is not None
        if moved:
            self._evaluate(turn)

    def _evaluate(self, turn: Turn) -> None:
        wall = self._clock.now()
        moment = self._board.moment(wall)
        if self._board.market_time is None:
            self._evaluator.book = self._positions.book()
        snapshot, _ = snapshot_of(self._evaluator.book.assets, self._board.prices, moment)
        # Dated by the prices, not by our clock: whoever scores the same prices gets the same ids.
        found = self._evaluator.evaluate(snapshot, snapshot.as_of, wall)
        turn.evaluations += 1
        turn.transitions.update(found.transitions)
        turn.incidents.update(found.incidents)
        turn.letters.extend(self._letter(alert) for alert in found.alerts)
        self._next_tick = self._clock.monotonic() + TICK_S

    def _letter(self, alert: MarginAlert) -> Letter:
        """The alert as it will be sent, now and after any restart: the same bytes."""
        dated = replace(alert, published_at=self._clock.now())
        return Letter(key_of(dated), encode_alert(dated, ALERTS))


def _before(book: Book, state: EngineState) -> Valuation | None:
    """The scores at the last commit, computed again from the prices it kept."""
    if state.reached is None or not state.prices:
        return None
    prices: Mapping[str, AssetPrice] = state.prices
    snapshot, _ = snapshot_of(book.assets, prices, state.reached.market_time)
    return book.revalue(snapshot)
