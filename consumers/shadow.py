"""What should have happened, computed beside what did: transitions, alerts due, accounts not told.

The shadow rests on the same prices and the same core as the risk engine, but on nothing the risk
engine says. Told is what the newest real alert of an account said.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from consumers.evaluation import Evaluator
from consumers.stores.values import AlertRecord, Due, Transition
from core.alerts import Incident, MarginAlert
from core.book import STATUS_ORDER, Book, Valuation
from core.margin import Assessment, assess
from core.policy import Status
from core.portfolio import PriceSnapshot

KEPT = 500
LEDGER = 20_000
WINDOW = timedelta(minutes=60)
BANDS = (Status.WARNING, Status.MARGIN_CALL, Status.LIQUIDATION)
_GRAVITY = {s: i for i, s in enumerate((*STATUS_ORDER[3::-1],))}  # HEALTHY 0 .. LIQUIDATION 3


class Shadow:
    """One thread's own: the scorer calls `see` for every set of prices, in order."""

    def __init__(self, book: Book, grace: timedelta) -> None:
        self._book = book
        self._grace = grace
        self._evaluator = Evaluator(book, {})
        self._transitions: deque[Transition] = deque(maxlen=KEPT)
        self._due: dict[int, Due] = {}  # by number, oldest first
        self._unsettled: set[int] = set()
        self._count = 0
        self._owed: dict[str, datetime] = {}

    def remember(self, told: Mapping[str, AlertRecord]) -> None:
        """Begin where the journal left off: an account that was told has an open incident."""
        open_now = {
            user: _incident(record) for user, record in told.items() if record.alert.status in BANDS
        }
        self._evaluator = Evaluator(self._book, open_now)

    def see(self, prices: PriceSnapshot, at: datetime, market_time: datetime) -> Valuation:
        """Value the book on the next prices; note who changed band and which alerts are due."""
        before = self._evaluator.before
        found = self._evaluator.evaluate(prices, market_time, at)
        for alert in found.alerts:
            self._owe(alert, at, baseline=before is None)
        if before is not None:
            for index in found.valuation.movers(before):
                self._note(self._book.users[int(index)], before, found.valuation, at, market_time)
        return found.valuation

    def _note(
        self, user: str, before: Valuation, after: Valuation, at: datetime, market_time: datetime
    ) -> None:
        portfolio, policy = self._book.portfolio(user), self._book.policy
        was = assess(portfolio, before.prices, policy)
        now = assess(portfolio, after.prices, policy)
        self._transitions.appendleft(
            Transition(at, market_time, user, was.status, now.status, now.score, cause(was, now))
        )

    def transitions(self) -> tuple[Transition, ...]:
        """Changes of status by our own score, newest first."""
        return tuple(self._transitions)

    def ledger(
        self,
        find: Callable[[str], AlertRecord | None],
        told: Mapping[str, AlertRecord],
        now: datetime,
    ) -> tuple[Due, ...]:
        """Alerts due in the last hour, newest first, each with the record that came for it.

        `find` looks an alert up by its event id; `told` is the newest of each account.
        """
        self._forget(now)
        for number in tuple(self._unsettled):
            due = self._due[number]
            came = find(due.alert.event_id) or _came(told.get(due.alert.user_id), due)
            if came is not None:
                self._due[number] = replace(due, record=came)
                if came.settled:
                    self._unsettled.discard(number)
        return tuple(reversed(self._due.values()))

    def _owe(self, alert: MarginAlert, at: datetime, *, baseline: bool) -> None:
        self._count += 1
        self._due[self._count] = Due(at, alert, baseline=baseline)
        self._unsettled.add(self._count)

    def _forget(self, now: datetime) -> None:
        while self._due:
            number, due = next(iter(self._due.items()))
            if len(self._due) <= LEDGER and now - due.at <= WINDOW:
                return
            del self._due[number]
            self._unsettled.discard(number)

    def not_told(
        self, valuation: Valuation, told: Mapping[str, AlertRecord], now: datetime
    ) -> tuple[tuple[Assessment, ...], dict[str, datetime]]:
        """Accounts in a graver band than anybody was told, for longer than the grace; gravest
        first, with the moment since when."""
        owed: dict[str, datetime] = {}
        for index in np.nonzero(valuation.status <= _code(Status.WARNING))[0]:
            user = valuation.book.users[int(index)]
            status = STATUS_ORDER[int(valuation.status[int(index)])]
            record = told.get(user)
            if record is None or _GRAVITY[status] > _GRAVITY.get(record.alert.status, 0):
                owed[user] = self._owed.get(user, now)
        self._owed = owed
        late = [u for u, since in owed.items() if now - since > self._grace]
        found = [assess(self._book.portfolio(u), valuation.prices, self._book.policy) for u in late]
        found.sort(key=lambda a: (a.score if a.score is not None else Decimal(0), a.user_id))
        return tuple(found), {u: owed[u] for u in late}


def _incident(record: AlertRecord) -> Incident:
    alert = record.alert
    at = alert.market_time or alert.timestamp
    return Incident(
        alert.user_id,
        alert.incident_started_at or at,
        alert.status,
        alert.sequence,
        at,
        alert.health_score,
    )


def _code(status: Status) -> int:
    return STATUS_ORDER.index(status)


def _came(newest: AlertRecord | None, due: Due) -> AlertRecord | None:
    """The alert that came for this transition under another id: same account, same status.

    What the first look at the book found due may have been told at any time before it.
    """
    if newest is None or newest.alert.status is not due.alert.status:
        return None
    recent = newest.alert.timestamp >= due.at - timedelta(seconds=60)
    return newest if recent or due.baseline else None


def cause(before: Assessment, after: Assessment) -> str:
    """The price that moved the score most, such as `ETH −2.1 %`, or what else changed."""
    if after.status is Status.UNKNOWN:
        return ", ".join(sorted(after.reasons)) + " not priced"
    old = {(line.side, line.asset): line for line in before.lines}
    moved: tuple[Decimal, str] | None = None
    for line in after.lines:
        was = old.get((line.side, line.asset))
        if was is None or was.price is None or line.price is None or was.price == line.price:
            continue
        effect = abs(line.amount * (line.price - was.price))
        percent = (line.price / was.price - 1) * 100
        text = f"{line.asset} {'+' if percent >= 0 else chr(0x2212)}{abs(percent):.2f} %"
        if moved is None or effect > moved[0]:
            moved = (effect, text)
    return moved[1] if moved else "priced again"
