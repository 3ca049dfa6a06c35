"""The whole picture as plain values with ages: what `GET /api/state` answers."""

from datetime import datetime, timedelta
from typing import Any

from consumers.picture import Picture
from consumers.stores import PositionsSnapshot
from consumers.stores.values import (
    PricesSnapshot,
    ScoresSnapshot,
    SubscriptionBacklog,
    TestRun,
)
from core.margin import floor_score


def state_of(picture: Picture, ready: bool, reasons: tuple[str, ...]) -> dict[str, Any]:
    """JSON-able; times are RFC 3339 UTC, ages are seconds, null is unknown and never zero."""
    now = picture.at
    verdict = picture.verdict
    aside = picture.journal.set_aside
    return {
        "at": _time(now),
        "ready": ready,
        "reasons": list(reasons),
        "environment": picture.settings.environment,
        "uptime_s": _seconds(picture.uptime),
        "verdict": {
            "level": str(verdict.level),
            "code": verdict.code,
            "sentence": verdict.sentence,
            "evidence": verdict.evidence,
            "remedy": verdict.remedy,
            "since": _time(verdict.since),
        },
        "channel": {
            "connected": picture.channel.connected,
            "since": _time(picture.channel.since),
            "error": picture.channel.error,
        },
        "feeds": [
            {
                "name": f.name,
                "topic": f.topic,
                "subscription": f.subscription,
                "state": str(f.state),
                "since": _time(f.since),
                "restarts": f.restarts,
                "messages": f.messages,
                "last_message_at": _time(f.last_message_at),
                "last_message_age_s": _age(now, f.last_message_at),
                "last_error": f.last_error,
                "outstanding": f.outstanding,
                "handler_faults": f.faults,
            }
            for f in picture.feeds
        ],
        "journal": {
            "queued": picture.journal.queued,
            "committed": picture.journal.committed,
            "duplicates": picture.journal.duplicates,
            "quarantined": picture.quarantined,
            "last_commit_at": _time(picture.journal.last_commit_at),
            "error": picture.journal.error,
            "file_bytes": picture.journal.file_bytes,
            "wal_bytes": picture.journal.wal_bytes,
            "forgotten": sum(picture.journal.forgotten.values()),
            "set_aside": None if aside is None else aside.name,
            "over_limit": picture.journal.over_limit,
        },
        "market": _market(picture.prices, now),
        "prices": _prices(picture, now),
        "book": _book(picture.positions, now),
        "scores": None if picture.scores is None else _scores(picture.scores, now),
        "alerts": {
            "known": len(picture.alerts.records),
            "open_incidents": len(picture.alerts.open),
            "duplicates": picture.alerts.duplicates,
            "receipts": picture.alerts.receipts,
        },
        "settlements": {
            "events": picture.escrows.count,
            "duplicates": picture.escrows.duplicates,
            "escrows": len(picture.escrows.escrows),
        },
        "backlogs": {
            "polled_at": _time(picture.backlogs.polled_at),
            "error": picture.backlogs.error,
            "error_since": _time(picture.backlogs.error_since),
            "subscriptions": {
                name: _backlog(b, picture)
                for name, b in sorted(picture.backlogs.subscriptions.items())
            },
        },
        "latency_ms": {
            topic: {
                "count": x.count,
                "p50": x.p50_ms,
                "p95": x.p95_ms,
                "max": x.max_ms,
                "skewed": x.skewed,
                "between": dict(zip(("p50", "p95", "max"), x.between, strict=True)),
            }
            for topic, x in sorted(picture.latency.items())
        },
        "test_runs": [_run(run, now) for run in picture.runs[:20]],
        "book_faults": list(picture.book_faults),
    }


def _market(prices: PricesSnapshot, now: datetime) -> dict[str, Any]:
    market = prices.market
    return {
        "replay": market.replay,
        "speed": market.speed,
        "as_of": _time(market.as_of),
        "now": _time(market.now(now)),
        "ended": market.ended,
        "rounds": prices.rounds,
        "messages": prices.messages,
    }


def _prices(picture: Picture, now: datetime) -> dict[str, Any]:
    fresh = {} if picture.scores is None else picture.scores.freshness
    return {
        asset: {
            "price": str(p.price),
            "as_of": _time(p.as_of),
            "age_s": _seconds(picture.prices.age(asset, now)),
            "skewed": picture.prices.ahead(asset, now),
            "received_at": _time(p.received.received_at),
            "cadence_s": p.cadence.total_seconds(),
            "source": p.source,
            "freshness": str(fresh[asset]) if asset in fresh else None,
            "tick": p.tick_id,
        }
        for asset, p in sorted(picture.prices.assets.items())
    }


def _backlog(held: SubscriptionBacklog, picture: Picture) -> dict[str, Any]:
    """What the last poll said; after a gap or a failed poll it is NO DATA, never the old."""
    now = picture.at
    name, period = held.subscription, picture.settings.backlog_period
    known = picture.backlogs.known(name, now, period) is not None
    return {
        "state": "OK" if known else "NO DATA",
        "backlog": held.backlog if known else None,
        "oldest_s": _seconds(held.oldest) if known else None,
        "in_per_s": held.in_per_s if known else None,
        "out_per_s": held.out_per_s if known else None,
        "streams": held.streams if known else None,
        "at": _time(held.at),
        "age_s": _age(now, held.at),
    }


def _book(positions: PositionsSnapshot, now: datetime) -> dict[str, Any]:
    return {
        "accounts": len(positions.book),
        "as_of": _time(positions.as_of),
        "age_s": _age(now, positions.as_of),
        "settled": positions.settled,
        "last_settled_at": _time(positions.last_at),
        "settled_before_as_of": positions.before,
        "settled_elsewhere": positions.elsewhere,
        "overdrawn": [positions.book.users[int(row)] for row in positions.book.overdrawn[:100]],
    }


def _scores(scores: ScoresSnapshot, now: datetime) -> dict[str, Any]:
    return {
        "at": _time(scores.at),
        "age_s": _age(now, scores.at),
        "market_time": _time(scores.market_time),
        "accounts": len(scores.book),
        "counts": {str(s): n for s, n in scores.counts.items()},
        "worst": [
            {
                "user_id": a.user_id,
                "status": str(a.status),
                "score_display": None if a.score is None else floor_score(a.score),
            }
            for a in scores.nearest[:10]
        ],
        "due": len(scores.due),
        "missing": sum(1 for d in scores.due if d.record is None),
        "not_told": [a.user_id for a in scores.not_told[:100]],
        "policy_version": scores.policy.version,
        "duration_ms": round(scores.duration_ms, 3),
    }


def _run(run: TestRun, now: datetime) -> dict[str, Any]:
    return {
        "test_id": run.test_id,
        "state": str(run.state(now)),
        "lost_at": run.lost_at(now),
        "total_ms": run.total_ms(),
        "error": run.error,
        "hops": [
            {"name": h.name, "state": str(h.state), "ms": h.ms, "at": _time(h.at)}
            for h in run.hops(now)
        ],
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 3)


def _age(now: datetime, at: datetime | None) -> float | None:
    """Seconds; null for a time that has not come yet: a clock is off, and the age is unknown."""
    return None if at is None or at > now else _seconds(now - at)
