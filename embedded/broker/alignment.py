"""Aggregation within a series: its points, put into windows of one length that end with the
interval. What each aligner takes and gives is that of the reference:
https://docs.cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#Aligner ; where
it does not say that the kind changes, it stays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from embedded.broker.distribution import Distribution, merged
from embedded.broker.errors import invalid
from embedded.broker.metrics import Kind, Value, ValueType
from embedded.broker.points import Point
from embedded.broker.series import Series
from embedded.broker.summaries import deviation, mean, total

RAW = "ALIGN_NONE"
_NUMBERS = (ValueType.INT64, ValueType.DOUBLE)
_BOTH = (Kind.GAUGE, Kind.DELTA)
_MOST_WINDOWS = 10_000


@dataclass(frozen=True, slots=True)
class _Aligner:
    """What it is valid for, what it makes of that (None: the same), and how; a window without a
    value gives none."""

    kinds: tuple[Kind, ...]
    value_types: tuple[ValueType, ...]
    make: Callable[[list[Any]], Value | None]
    kind: Kind | None = None
    value_type: ValueType | None = None
    unit: str | None = None


def _percentile(percent: float) -> _Aligner:
    def make(values: list[Distribution]) -> float | None:
        return merged(values).percentile(percent)

    return _Aligner(_BOTH, (ValueType.DISTRIBUTION,), make, Kind.GAUGE, ValueType.DOUBLE)


def _numeric(make: Callable[[list[Any]], Value], value_type: ValueType | None = None) -> _Aligner:
    return _Aligner(_BOTH, _NUMBERS, make, value_type=value_type)


def _boolean(make: Callable[[list[Any]], Value], value_type: ValueType) -> _Aligner:
    return _Aligner((Kind.GAUGE,), (ValueType.BOOL,), make, value_type=value_type, unit="1")


_ALIGNERS: Mapping[str, _Aligner] = {
    "ALIGN_DELTA": _Aligner((Kind.DELTA,), (*_NUMBERS, ValueType.DISTRIBUTION), total),
    "ALIGN_SUM": _Aligner(_BOTH, (*_NUMBERS, ValueType.DISTRIBUTION), total),
    "ALIGN_RATE": _Aligner((Kind.DELTA,), _NUMBERS, total, Kind.GAUGE, ValueType.DOUBLE),
    "ALIGN_INTERPOLATE": _Aligner((Kind.GAUGE,), _NUMBERS, lambda values: values[0]),
    "ALIGN_NEXT_OLDER": _Aligner(
        (Kind.GAUGE,), (*_NUMBERS, ValueType.BOOL), lambda values: values[0]
    ),
    "ALIGN_MIN": _numeric(min),
    "ALIGN_MAX": _numeric(max),
    "ALIGN_MEAN": _numeric(mean, ValueType.DOUBLE),
    "ALIGN_STDDEV": _numeric(deviation, ValueType.DOUBLE),
    "ALIGN_COUNT": _Aligner(
        _BOTH, (*_NUMBERS, ValueType.BOOL), len, value_type=ValueType.INT64, unit="1"
    ),
    "ALIGN_COUNT_TRUE": _boolean(sum, ValueType.INT64),
    "ALIGN_COUNT_FALSE": _boolean(lambda values: len(values) - sum(values), ValueType.INT64),
    "ALIGN_FRACTION_TRUE": _boolean(mean, ValueType.DOUBLE),
    **{f"ALIGN_PERCENTILE_{p:02}": _percentile(p) for p in (99, 95, 50, 5)},
}


@dataclass(frozen=True, slots=True)
class Windows:
    """How a series is aligned: `aligner` by its name, `period_s` the length of the windows, which
    are counted back from `end` and begin after `start` (POSIX seconds)."""

    start: float
    end: float
    aligner: str
    period_s: float
    field: str = "aggregation"

    def check(self) -> None:
        """Refuse what can have no answer."""
        if self.aligner not in _ALIGNERS:
            raise invalid(
                self.field, "per_series_aligner", self.aligner, "be one that this broker computes"
            )
        if self.period_s < 60:
            raise invalid(
                self.field, "alignment_period", f"{self.period_s:g} s", "be at least 60 s"
            )
        if (self.end - self.start) / self.period_s > _MOST_WINDOWS:
            raise invalid(
                self.field,
                "alignment_period",
                f"{self.period_s:g} s",
                f"divide the interval into at most {_MOST_WINDOWS}",
            )

    def ends(self) -> list[float]:
        """Where they end, newest first; at least one."""
        count = max(1, int((self.end - self.start) / self.period_s + 1e-6))
        return [self.end - index * self.period_s for index in range(count)]


def align(series: Series, windows: Windows) -> Series:
    """The series with one point a window."""
    aligner = _ALIGNERS[windows.aligner]
    if series.kind not in aligner.kinds or series.value_type not in aligner.value_types:
        raise invalid(
            windows.field,
            "per_series_aligner",
            windows.aligner,
            f"suit a {series.kind} of {series.value_type}, as {series.metric} is",
        )
    kind = aligner.kind or series.kind
    points: list[Point] = []
    for end in windows.ends():
        value = _value(series, windows, aligner, end)
        if value is not None:
            points.append(Point(end - windows.period_s if kind is Kind.DELTA else end, end, value))
    unit = f"{series.unit}/s" if windows.aligner == "ALIGN_RATE" else aligner.unit or series.unit
    return replace(
        series,
        kind=kind,
        value_type=aligner.value_type or series.value_type,
        unit=unit,
        points=points,
    )


def _value(series: Series, windows: Windows, aligner: _Aligner, end: float) -> Value | None:
    if windows.aligner == "ALIGN_INTERPOLATE":
        return _between(series, end)
    begin = end - windows.period_s
    if windows.aligner == "ALIGN_NEXT_OLDER":
        begin = windows.start
    values = [point.value for point in series.points if begin < point.end <= end]
    made = aligner.make(values) if values else None
    if windows.aligner == "ALIGN_RATE" and isinstance(made, int | float):
        return made / windows.period_s
    return made


def _between(series: Series, at: float) -> Value | None:
    """The value on the line between the points before and after `at`."""
    after = [point for point in series.points if point.end >= at]
    before = [point for point in series.points if point.end <= at]
    if not after or not before:
        return None
    first, last = before[0], after[-1]
    assert isinstance(first.value, int | float)
    assert isinstance(last.value, int | float)
    if last.end == first.end:
        return first.value
    share = (at - first.end) / (last.end - first.end)
    value = first.value + (last.value - first.value) * share
    return round(value) if series.value_type is ValueType.INT64 else value
