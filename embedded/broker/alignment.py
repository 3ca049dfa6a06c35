"""From a metric and an asked interval to points: when, over which time, how much."""

from dataclasses import dataclass

from embedded.broker.errors import InvalidArgumentError
from embedded.broker.metrics import SAMPLING_S, Kind, Metric, Subject

_RAW = "ALIGN_NONE"
_ALIGNERS = {
    Kind.DELTA: (_RAW, "ALIGN_DELTA", "ALIGN_SUM", "ALIGN_RATE"),
    Kind.GAUGE: (_RAW, "ALIGN_NEXT_OLDER", "ALIGN_MEAN", "ALIGN_MIN", "ALIGN_MAX", "ALIGN_SUM"),
}
_MOST_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """What a client wants to know: values after `start` and up to `end` (POSIX seconds).

    `aligner` by its name; `period_s` is the length of its windows, counted back from `end`.
    """

    start: float
    end: float
    aligner: str = _RAW
    period_s: float = 0.0

    def check(self) -> None:
        """Refuse what can have no answer."""
        if self.start > self.end:
            raise InvalidArgumentError("interval", "it ends before it starts", "not be reversed")
        if self.aligner == _RAW:
            return
        if self.period_s < 1:
            raise InvalidArgumentError(
                "aggregation.alignment_period", f"{self.period_s:g} s", "be at least 1 s"
            )
        if (self.end - self.start) / self.period_s > _MOST_POINTS:
            raise InvalidArgumentError("aggregation", "too many alignment periods", "have fewer")

    def windows(self) -> list[tuple[float, float]]:
        """The intervals that get a point each, newest first; at least one."""
        if self.aligner == _RAW:
            return [(self.start, self.end)]
        count = max(1, int((self.end - self.start) / self.period_s + 1e-6))
        ends = (self.end - index * self.period_s for index in range(count))
        return [(end - self.period_s, end) for end in ends]


@dataclass(frozen=True, slots=True)
class Point:
    """One value, of the time after `start` and up to `end`; a gauge's are the same."""

    start: float
    end: float
    value: int | float


@dataclass(frozen=True, slots=True)
class Answer:
    """Points, newest first, and the kind they have after alignment."""

    kind: Kind
    points: list[Point]
    double: bool


def answer(metric: Metric[Subject], subject: Subject, question: Question, now: float) -> Answer:
    """The points of one series.

    A delta is counted exactly over what was asked, from counts kept for an hour. A gauge has one
    point, "now", given when now is in the interval; the cloud's sampling period of 60 s is how long
    ago the interval may have ended for now's value to stand for its end.
    """
    aligner = question.aligner
    if aligner not in _ALIGNERS[metric.kind]:
        allowed = ", ".join(_ALIGNERS[metric.kind])
        raise InvalidArgumentError(
            "aggregation.per_series_aligner", aligner, f"for a {metric.kind} be one of {allowed}"
        )
    if metric.kind is Kind.GAUGE:
        at = min(now, question.end)
        if not question.start <= now or now - question.end > SAMPLING_S:
            return Answer(metric.kind, [], double=False)
        value: float = metric.read(subject, at, now)
        mean = aligner == "ALIGN_MEAN"
        return Answer(metric.kind, [Point(at, at, float(value) if mean else value)], double=mean)
    rate = aligner == "ALIGN_RATE"
    points = [
        Point(start, end, metric.read(subject, start, end)) for start, end in question.windows()
    ]
    if rate:
        points = [Point(p.end, p.end, p.value / (p.end - p.start)) for p in points]
    return Answer(Kind.GAUGE if rate else metric.kind, points, double=rate)
