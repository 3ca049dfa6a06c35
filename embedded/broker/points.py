"""The points of a series as Monitoring has them, before anything is done with them.

Of this instant by default: a gauge has its samples and a point "now", a delta is counted exactly
over the asked interval, in pieces of at most a sampling period. With `cloud_delays` as in the
cloud: every metric has one point a minute, and none before it is as old as the metric is hidden.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from consumers.clock import Clock
from embedded.broker.metrics import (
    NO_FIGURE,
    SAMPLING_S,
    Count,
    Gauge,
    Labels,
    Metric,
    Value,
    ValueType,
)
from embedded.broker.sampling import Sampler
from embedded.broker.tally import KEPT_S

_INSTANT_S = 5.0  # an interval that ended this short ago ends now: the question took its time


@dataclass(frozen=True, slots=True)
class Point:
    """One value, of the time after `start` and up to `end`; a gauge's are the same."""

    start: float
    end: float
    value: Value


@dataclass(frozen=True, slots=True)
class Span:
    """After `start` and up to `end` (POSIX seconds), with a delta's points at most `piece_s` long,
    counted back from `end`."""

    start: float
    end: float
    piece_s: float = SAMPLING_S


class Points:
    """Reads the points of metrics; `cloud_delays` says which of the two ways."""

    def __init__(self, sampler: Sampler, clock: Clock, *, cloud_delays: bool) -> None:
        self._sampler = sampler
        self._clock = clock
        self.cloud_delays = cloud_delays

    def of(
        self, metric: Metric[Any], subject: Any, span: Span
    ) -> Iterator[tuple[Labels, list[Point]]]:
        """Labels and points, newest first, of each series of a metric; it may have no points."""
        now = self._clock.now().timestamp()
        for gauge in metric.gauges:
            points = self._gauge(metric, gauge, subject, span, now)
            if metric.value_type is ValueType.BOOL:
                points = [Point(p.start, p.end, bool(p.value)) for p in points]
            yield gauge.labels, points
        for count in metric.counts(subject) if metric.counts is not None else ():
            yield count.labels, list(self._delta(metric, count, span, now))

    def _gauge(
        self, metric: Metric[Any], gauge: Gauge[Any], subject: Any, span: Span, now: float
    ) -> list[Point]:
        shown = min(span.end, now - metric.hidden_s if self.cloud_delays else now)
        points = [
            Point(at, at, value)
            for at, value in self._sampler.of(subject, gauge.read)
            if span.start < at <= shown
        ]
        if not self.cloud_delays and span.start < now <= span.end + _INSTANT_S:
            value, at = gauge.read(subject, now), min(now, span.end)
            if value != NO_FIGURE and at > span.start:
                points = [Point(at, at, value), *(p for p in points if p.end < at)]
        return points

    def _delta(self, metric: Metric[Any], count: Count, span: Span, now: float) -> Iterator[Point]:
        pieces = self._minutes(metric, span, now) if self.cloud_delays else _pieces(span, now)
        since = count.counted.since
        for start, end in pieces:
            if end <= since or end <= now - KEPT_S:
                return
            if start <= since:  # what came with the making itself counts too
                yield Point(since, end, count.counted.between(since - 1, end))
            else:
                yield Point(start, end, count.counted.between(start, end))

    def _minutes(
        self, metric: Metric[Any], span: Span, now: float
    ) -> Iterator[tuple[float, float]]:
        end = min(span.end, now - metric.hidden_s) // SAMPLING_S * SAMPLING_S
        while end > span.start:
            yield end - SAMPLING_S, end
            end -= SAMPLING_S


def _pieces(span: Span, now: float) -> Iterator[tuple[float, float]]:
    ahead = max(0, floor((span.end - now) / span.piece_s - 1e-6))  # those yet to come
    for index in range(ahead, ceil((span.end - span.start) / span.piece_s - 1e-6)):
        end = span.end - index * span.piece_s
        start = max(span.start, end - span.piece_s)
        if start < now:
            yield start, min(end, now)
