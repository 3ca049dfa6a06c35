"""A time series, what identifies it, and how it looks in an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded.broker.distribution import Distribution
from embedded.broker.metrics import Kind, Labels, Value, ValueType
from embedded.broker.points import Point


@dataclass(frozen=True, slots=True)
class Series:
    """Points, newest first, of one metric of one resource, or of what was made of several."""

    metric: str
    metric_labels: Labels
    resource: str
    resource_labels: Labels
    kind: Kind
    value_type: ValueType
    unit: str
    points: list[Point]

    def fields(self) -> Mapping[str, str]:
        """What filters and groups go by, under the names they use."""
        return {
            "metric.type": self.metric,
            "resource.type": self.resource,
            "project": self.resource_labels["project_id"],
            **{f"resource.labels.{key}": value for key, value in self.resource_labels.items()},
            **{f"metric.labels.{key}": value for key, value in self.metric_labels.items()},
        }

    def order(self) -> tuple[Any, ...]:
        """Where it stands in an answer."""
        return (
            self.metric,
            sorted(self.resource_labels.items()),
            sorted(self.metric_labels.items()),
        )

    def wire(self, points: list[Point] | None) -> dict[str, Any]:
        """The fields of a TimeSeries with these points; None: its header only."""
        header: dict[str, Any] = {
            "metric": {"type": self.metric, "labels": dict(self.metric_labels)},
            "resource": {"type": self.resource, "labels": dict(self.resource_labels)},
            "metric_kind": self.kind.value,
            "value_type": self.value_type.value,
        }
        if self.value_type is not ValueType.BOOL:
            header["unit"] = self.unit
        if points is not None:
            header["points"] = [self._point(point) for point in points]
        return header

    def _point(self, point: Point) -> dict[str, Any]:
        interval = {"start_time": _timestamp(point.start), "end_time": _timestamp(point.end)}
        field = f"{self.value_type.value.lower()}_value"
        return {"interval": interval, "value": {field: _value(point.value)}}


def _value(value: Value) -> Any:
    if not isinstance(value, Distribution):
        return value
    buckets = value.buckets
    return {
        "count": value.count,
        "mean": value.mean,
        "sum_of_squared_deviation": value.squared_deviation,
        "bucket_options": {
            "exponential_buckets": {
                "num_finite_buckets": buckets.finite,
                "growth_factor": buckets.growth,
                "scale": buckets.scale,
            }
        },
        "bucket_counts": value.dense(),
    }


def _timestamp(posix: float) -> dict[str, int]:
    microseconds = round(posix * 1_000_000)
    return {"seconds": microseconds // 1_000_000, "nanos": microseconds % 1_000_000 * 1_000}
