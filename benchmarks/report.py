"""What a bench says: one row for each thing measured, judged on ratios alone."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """Ours beside a peer, in the same unit and from the same run.

    With a goal of `>=` the ratio says how many times faster (of durations peer / ours, of rates
    ours / peer), with `<=` it is ours / peer (how many times the limit). Without a goal it only
    informs; `met` is then None. A peer that is not there leaves `peer_value` None and the goal
    unmet.
    """

    what: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None


def faster(
    what: str, value: float, unit: str, peer: str, theirs: float | None, times: float | None
) -> Result:
    """Ours should take at most 1/times of what the peer takes; None: it only informs."""
    ratio = None if theirs is None else theirs / value
    goal = None if times is None else f">= {times:g}"
    met = None if times is None else ratio is not None and ratio >= times
    return Result(what, _cut(value), unit, peer, _cut(theirs), _cut(ratio), goal, met)


def rate(
    what: str, value: float, unit: str, peer: str, theirs: float | None, times: float | None
) -> Result:
    """Ours should do at least `times` as many a second as the peer; None: it only informs."""
    ratio = None if theirs is None else value / theirs
    goal = None if times is None else f">= {times:g}"
    met = None if times is None else ratio is not None and ratio >= times
    return Result(what, _cut(value), unit, peer, _cut(theirs), _cut(ratio), goal, met)


def within(
    what: str, value: float, unit: str, peer: str, limit: float, times: float | None
) -> Result:
    """Ours should take at most `times` of the limit; None: it only informs."""
    ratio = value / limit
    goal = None if times is None else f"<= {times:g}"
    met = None if times is None else ratio <= times
    return Result(what, _cut(value), unit, peer, _cut(limit), _cut(ratio), goal, met)


def shown(what: str, value: float, unit: str) -> Result:
    """A figure that is compared with nothing."""
    return Result(what, _cut(value), unit)


@dataclass(frozen=True, slots=True)
class Report:
    """One bench on one machine."""

    bench: str
    machine: dict[str, Any]
    results: tuple[Result, ...]

    def as_dict(self) -> dict[str, Any]:
        """As it is printed."""
        return asdict(self)

    def table(self) -> str:
        """For people."""
        rows = [("what", "ours", "peer", "theirs", "ratio", "goal", "")]
        for one in self.results:
            theirs = "-" if one.peer_value is None else f"{one.peer_value:g}"
            rows.append(
                (
                    one.what,
                    f"{one.value:g} {one.unit}",
                    one.peer or "",
                    theirs if one.peer else "",
                    "" if one.ratio is None else f"{one.ratio:.3g}",
                    one.goal or "",
                    {True: "met", False: "NOT MET", None: ""}[one.met],
                )
            )
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in rows)
        machine = ", ".join(f"{name} {value}" for name, value in self.machine.items())
        return "\n".join((machine, *(line.rstrip() for line in lines)))


def _cut(value: float | None) -> Any:
    return None if value is None else float(f"{value:.5g}")
