"""From what the runtime sees to the signals that the verdict is drawn from."""

from datetime import datetime, timedelta

from consumers.feed import FeedState, FeedStatus
from consumers.journal import JournalStatus
from consumers.pubsub import ChannelStatus
from consumers.stores.values import (
    AlertsSnapshot,
    PricesSnapshot,
    RunState,
    ScoresSnapshot,
    TestRun,
)
from core.diagnosis import Signals, Worst
from core.margin import Assessment
from core.policy import Status
from core.staleness import FLOOR

RECEIPT_GRACE = timedelta(seconds=10)
BANDS = (Status.LIQUIDATION, Status.MARGIN_CALL, Status.WARNING)


def signals(
    *,
    now: datetime,
    channel: ChannelStatus,
    feeds: tuple[FeedStatus, ...],
    journal: JournalStatus,
    prices: PricesSnapshot,
    scores: ScoresSnapshot | None,
    alerts: AlertsSnapshot,
    runs: tuple[TestRun, ...],
    cadence: timedelta,
    embedded: bool,
    scorer_error: str | None = None,
    ended: tuple[str, ...] = (),
) -> Signals:
    """The verdict's ground at `now`."""
    newest = max((a.received.received_at for a in prices.assets.values()), default=None)
    waiting = _undelivered(alerts, now)
    # A feed that is merely silent is judged by its prices, in the market's own time.
    broken = tuple(
        (f.name, str(f.state), f.since)
        for f in feeds
        if f.state in (FeedState.DENIED, FeedState.MISSING, FeedState.STOPPED)
        or (f.state is FeedState.CONNECTING and f.messages)
    )
    return Signals(
        now=now,
        connected=channel.connected,
        connected_since=channel.since,
        broken_feeds=broken,
        freshness={} if scores is None else scores.freshness,
        price_age=None if newest is None else now - newest,
        silent_limit=3 * max(_wall_cadence(prices, cadence), FLOOR),
        score_age=None if scores is None else now - scores.at,
        accounts=0 if scores is None else len(scores.book),
        unknown=0 if scores is None else scores.counts.get(Status.UNKNOWN, 0),
        worst=None if scores is None else _worst(scores, alerts),
        not_told=0 if scores is None else len(scores.not_told),
        not_told_worst=(
            None if scores is None or not scores.not_told else _who(scores.not_told[0], alerts)
        ),
        undelivered=len(waiting),
        undelivered_since=min(waiting, default=None),
        last_test_lost=_lost(runs, now),
        replay_ended=prices.market.ended,
        journal_error=journal.error,
        scorer_error=scorer_error,
        ended=ended,
        set_aside=None if journal.set_aside is None else journal.set_aside.name,
        embedded=embedded,
    )


def _wall_cadence(prices: PricesSnapshot, cadence: timedelta) -> timedelta:
    """The shortest expected gap between prices in wall time."""
    gaps = [a.cadence for a in prices.assets.values()]
    return min(gaps, default=cadence) / (prices.market.speed if prices.market.replay else 1.0)


def _undelivered(alerts: AlertsSnapshot, now: datetime) -> list[datetime]:
    """When each alert came that waits for a receipt for longer than the grace."""
    return [
        r.received.received_at
        for r in alerts.records
        if not r.settled and not r.alert.test and now - r.received.received_at > RECEIPT_GRACE
    ]


def _worst(scores: ScoresSnapshot, alerts: AlertsSnapshot) -> Worst | None:
    found = scores.gravest
    return None if found is None or found.status not in BANDS else _who(found, alerts)


def _who(found: Assessment, alerts: AlertsSnapshot) -> Worst:
    told = alerts.told.get(found.user_id)
    at = None if told is None or told.alert.status is not found.status else told.alert.timestamp
    return Worst(found.user_id, found.status, found.score, at)


def _lost(runs: tuple[TestRun, ...], now: datetime) -> str | None:
    if not runs or runs[0].state(now) is not RunState.LOST:
        return None
    return runs[0].lost_at(now)
