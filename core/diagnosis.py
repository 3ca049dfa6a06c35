"""From signals to one sentence: may this screen be trusted, and what is the worst thing on it.

Findings are judged in the order of what makes everything after them meaningless: a dead channel
before stale prices, stale prices before untold accounts, those before a quiet, healthy book.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.margin import floor_score
from core.policy import Status
from core.staleness import Freshness
from core.wording import MINUS, ages, plural

RECREATED = timedelta(seconds=15)


class Level(StrEnum):
    """How the verdict reads: BLIND knows nothing, ACT means within this minute."""

    OK = "ok"
    WATCH = "watch"
    ACT = "act"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class Worst:
    """The account deepest in the bands and when somebody was told of it."""

    user_id: str
    status: Status
    score: Decimal | None
    told_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the verdict rests on, at `now`. Ages are positive; None is "never" or "unknown"."""

    now: datetime
    connected: bool
    connected_since: datetime
    broken_feeds: tuple[tuple[str, str, datetime], ...] = ()  # (name, state, since), not live
    freshness: Mapping[str, Freshness] = field(default_factory=dict)  # of assets the book holds
    price_age: timedelta | None = None  # of the newest price
    silent_limit: timedelta = timedelta(seconds=15)  # after which no price at all is a fault
    score_age: timedelta | None = None
    accounts: int = 0
    unknown: int = 0
    worst: Worst | None = None
    not_told: int = 0
    not_told_worst: Worst | None = None
    undelivered: int = 0
    undelivered_since: datetime | None = None
    last_test_lost: str | None = None  # the hop where the last test alert was lost
    replay_ended: bool = False
    journal_error: str | None = None
    scorer_error: str | None = None
    ended: tuple[str, ...] = ()  # threads of the control room that run no more
    set_aside: str | None = None  # a corrupt journal that lies beside the new one
    embedded: bool = False  # the platform runs beside us and its parts are restarted by themselves


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence, one line of evidence, and what to do; `code` is stable for machines."""

    level: Level
    code: str
    sentence: str
    evidence: str
    remedy: str | None = None
    since: datetime | None = None


def verdict(s: Signals) -> Verdict:
    """The first finding that holds, in order of gravity; else that all is well, and why."""
    found: Verdict | None
    for find in FINDINGS:
        found = find(s)
        if found is not None:
            return found
    return _well(s)


def _channel(s: Signals) -> Verdict | None:
    if s.connected:
        return None
    age = ages(s.now - s.connected_since)
    return Verdict(
        Level.BLIND,
        "broker_unreachable",
        f"Disconnected from the broker for {age}: nothing on this screen is current.",
        f"Broker unreachable since {s.connected_since:%H:%M:%S} UTC. "
        "Everything shown is the last that arrived before.",
        "fusion doctor",
        s.connected_since,
    )


def _journal(s: Signals) -> Verdict | None:
    if s.journal_error is None:
        return None
    return Verdict(
        Level.ACT,
        "journal_failing",
        "The journal cannot be written: messages wait unacknowledged.",
        f"{s.journal_error}. Nothing is lost; the broker keeps what is not acknowledged.",
        "fusion doctor",
    )


def _ended(s: Signals) -> Verdict | None:
    if not s.ended:
        return None
    names = ", ".join(s.ended)
    return Verdict(
        Level.ACT,
        "part_ended",
        f"A part of this control room has ended: {names}.",
        "What it did is done no more; restart the control room. Its log has the reason.",
    )


def _set_aside(s: Signals) -> Verdict | None:
    if s.set_aside is None:
        return None
    return Verdict(
        Level.WATCH,
        "journal_set_aside",
        "A corrupt journal was set aside: escrows settled before are missing from the book.",
        f"It is {s.set_aside}, beside the new one. Restore a copy, or move it away; then restart.",
    )


def _no_price(s: Signals) -> Verdict | None:
    if s.replay_ended:
        return None
    if s.price_age is None:
        return Verdict(
            Level.WATCH,
            "waiting_for_prices",
            "Waiting for the first prices: nothing is scored yet.",
            "The price feed is open; no message has arrived on market.prices.v1.",
        )
    if s.price_age <= s.silent_limit:
        return None
    return Verdict(
        Level.ACT,
        "oracle_silent",
        f"Oracle: no price for {ages(s.price_age)}; scores are not current.",
        f"All {s.accounts:,} scores rest on old prices; no margin event is made from them.",
        _restart(s, "oracle"),
        s.now - s.price_age,
    )


def _scores(s: Signals) -> Verdict | None:
    if s.scorer_error is not None:
        return Verdict(
            Level.ACT,
            "scorer_failing",
            "The book cannot be scored: what is shown is the last that could.",
            f"{s.scorer_error}. Prices are kept; each new one is tried again.",
            "fusion doctor",
        )
    if s.score_age is None:
        return Verdict(
            Level.WATCH,
            "waiting_for_scores",
            "Prices arrive; the book is not scored yet.",
            "The scores follow once the subscriptions have caught up.",
        )
    if s.replay_ended or s.score_age <= s.silent_limit:
        return None
    return Verdict(
        Level.ACT,
        "scores_old",
        f"Scores are {ages(s.score_age)} old although prices arrive.",
        f"All {s.accounts:,} scores rest on old prices. The thread that scores is stuck.",
        "fusion doctor",
        s.now - s.score_age,
    )


def _feeds(s: Signals) -> Verdict | None:
    if not s.broken_feeds:
        return None
    name, state, since = s.broken_feeds[0]
    words = {
        "missing": f"Subscription of {name} does not exist",
        "denied": f"Not allowed to read {name}",
        "silent": f"{name} is silent",
        "connecting": f"Reconnecting to {name}",
    }
    # Our own subscriptions are made again by themselves, which takes seconds.
    grave = state == "denied" or (state == "missing" and s.now - since > RECREATED)
    return Verdict(
        Level.ACT if grave else Level.WATCH,
        f"feed_{state}",
        f"{words.get(state, f'{name} is {state}')} since {since:%H:%M:%S} UTC.",
        f"{plural(len(s.broken_feeds), 'feed')} of this control room "
        f"{'is' if len(s.broken_feeds) == 1 else 'are'} not live.",
        "fusion doctor",
        since,
    )


def _not_told(s: Signals) -> Verdict | None:
    if not s.not_told:
        return None
    worst = s.not_told_worst
    tail = f" Worst: {worst.user_id}, {worst.status}{_at(worst.score)}." if worst else ""
    return Verdict(
        Level.ACT,
        "not_told",
        f"{plural(s.not_told, 'account')} changed band and nobody was told.",
        f"Our own score says an alert was due; none arrived on alerts.margin.v1.{tail}",
        _restart(s, "risk-engine"),
    )


def _undelivered(s: Signals) -> Verdict | None:
    if not s.undelivered:
        return None
    since = s.undelivered_since or s.now
    return Verdict(
        Level.ACT,
        "notifier_silent",
        f"Notifier: {plural(s.undelivered, 'margin alert')} published, no receipt.",
        f"Oldest has waited {ages(s.now - since)} for a delivery receipt. Scores are current.",
        _restart(s, "notifier"),
        since,
    )


def _stale(s: Signals) -> Verdict | None:
    stale = sorted(a for a, f in s.freshness.items() if f not in (Freshness.FRESH, Freshness.LATE))
    if not stale:
        return None
    names = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")
    verb = "is" if len(stale) == 1 else "are"
    return Verdict(
        Level.WATCH,
        "asset_stale",
        f"{names} {verb} stale: {plural(s.unknown, 'account')} "
        f"{'is' if s.unknown == 1 else 'are'} not scored.",
        f"The other {s.accounts - s.unknown:,} rest on current prices. "
        "No margin event is made from an old price." + _worst_text(s),
    )


def _test(s: Signals) -> Verdict | None:
    if s.last_test_lost is None:
        return None
    return Verdict(
        Level.WATCH,
        "test_lost",
        f"The last test alert was lost at: {s.last_test_lost}.",
        "Margin alerts may not reach people. Send another test from the Alerts page.",
    )


def _well(s: Signals) -> Verdict:
    if s.replay_ended:
        sentence = "The replay has ended; these are its last scores."
    else:
        sentence = "Scores are current and every due alert was delivered."
    return Verdict(Level.OK, "well", sentence, _worst_text(s).strip() or "No account is in a band.")


FINDINGS = (
    _channel,
    _journal,
    _ended,
    _no_price,
    _scores,
    _feeds,
    _not_told,
    _undelivered,
    _stale,
    _test,
    _set_aside,
)


def _restart(s: Signals, worker: str) -> str:
    """Beside us a dead worker is restarted by itself: what is left is to find out why."""
    return "fusion doctor" if s.embedded else f"fusion worker {worker}"


def _worst_text(s: Signals) -> str:
    if s.worst is None:
        return ""
    told = f", told {s.worst.told_at:%H:%M:%S}" if s.worst.told_at else ""
    return f" Worst account: {s.worst.user_id}, {s.worst.status}{_at(s.worst.score)}{told}."


def _at(score: Decimal | None) -> str:
    return "" if score is None else f" at {floor_score(score).replace('-', MINUS)} %"
