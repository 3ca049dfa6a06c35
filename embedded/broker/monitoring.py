"""`google.monitoring.v3.MetricService`, reading only, for the metrics of this broker."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from embedded.broker import metric_filter, names
from embedded.broker.alignment import Answer, Point, Question, answer
from embedded.broker.errors import InvalidArgumentError, NotFoundError
from embedded.broker.messages import types_of
from embedded.broker.metric_filter import MetricFilter
from embedded.broker.metrics import (
    PREFIX,
    SAMPLING_S,
    SUBSCRIPTION_METRICS,
    TOPIC_METRICS,
    Kind,
    Metric,
)
from embedded.broker.registry import Registry
from embedded.broker.rpc import Methods, unary
from embedded.broker.settings import seconds
from embedded.broker.subscription import Subscription
from embedded.broker.topic import Topic

NAME = "google.monitoring.v3.MetricService"
_LARGEST_PAGE = 100_000
_service = types_of("google.cloud.monitoring_v3", "metric_service")
_MetricDescriptor = import_module("google.api.metric_pb2").MetricDescriptor
_ListTimeSeriesRequest = _service.ListTimeSeriesRequest.pb()
_ListTimeSeriesResponse = _service.ListTimeSeriesResponse.pb()
_ListMetricDescriptorsRequest = _service.ListMetricDescriptorsRequest.pb()
_ListMetricDescriptorsResponse = _service.ListMetricDescriptorsResponse.pb()
_GetMetricDescriptorRequest = _service.GetMetricDescriptorRequest.pb()
_Aggregation = types_of("google.cloud.monitoring_v3", "common").Aggregation.pb()


class MetricService:
    """Time series about the registry's topics and subscriptions."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def methods(self) -> Methods:
        """The service's methods by name."""
        return {
            "ListTimeSeries": unary(self._list_series, _ListTimeSeriesRequest),
            "ListMetricDescriptors": unary(self._list, _ListMetricDescriptorsRequest),
            "GetMetricDescriptor": unary(self._get, _GetMetricDescriptorRequest),
        }

    def _list_series(self, request: Any) -> Any:
        project = names.project(request.name)
        wanted = metric_filter.parse(request.filter)
        if "metric.type" not in wanted.keys:
            raise InvalidArgumentError(
                "filter", repr(request.filter), 'name a metric: metric.type = "..."'
            )
        question = _question(request)
        series = list(self._series(project, wanted, question))
        chosen, token = _page(series, request.page_size, request.page_token)
        if request.view == 1:  # HEADERS
            for each in chosen:
                each.pop("points")
        return _ListTimeSeriesResponse(time_series=chosen, next_page_token=token)

    def _list(self, request: Any) -> Any:
        names.project(request.name)
        descriptors = _descriptors(request.name)
        if request.filter:
            wanted = metric_filter.parse(request.filter)
            descriptors = [d for d in descriptors if wanted.matches({"metric.type": d["type"]})]
        chosen, token = _page(descriptors, request.page_size, request.page_token)
        return _ListMetricDescriptorsResponse(metric_descriptors=chosen, next_page_token=token)

    def _get(self, request: Any) -> Any:
        parent, _, metric_type = request.name.partition("/metricDescriptors/")
        names.project(parent)
        for descriptor in _descriptors(parent):
            if descriptor["type"] == metric_type:
                return _MetricDescriptor(**descriptor)
        raise NotFoundError(request.name)

    def _series(
        self, project: str, wanted: MetricFilter, question: Question
    ) -> Iterator[dict[str, Any]]:
        parent, now = f"projects/{project}", self._registry.clock.now().timestamp()
        for _, subscription in sorted(self._registry.subscriptions_of(parent).items()):
            resource = _resource("subscription", project, subscription)
            for metric in SUBSCRIPTION_METRICS:
                if _wanted(wanted, metric, resource):
                    found = answer(metric, subscription, question, now)
                    yield from _time_series(metric, resource, found)
        for _, topic in sorted(self._registry.topics_of(parent).items()):
            resource = _resource("topic", project, topic)
            for topic_metric in TOPIC_METRICS:
                if _wanted(wanted, topic_metric, resource):
                    found = answer(topic_metric, topic, question, now)
                    yield from _time_series(topic_metric, resource, found)


def _question(request: Any) -> Question:
    interval, aggregation = request.interval, request.aggregation
    if not interval.HasField("end_time"):
        raise InvalidArgumentError("interval", "end_time is missing", "have an end")
    if request.HasField("secondary_aggregation") or aggregation.cross_series_reducer:
        raise InvalidArgumentError(
            "aggregation", "it reduces several series to one", "only align: reduce after reading"
        )
    end = seconds(interval.end_time)
    start = seconds(interval.start_time) if interval.HasField("start_time") else end - SAMPLING_S
    aligner = _Aggregation.Aligner.Name(aggregation.per_series_aligner)
    question = Question(start, end, aligner, seconds(aggregation.alignment_period))
    question.check()
    return question


def _resource(kind: str, project: str, subject: Subscription | Topic) -> dict[str, Any]:
    labels = {"project_id": project, f"{kind}_id": names.id_of(subject.name)}
    return {"type": f"pubsub_{kind}", "labels": labels}


def _wanted(
    wanted: MetricFilter, metric: Metric[Subscription] | Metric[Topic], resource: dict[str, Any]
) -> bool:
    series = {
        "metric.type": metric.type,
        "resource.type": resource["type"],
        "project": resource["labels"]["project_id"],
        **{f"resource.labels.{key}": value for key, value in resource["labels"].items()},
        **{f"metric.labels.{key}": value for key, value in metric.labels.items()},
    }
    return wanted.matches(series)


def _time_series(
    metric: Metric[Subscription] | Metric[Topic], resource: dict[str, Any], found: Answer
) -> Iterator[dict[str, Any]]:
    if found.points:
        yield {
            "metric": {"type": metric.type, "labels": dict(metric.labels)},
            "resource": resource,
            "metric_kind": found.kind.value,
            "value_type": "DOUBLE" if found.double else "INT64",
            "unit": metric.unit,
            "points": [_point(point, found) for point in found.points],
        }


def _point(point: Point, found: Answer) -> dict[str, Any]:
    value = {"double_value" if found.double else "int64_value": point.value}
    interval = {"start_time": _timestamp(point.start), "end_time": _timestamp(point.end)}
    return {"interval": interval, "value": value}


def _timestamp(posix: float) -> dict[str, int]:
    microseconds = round(posix * 1_000_000)
    return {"seconds": microseconds // 1_000_000, "nanos": microseconds % 1_000_000 * 1_000}


def _descriptors(parent: str) -> list[dict[str, Any]]:
    """All metric descriptors, as fields of MetricDescriptor; one per type."""
    described: dict[str, dict[str, Any]] = {}
    for resource, table in (
        ("pubsub_subscription", SUBSCRIPTION_METRICS),
        ("pubsub_topic", TOPIC_METRICS),
    ):
        for metric in table:
            described.setdefault(metric.type, _descriptor(parent, resource, metric))
    return [described[metric_type] for metric_type in sorted(described)]


def _descriptor(
    parent: str, resource: str, metric: Metric[Subscription] | Metric[Topic]
) -> dict[str, Any]:
    return {
        "name": f"{parent}/metricDescriptors/{metric.type}",
        "type": metric.type,
        "display_name": metric.name.removeprefix(PREFIX),
        "description": metric.about,
        "metric_kind": Kind(metric.kind).value,
        "value_type": "INT64",
        "unit": metric.unit,
        "labels": [{"key": key} for key in metric.labels],
        "monitored_resource_types": [resource],
    }


def _page(items: list[dict[str, Any]], size: int, token: str) -> tuple[list[dict[str, Any]], str]:
    """One page by position: good for the moments between a client's page requests."""
    if size < 0 or (token and not token.isdecimal()):
        raise InvalidArgumentError("page", f"size {size}, token {token!r}", "be one we gave")
    start, size = int(token or 0), min(size or _LARGEST_PAGE, _LARGEST_PAGE)
    following = str(start + size) if len(items) > start + size else ""
    return items[start : start + size], following
