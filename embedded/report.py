"""What the platform says about itself, as one JSON line: for whoever started it as a child."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from consumers.feed_status import FeedStatus
from embedded.platform import Platform


@dataclass(frozen=True, slots=True)
class Report:
    """Counters by worker, acknowledged publishes by topic, accounts by status.

    `feeds`, by worker: the state of each, since when, streams opened anew, the newest message.
    `finished`: the oracle has published the last round of a replay.
    """

    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    feeds: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    finished: bool = False

    def of(self, worker: str, counter: str) -> int:
        """One counter; 0 until it counted anything."""
        return self.counters.get(worker, {}).get(counter, 0)

    def line(self) -> bytes:
        """The report as it is written."""
        return orjson.dumps(self, option=orjson.OPT_APPEND_NEWLINE)


def report_of(platform: Platform) -> Report:
    """The platform now."""
    workers = platform.status()
    engine, oracle = platform.risk_engine, platform.oracle
    return Report(
        counters={one.name: dict(one.counters) for one in workers},
        published=dict(platform.published),
        statuses={} if engine is None else engine.statuses,
        errors={one.name: one.last_error for one in workers if one.last_error is not None},
        feeds={one.name: [_feed(feed) for feed in one.feeds] for one in workers if one.feeds},
        finished=oracle is not None and oracle.finished,
    )


def _feed(status: FeedStatus) -> Mapping[str, Any]:
    return {
        "subscription": status.subscription,
        "state": str(status.state),
        "since": status.since,
        "restarts": status.restarts,
        "last_message_at": status.last_message_at,
    }


def read_report(line: bytes) -> Report:
    """The report that `line` holds. Raises orjson.JSONDecodeError."""
    return Report(**orjson.loads(line))
