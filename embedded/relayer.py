"""A simulated escrow relayer: escrows between demo accounts are deployed, approved, and settled.

Nobody pays what they do not have: balances are followed from event to event.
"""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

import structlog

from consumers.clock import Clock
from consumers.pubsub import Publisher, PublishResult
from consumers.topology import SETTLEMENTS
from consumers.wire import SettlementEvent, encode_settlement
from consumers.wire.settlement import APPROVED, DEPLOYED, REFUNDED, RELEASED
from consumers.worker import WorkerState, WorkerStatus

NAME = "relayer"
CHAIN_ID = 11155111  # Sepolia
BLOCK_S = 12
MOST_OPEN = 6
REFUNDED_SHARE = 0.2
MOST_OF_BALANCE = Decimal("0.1")
STEP = Decimal("0.0001")
FACTORY = "0x" + "fa" * 20
log = structlog.get_logger(__name__)


class EscrowLife:
    """A seeded sequence of escrow events. `run` makes hashes unique from run to run.

    `balances` is the ETH of each account that may pay or be paid; at least two.
    """

    def __init__(self, seed: int, balances: Mapping[str, Decimal], run: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self._balances = dict(balances)
        self._accounts = tuple(balances)
        self._run = run
        self._count = 0
        self._open: list[SettlementEvent] = []

    def next(self, at: datetime) -> SettlementEvent:
        """The next event on the chain: a new escrow, or the next step of an open one."""
        self._count += 1
        deploy = len(self._open) < 2 or (
            len(self._open) < MOST_OPEN and self._random.random() < 0.4
        )
        before = None if deploy else self._random.choice(self._open)
        event = self._deployed(at) if before is None else self._advanced(before, at)
        if before is not None:
            self._open.remove(before)
        if event.event in (DEPLOYED, APPROVED):
            self._open.append(event)
        return event

    def _deployed(self, at: datetime) -> SettlementEvent:
        able = [user for user in self._accounts if self._balances[user] * MOST_OF_BALANCE >= STEP]
        payer = self._random.choice(able or self._accounts)
        payee = self._random.choice([user for user in self._accounts if user != payer])
        most = self._balances[payer] * MOST_OF_BALANCE
        amount = min(Decimal(self._random.randint(5, 400)) / 100, most).quantize(STEP, ROUND_DOWN)
        self._balances[payer] -= amount
        escrow = "0x" + self._digest("escrow")[:40]
        return self._event(DEPLOYED, escrow, payer, payee, amount, at)

    def _advanced(self, before: SettlementEvent, at: datetime) -> SettlementEvent:
        if before.event == DEPLOYED:
            kind = APPROVED
        else:
            kind = REFUNDED if self._random.random() < REFUNDED_SHARE else RELEASED
            self._balances[before.payer if kind == REFUNDED else before.payee] += before.amount or 0
        return self._event(
            kind, before.escrow, before.payer, before.payee, before.amount or Decimal(0), at
        )

    def _event(
        self, kind: str, escrow: str, payer: str, payee: str, amount: Decimal, at: datetime
    ) -> SettlementEvent:
        return SettlementEvent(
            event=kind,
            chain_id=CHAIN_ID,
            transaction_hash="0x" + self._digest("transaction"),
            log_index=0,
            escrow=escrow,
            payer=payer,
            payee=payee,
            amount=amount,
            block_number=int(at.timestamp()) // BLOCK_S,
            timestamp=at,
            contract=FACTORY if kind == DEPLOYED else escrow,
        )

    def _digest(self, what: str) -> str:
        return hashlib.sha256(f"{self._run}/{self._count}/{what}".encode()).hexdigest()


class Relayer:
    """Publishes the next event of a life every interval; owns the thread `relayer`.

    `_lock` guards the counters.
    """

    def __init__(
        self,
        *,
        balances: Mapping[str, Decimal],
        seed: int,
        interval_s: float,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self._life = EscrowLife(seed, balances, clock.now().isoformat())
        self._interval_s = interval_s
        self._publisher = publisher
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)
        self._lock = threading.Lock()
        self._counters: Counter[str] = Counter()
        self._state, self._since = WorkerState.STARTING, clock.now()
        self._error: str | None = None

    def start(self) -> None:
        """Begin; the first event comes after one interval."""
        self._enter(WorkerState.RUNNING)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._enter(WorkerState.STOPPED)

    def status(self) -> WorkerStatus:
        """Counters: events (acknowledged by the broker), failed."""
        with self._lock:
            return WorkerStatus(NAME, self._state, self._since, dict(self._counters), self._error)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            event = self._life.next(self._clock.now())
            self._publisher.publish(SETTLEMENTS, encode_settlement(event), self._done)

    def _done(self, result: PublishResult) -> None:
        with self._lock:
            self._error = None if result.error is None else str(result.error)
            self._counters["events" if result.error is None else "failed"] += 1

    def _enter(self, state: WorkerState) -> None:
        with self._lock:
            self._state, self._since = state, self._clock.now()
