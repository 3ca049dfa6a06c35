"""Words for durations and counts, the same wherever they are written."""

from datetime import timedelta

MINUS = "\u2212"


def ages(age: timedelta) -> str:
    """A duration as the screens write it: `12 s`, `3 min 40 s`, `2 h 30 min`, `3 d 4 h`.

    Below zero (clocks that disagree) it keeps its sign, so that a skew is seen.
    """
    total = int(age.total_seconds())
    sign, total = (MINUS, -total) if total < 0 else ("", total)
    if total < 60:
        return f"{sign}{total} s"
    if total < 3600:
        return f"{sign}{total // 60} min {total % 60:02d} s"
    if total < 86400:
        return f"{sign}{total // 3600} h {total % 3600 // 60:02d} min"
    return f"{sign}{total // 86400} d {total % 86400 // 3600} h"


def plural(count: int, noun: str) -> str:
    """`1 account`, `1,204 accounts`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
