"""How old is too old, judged against each feed's own cadence."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

FLOOR = timedelta(seconds=5)
"""A faster feed is judged as if it spoke every five seconds: nobody acts on less."""


class Freshness(StrEnum):
    """What the age of the newest price or message says about a feed."""

    FRESH = "FRESH"
    LATE = "LATE"
    STALE = "STALE"
    DEAD = "DEAD"
    NEVER = "NEVER"


@dataclass(frozen=True, slots=True)
class Limits:
    """The greatest ages that are still not late, not stale, not dead."""

    late: timedelta
    stale: timedelta
    dead: timedelta


def limits(cadence: timedelta, stale: timedelta | None = None, floor: timedelta = FLOOR) -> Limits:
    """1.5, 3 and 10 times the expected time between messages: 45, 90 and 300 s for 30 s.

    Where a policy says from when on a price is `stale`, the others keep their proportion to it.
    """
    base = max(cadence, floor) if stale is None else stale / 3
    return Limits(late=base * 1.5, stale=base * 3, dead=base * 10)


def judge(age: timedelta | None, limits: Limits) -> Freshness:
    """FRESH up to and including `late`, and so on; None is NEVER seen.

    A negative age (a producer's clock ahead of ours) is FRESH.
    """
    if age is None:
        return Freshness.NEVER
    if age <= limits.late:
        return Freshness.FRESH
    if age <= limits.stale:
        return Freshness.LATE
    return Freshness.STALE if age <= limits.dead else Freshness.DEAD
