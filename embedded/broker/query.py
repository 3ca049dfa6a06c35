"""What a ListTimeSeriesRequest asks, checked, and the series that answer it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from embedded.broker import alignment, metric_filter, names, reduction
from embedded.broker.alignment import Windows
from embedded.broker.catalogue import METRICS, RESOURCES
from embedded.broker.errors import InvalidArgumentError, UnknownMetricError
from embedded.broker.messages import types_of
from embedded.broker.metric_filter import MetricFilter
from embedded.broker.metrics import SAMPLING_S
from embedded.broker.points import Points, Span
from embedded.broker.registry import Registry
from embedded.broker.series import Series
from embedded.broker.settings import seconds
from embedded.broker.tally import KEPT_S

_Aggregation = types_of("google.cloud.monitoring_v3", "common").Aggregation.pb()


@dataclass(frozen=True, slots=True)
class Step:
    """One aggregation: within each series, then across those of a group."""

    windows: Windows | None
    reducer: str
    groups: tuple[str, ...]
    field: str

    def apply(self, series: Sequence[Series]) -> list[Series]:
        """The series aggregated."""
        if self.windows is None:
            return list(series)
        aligned = [alignment.align(each, self.windows) for each in series]
        if self.reducer == reduction.NONE:
            return aligned
        return reduction.reduce(aligned, self.reducer, self.groups, self.field)


@dataclass(frozen=True, slots=True)
class Query:
    """One question about one project."""

    project: str
    wanted: MetricFilter
    span: Span
    steps: tuple[Step, ...]

    @classmethod
    def of_everything(cls, parent: str, now: float) -> "Query":
        """All there was in the last hour."""
        everything = MetricFilter(frozenset(), lambda _fields: True)
        return cls(names.project(parent), everything, Span(now - KEPT_S, now), ())

    def answer(self, registry: Registry, points: Points) -> list[Series]:
        """The series that have points, in the order of their names and labels."""
        series = sorted(self._raw(registry, points), key=Series.order)
        for step in self.steps:
            series = sorted(step.apply(series), key=Series.order)
        return [each for each in series if each.points]

    def check(self) -> None:
        """Refuse steps that do not suit the metrics it names, whether or not they have series."""
        for named in (self.wanted.types or frozenset()) & METRICS.keys():
            metric, nobody = METRICS[named], {"project_id": self.project}
            series = [
                Series(named, {}, "", nobody, metric.kind, metric.value_type, metric.unit, [])
            ]
            for step in self.steps:
                series = step.apply(series)

    def _raw(self, registry: Registry, points: Points) -> Iterator[Series]:
        types = self.wanted.types
        for resource in RESOURCES:
            for subject in resource.every(registry):
                labels = resource.labels(subject)
                if labels["project_id"] != self.project:
                    continue
                for metric in resource.metrics:
                    if types is not None and metric.type not in types:
                        continue
                    for metric_labels, found in points.of(metric, subject, self.span):
                        series = Series(
                            metric.type,
                            metric_labels,
                            resource.type,
                            labels,
                            metric.kind,
                            metric.value_type,
                            metric.unit,
                            found,
                        )
                        if found and self.wanted.matches(series.fields()):
                            yield series


def parse(request: Any) -> Query:
    """The question in a raw ListTimeSeriesRequest; InvalidArgumentError names the field that is
    wrong, UnknownMetricError the metric that is none."""
    project = names.project(request.name)
    wanted = _filter(request.filter)
    if request.order_by:
        raise InvalidArgumentError("order_by", repr(request.order_by), "be left blank")
    span = _span(request.interval)
    steps = []
    for field in ("aggregation", "secondary_aggregation"):
        if request.HasField(field):
            steps.append(_step(getattr(request, field), span, field))
    if request.HasField("secondary_aggregation") and steps[0].windows is None:
        raise InvalidArgumentError(
            "secondary_aggregation", "there is no first one", "follow an aggregation"
        )
    if steps and steps[0].windows is not None:
        period_s = steps[0].windows.period_s
        span = replace(span, piece_s=period_s / ceil(period_s / SAMPLING_S))
    query = Query(project, wanted, span, tuple(steps))
    query.check()
    return query


def _filter(text: str) -> MetricFilter:
    wanted = metric_filter.parse(text)
    if "metric.type" not in wanted.keys:
        raise InvalidArgumentError("filter", repr(text), 'name a metric: metric.type = "..."')
    if wanted.types and not wanted.types & METRICS.keys():
        raise UnknownMetricError(min(wanted.types))
    return wanted


def _span(interval: Any) -> Span:
    if not interval.HasField("end_time"):
        raise InvalidArgumentError("interval.end_time", "none", "be set")
    end = seconds(interval.end_time)
    start = seconds(interval.start_time) if interval.HasField("start_time") else end - SAMPLING_S
    if start > end:
        raise InvalidArgumentError(
            "interval.start_time", f"{start - end:g} s after the end", "not be later than end_time"
        )
    return Span(start, end)


def _step(aggregation: Any, span: Span, field: str) -> Step:
    aligner = _name(_Aggregation.Aligner, aggregation.per_series_aligner)
    reducer = _name(_Aggregation.Reducer, aggregation.cross_series_reducer)
    groups = reduction.check(reducer, aggregation.group_by_fields, aligner, field)
    if aligner == alignment.RAW:
        return Step(None, reducer, groups, field)
    windows = Windows(span.start, span.end, aligner, seconds(aggregation.alignment_period), field)
    windows.check()
    return Step(windows, reducer, groups, field)


def _name(enum: Any, number: int) -> str:
    known: dict[int, str] = {value: name for name, value in enum.items()}
    return known.get(number, str(number))
