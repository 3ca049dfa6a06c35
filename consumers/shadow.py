"""What should have happened, computed beside what did: transitions, alerts due, accounts not told.

The shadow rests on the same prices and the same core as the risk engine, but on nothing the risk
engine says. Told is what the newest real alert of an account said.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from consumers.evaluation import Evaluator, Revalue
from consumers.stores.values import AlertRecord, Due, Transition
from core.alerts import Incident, MarginAlert
from core.book import STATUS_ORDER, Book, Valuation
from core.exact import plain
from core.margin import Assessment, Line
from core.policy import Status
from core.portfolio import PriceSnapshot

KEPT = 500
LEDGER = 20_000
WINDOW = timedelta(minutes=60)
BANDS = (Status.WARNING, Status.MARGIN_CALL, Status.LIQUIDATION)
_GRAVITY = {s: i for i, s in enumerate((*STATUS_ORDER[3::-1],))}  # HEALTHY 0 .. LIQUIDATION 3


class Shadow:
    """One thread's own: the scorer calls `see` for every set of prices, in order."""

    def __init__(self, book: Book, grace: timedelta, revalue: Revalue = Book.revalue) -> None:
        self._book = book
        self._revalue = revalue
        self._grace = grace
        self._evaluator = Evaluator(book, {}, revalue=revalue)
        self._transitions: deque[Transition] = deque(maxlen=KEPT)
        self._due: dict[int, Due] = {}  # by number, oldest first
        self._unsettled: set[int] = set()
        self._count = 0
        self._owed: dict[str, datetime] = {}
        self._told: Mapping[str, AlertRecord] = {}  # until the first look

    def remember(self, told: Mapping[str, AlertRecord]) -> None:
        """Begin where the journal left off: an account that was told has an open incident.

        What the first look at the book confirms of it was due when it was told: an alert may come
        before our first score or after it, and is in the ledger either way.
        """
        self._told = told
        open_now = {
            user: _incident(record) for user, record in told.items() if record.alert.status in BANDS
        }
        self._evaluator = Evaluator(self._book, open_now, revalue=self._revalue)

    def see(
        self, book: Book, prices: PriceSnapshot, at: datetime, market_time: datetime
    ) -> Valuation:
        """Value the book on the next prices; note who changed band and which alerts are due.

        `book` has the accounts that the shadow was made with, their positions as of now.
        """
        before = self._evaluator.before
        self._evaluator.book = book
        found = self._evaluator.evaluate(prices, market_time, at)
        if before is None:
            self._confirm(found.valuation, at)
        for alert in found.alerts:
            self._owe(alert, at, baseline=before is None)
        if before is not None:
            for index in found.valuation.movers(before):
                self._note(book.users[int(index)], before, found.valuation, at, market_time)
        return found.valuation

    def _confirm(self, valuation: Valuation, now: datetime) -> None:
        """Alerts of the last hour that our own score agrees with, as due, oldest first."""
        told, self._told = self._told, {}
        recent = [
            Due(sent, record.alert, record, baseline=True)
            for user, record in told.items()
            if now - (sent := _sent(record)) <= WINDOW
            and user in valuation.book.rows
            and STATUS_ORDER[int(valuation.status[valuation.book.rows[user]])]
            is record.alert.status
        ]
        for due in sorted(recent, key=lambda due: due.at)[-LEDGER:]:
            self._count += 1
            self._due[self._count] = due
            self._unsettled.add(self._count)

    def _note(
        self, user: str, before: Valuation, after: Valuation, at: datetime, market_time: datetime
    ) -> None:
        was, now = before.assess(user), after.assess(user)
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
        found = [valuation.assess(u) for u in late]
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


def _sent(record: AlertRecord) -> datetime:
    """By the broker's clock; by ours where that one is ahead."""
    return min(record.received.publish_time, record.received.received_at)


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
    """What moved the score most: a price (`ETH −2.10 %`) or settlement (`settled −1.5 ETH`)."""
    if after.status is Status.UNKNOWN:
        return ", ".join(f"{asset}: {why}" for asset, why in sorted(after.reasons.items()))
    old = {(line.side, line.asset): line for line in before.lines}
    new = {(line.side, line.asset): line for line in after.lines}
    moves = [
        move for key in {**old, **new} for move in _moves(old.get(key), new.get(key)) if move[0]
    ]
    return max(moves)[1] if moves else "priced again"


def _moves(was: Line | None, now: Line | None) -> Iterator[tuple[Decimal, str]]:
    """USD that a position's change of price and of amount moved, each with its words."""
    line = now or was
    assert line is not None  # the key is in one of the two
    units = (now.amount if now else Decimal(0)) - (was.amount if was else Decimal(0))
    if units and line.price is not None:
        yield abs(units * line.price), f"settled {_sign(units)}{plain(abs(units))} {line.asset}"
    if was is None or now is None or was.price is None or now.price is None:
        return
    percent = (now.price / was.price - 1) * 100
    effect = abs(now.amount * (now.price - was.price))
    yield effect, f"{line.asset} {_sign(percent)}{abs(percent):.2f} %"


def _sign(number: Decimal) -> str:
    return "+" if number >= 0 else chr(0x2212)
