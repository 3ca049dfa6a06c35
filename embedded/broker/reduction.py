"""Aggregation across series: one for each group, a point where any of them has one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from embedded.broker import metric_filter
from embedded.broker.errors import invalid
from embedded.broker.metrics import Value, ValueType
from embedded.broker.points import Point
from embedded.broker.series import Series
from embedded.broker.summaries import deviation, mean, percentile, total

NONE = "REDUCE_NONE"
_NUMBERS = (ValueType.INT64, ValueType.DOUBLE)
_SPREADS = (*_NUMBERS, ValueType.DISTRIBUTION)
_ALL = (*_SPREADS, ValueType.BOOL)


@dataclass(frozen=True, slots=True)
class _Reducer:
    """What it is valid for, what it makes of that (None: the same), and how."""

    value_types: tuple[ValueType, ...]
    make: Callable[[list[Any]], Value | None]
    value_type: ValueType | None = None
    unit: str | None = None


_INT, _BOOL, _DOUBLE = ValueType.INT64, (ValueType.BOOL,), ValueType.DOUBLE
_REDUCERS: Mapping[str, _Reducer] = {
    "REDUCE_MEAN": _Reducer(_SPREADS, mean, _DOUBLE),
    "REDUCE_MIN": _Reducer(_NUMBERS, min),
    "REDUCE_MAX": _Reducer(_NUMBERS, max),
    "REDUCE_SUM": _Reducer(_SPREADS, total),
    "REDUCE_STDDEV": _Reducer(_SPREADS, deviation, _DOUBLE),
    "REDUCE_COUNT": _Reducer(_ALL, len, _INT, "1"),
    "REDUCE_COUNT_TRUE": _Reducer(_BOOL, sum, _INT, "1"),
    "REDUCE_COUNT_FALSE": _Reducer(_BOOL, lambda values: len(values) - sum(values), _INT, "1"),
    "REDUCE_FRACTION_TRUE": _Reducer(_BOOL, mean, _DOUBLE, "1"),
    **{
        f"REDUCE_PERCENTILE_{p:02}": _Reducer(_SPREADS, partial(percentile, percent=p), _DOUBLE)
        for p in (99, 95, 50, 5)
    },
}


def check(reducer: str, groups: Iterable[str], aligner: str, field: str) -> tuple[str, ...]:
    """The fields that are grouped by, under their plain names; refuses what is no aggregation."""
    if reducer == NONE:
        return ()
    if reducer not in _REDUCERS:
        raise invalid(field, "cross_series_reducer", reducer, "be one that this broker computes")
    if aligner == "ALIGN_NONE":
        raise invalid(
            field,
            "per_series_aligner",
            aligner,
            f"align the series, to let {reducer} reduce them",
        )
    return tuple(metric_filter.key(group, f"{field}.group_by_fields") for group in groups)


def reduce(
    series: Sequence[Series], reducer: str, groups: tuple[str, ...], field: str
) -> list[Series]:
    """One series for each group, of aligned ones; resource and metric types are never mixed."""
    together: dict[tuple[str, ...], list[Series]] = {}
    for each in series:
        fields = each.fields()
        key = (each.metric, each.resource, *(fields.get(group, "") for group in groups))
        together.setdefault(key, []).append(each)
    return [_reduced(members, reducer, groups, field) for members in together.values()]


def _reduced(members: Sequence[Series], name: str, groups: tuple[str, ...], field: str) -> Series:
    first, reducer = members[0], _REDUCERS[name]
    if first.value_type not in reducer.value_types:
        raise invalid(
            field,
            "cross_series_reducer",
            name,
            f"suit values of {first.value_type}, as those of {first.metric} are",
        )
    values: dict[float, list[Point]] = {}
    for each in members:
        for point in each.points:
            values.setdefault(point.end, []).append(point)
    points = []
    for end in sorted(values, reverse=True):
        made = reducer.make([point.value for point in values[end]])
        if made is not None:
            points.append(Point(values[end][0].start, end, made))
    return replace(
        first,
        metric_labels=_kept(first.metric_labels, "metric", groups),
        resource_labels={
            "project_id": first.resource_labels["project_id"],
            **_kept(first.resource_labels, "resource", groups),
        },
        value_type=reducer.value_type or first.value_type,
        unit=reducer.unit or first.unit,
        points=points,
    )


def _kept(labels: Mapping[str, str], kind: str, groups: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if f"{kind}.labels.{key}" in groups}
