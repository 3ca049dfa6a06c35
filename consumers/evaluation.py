"""One evaluation of the whole book: who changed band, and which alerts are due for it.

The book is revalued at once; only accounts with something to tell are assessed exactly and taken
through `core.alerts.step`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.alerts import Incident, MarginAlert, step
from core.book import STATUS_ORDER, Book, Valuation
from core.policy import Status
from core.portfolio import PriceSnapshot

NEW = "NEW"
_CODE = {status: code for code, status in enumerate(STATUS_ORDER)}
_GRAVE = _CODE[Status.WARNING]  # codes up to this one open an incident
_UNKNOWN = _CODE[Status.UNKNOWN]
_NEVER = np.inf
_UNTOLD = -1

Revalue = Callable[[Book, PriceSnapshot], Valuation]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one revaluation found.

    `transitions` counts changes of status as "FROM->TO", "NEW->TO" at first sight; `incidents`
    holds those that changed, None where one was closed; `alerts` are due, in the book's order.
    """

    valuation: Valuation
    market_time: datetime
    transitions: Mapping[str, int]
    incidents: Mapping[str, Incident | None]
    alerts: tuple[MarginAlert, ...]


class Evaluator:
    """The book, its open incidents and the valuation before. One thread's own.

    `book` may be replaced by one of the same accounts, as settlement leaves it.
    """

    def __init__(
        self,
        book: Book,
        incidents: Mapping[str, Incident],
        before: Valuation | None = None,
        revalue: Revalue = Book.revalue,
    ) -> None:
        self.book = book
        self._revalue = revalue
        known = set(book.users)
        self.incidents = {u: i for u, i in incidents.items() if u in known}
        self.before = before
        self._told = np.full(len(book), _UNTOLD, dtype=np.int8)
        self._remind_at = np.full(len(book), _NEVER)  # market time, seconds since the epoch
        for user, incident in self.incidents.items():
            self._note(book.index_of(user), incident)

    def evaluate(self, prices: PriceSnapshot, market_time: datetime, at: datetime) -> Evaluation:
        """Revalue on `prices` at `market_time`; `at` is wall time and only dates the alerts."""
        valuation = self._revalue(self.book, prices)
        changed: dict[str, Incident | None] = {}
        alerts: list[MarginAlert] = []
        for index in np.nonzero(self._candidates(valuation.status, market_time))[0]:
            user = self.book.users[int(index)]
            incident, alert = self._step(int(index), user, prices, market_time, at)
            if incident is not self.incidents.get(user):
                changed[user] = incident
                self._keep(int(index), user, incident)
            if alert is not None:
                alerts.append(alert)
        transitions = _transitions(self.before, valuation)
        self.before = valuation
        return Evaluation(valuation, market_time, transitions, changed, tuple(alerts))

    def _candidates(self, status: NDArray[np.int8], market_time: datetime) -> NDArray[np.bool_]:
        """Accounts whose status is not the one last told, or whose reminder is due."""
        told = self._told
        news = np.where(told == _UNTOLD, status <= _GRAVE, status != told)
        reminders = (status == told) & (self._remind_at <= market_time.timestamp())
        candidates: NDArray[np.bool_] = (news | reminders) & (status != _UNKNOWN)
        return candidates

    def _step(
        self, index: int, user: str, prices: PriceSnapshot, market_time: datetime, at: datetime
    ) -> tuple[Incident | None, MarginAlert | None]:
        policy, now = self.book.policy, self.book.assess(user, prices)
        was = None
        if (
            self.before is not None
            and STATUS_ORDER[int(self.before.status[index])] is not now.status
        ):
            was = self.before.assess(user)  # on the positions of then
        return step(
            self.incidents.get(user),
            now,
            policy=policy,
            at=at,
            market_time=market_time,
            previous=was,
        )

    def _keep(self, index: int, user: str, incident: Incident | None) -> None:
        if incident is None:
            self.incidents.pop(user, None)
            self._told[index], self._remind_at[index] = _UNTOLD, _NEVER
        else:
            self.incidents[user] = incident
            self._note(index, incident)

    def _note(self, index: int, incident: Incident) -> None:
        interval = self.book.policy.reminder.get(incident.status)
        due = _NEVER if interval is None else (incident.last_alert_at + interval).timestamp()
        self._told[index], self._remind_at[index] = _CODE[incident.status], due


def _transitions(before: Valuation | None, now: Valuation) -> dict[str, int]:
    if before is None:
        codes, counts = np.unique(now.status, return_counts=True)
        found = zip(codes, counts, strict=True)
        return {f"{NEW}->{STATUS_ORDER[int(code)]}": int(count) for code, count in found}
    moved = now.movers(before)
    if not len(moved):
        return {}
    pairs = np.stack([before.status[moved], now.status[moved]], axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    return {
        f"{STATUS_ORDER[int(was)]}->{STATUS_ORDER[int(now_is)]}": int(count)
        for (was, now_is), count in zip(kinds, counts, strict=True)
    }
