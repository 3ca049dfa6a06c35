"""What should have happened, computed beside what did: transitions, alerts due, accounts not told.

The shadow rests on the same prices and the same core as the risk engine, but on nothing the risk
engine says. Told is what the newest real alert of an account said.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from consumers.stores.values import AlertRecord, AlertsSnapshot, Due, Transition
from core.alerts import Incident, MarginAlert, step
from core.book import STATUS_ORDER, Valuation
from core.margin import Assessment, assess
from core.policy import Policy, Status

KEPT = 500
WINDOW = timedelta(minutes=60)
BANDS = (Status.WARNING, Status.MARGIN_CALL, Status.LIQUIDATION)
_GRAVITY = {s: i for i, s in enumerate((*STATUS_ORDER[3::-1],))}  # HEALTHY 0 .. LIQUIDATION 3


class Shadow:
    """One thread's own: the scorer calls `see` for every valuation, in order."""

    def __init__(self, policy: Policy, grace: timedelta) -> None:
        self._policy = policy
        self._grace = grace
        self._incidents: dict[str, Incident] = {}
        self._before: Valuation | None = None
        self._transitions: deque[Transition] = deque(maxlen=KEPT)
        self._due: deque[Due] = deque(maxlen=KEPT)
        self._owed: dict[str, datetime] = {}

    def remember(self, told: Mapping[str, AlertRecord]) -> None:
        """Begin where the journal left off: an account that was told has an open incident."""
        for user, record in told.items():
            alert = record.alert
            if alert.status in BANDS:
                at = alert.market_time or alert.timestamp
                self._incidents[user] = Incident(
                    user,
                    alert.incident_started_at or at,
                    alert.status,
                    alert.sequence,
                    at,
                    alert.health_score,
                )

    def see(self, valuation: Valuation, at: datetime, market_time: datetime) -> None:
        """Take in the next valuation: note who changed band and which alerts are now due."""
        before = self._before
        self._before = valuation
        if before is None or before.book is not valuation.book:
            changed = np.nonzero(valuation.status <= _code(Status.WARNING))[0]
        else:
            changed = valuation.movers(before)
        users = valuation.book.users
        for index in changed:
            self._judge(valuation, before, users[int(index)], at, market_time)

    def _judge(
        self,
        valuation: Valuation,
        before: Valuation | None,
        user: str,
        at: datetime,
        market_time: datetime,
    ) -> None:
        now = assess(valuation.book.portfolio(user), valuation.prices, self._policy)
        was = None
        if before is not None:
            was = assess(valuation.book.portfolio(user), before.prices, self._policy)
            if was.status is not now.status:
                self._transitions.appendleft(
                    Transition(
                        at, market_time, user, was.status, now.status, now.score, cause(was, now)
                    )
                )
        incident, alert = step(
            self._incidents.get(user),
            now,
            policy=self._policy,
            at=at,
            market_time=market_time,
            previous=was,
        )
        if incident is None:
            self._incidents.pop(user, None)
        else:
            self._incidents[user] = incident
        if alert is not None:
            self._due.appendleft(Due(at, alert))

    def transitions(self) -> tuple[Transition, ...]:
        """Changes of status by our own score, newest first."""
        return tuple(self._transitions)

    def ledger(self, alerts: AlertsSnapshot, now: datetime) -> tuple[Due, ...]:
        """Alerts due in the last hour, newest first, each with the record that came for it."""
        by_id = {r.alert.event_id: r for r in alerts.records}
        by_user: dict[str, list[AlertRecord]] = {}
        for record in alerts.records:
            by_user.setdefault(record.alert.user_id, []).append(record)
        ledger = []
        for due in self._due:
            if now - due.at > WINDOW:
                break
            alert = due.alert
            record = by_id.get(alert.event_id) or _came(by_user.get(alert.user_id, []), due)
            ledger.append(replace(due, record=record))
        return tuple(ledger)

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
        found = [assess(valuation.book.portfolio(u), valuation.prices, self._policy) for u in late]
        found.sort(key=lambda a: (a.score if a.score is not None else Decimal(0), a.user_id))
        return tuple(found), {u: owed[u] for u in late}


def _code(status: Status) -> int:
    return STATUS_ORDER.index(status)


def _came(records: list[AlertRecord], due: Due) -> AlertRecord | None:
    """The alert that came for this transition under another id: same account, same status."""
    earliest = due.at - timedelta(seconds=60)
    for record in records:
        alert: MarginAlert = record.alert
        if alert.status is due.alert.status and alert.timestamp >= earliest and not alert.test:
            return record
    return None


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
