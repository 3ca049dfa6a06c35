"""`google.monitoring.v3.MetricService`, reading only, for the metrics of this broker."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from embedded.broker import descriptors, metric_filter, names
from embedded.broker.errors import NotFoundError
from embedded.broker.messages import types_of
from embedded.broker.pages import page, page_of_points
from embedded.broker.points import Points
from embedded.broker.query import Query, parse
from embedded.broker.registry import Registry
from embedded.broker.rpc import Methods, unary

NAME = "google.monitoring.v3.MetricService"
_HEADERS = 1
_service = types_of("google.cloud.monitoring_v3", "metric_service")
_MetricDescriptor = import_module("google.api.metric_pb2").MetricDescriptor
_ResourceDescriptor = import_module("google.api.monitored_resource_pb2").MonitoredResourceDescriptor
_ListTimeSeriesResponse = _service.ListTimeSeriesResponse.pb()
_ListMetricsResponse = _service.ListMetricDescriptorsResponse.pb()
_ListResourcesResponse = _service.ListMonitoredResourceDescriptorsResponse.pb()


class MetricService:
    """Time series about the registry's topics, subscriptions and snapshots."""

    def __init__(self, registry: Registry, points: Points) -> None:
        self._registry = registry
        self._points = points

    def methods(self) -> Methods:
        """The service's methods by name."""
        answers = {
            "ListTimeSeries": self.list_time_series,
            "ListMetricDescriptors": self._list_metrics,
            "GetMetricDescriptor": self._get_metric,
            "ListMonitoredResourceDescriptors": self._list_resources,
            "GetMonitoredResourceDescriptor": self._get_resource,
        }
        return {
            name: unary(answer, getattr(_service, f"{name}Request").pb())
            for name, answer in answers.items()
        }

    def list_time_series(self, request: Any) -> Any:
        """The answer to a raw ListTimeSeriesRequest."""
        query: Query = parse(request)
        series = query.answer(self._registry, self._points)
        if request.view == _HEADERS:
            chosen, token = page(series, request.page_size, request.page_token)
            wired = [each.wire(None) for each in chosen]
        else:
            parts, token = page_of_points(series, request.page_size, request.page_token)
            wired = [each.wire(points) for each, points in parts]
        return _ListTimeSeriesResponse(time_series=wired, next_page_token=token, unit=_unit(series))

    def _list_metrics(self, request: Any) -> Any:
        names.project(request.name)
        found = list(descriptors.metrics(request.name, cloud_delays=self._points.cloud_delays))
        if request.filter:
            wanted = metric_filter.parse(request.filter).only("metric.type", "project")
            about = {"project": request.name.removeprefix("projects/")}
            found = [d for d in found if wanted.matches({"metric.type": d["type"], **about})]
        if request.active_only:
            active = set(self._active(request.name))
            found = [d for d in found if d["type"] in active]
        chosen, token = page(found, request.page_size, request.page_token, 10_000)
        return _ListMetricsResponse(metric_descriptors=chosen, next_page_token=token)

    def _get_metric(self, request: Any) -> Any:
        parent, _, metric_type = request.name.partition("/metricDescriptors/")
        names.project(parent)
        for descriptor in descriptors.metrics(parent, cloud_delays=self._points.cloud_delays):
            if descriptor["type"] == metric_type:
                return _MetricDescriptor(**descriptor)
        raise NotFoundError(request.name)

    def _list_resources(self, request: Any) -> Any:
        names.project(request.name)
        found = list(descriptors.resources(request.name))
        if request.filter:
            wanted = metric_filter.parse(request.filter).only("resource.")
            found = [d for d in found if wanted.matches(_described(d))]
        chosen, token = page(found, request.page_size, request.page_token)
        return _ListResourcesResponse(resource_descriptors=chosen, next_page_token=token)

    def _get_resource(self, request: Any) -> Any:
        parent, _, resource_type = request.name.partition("/monitoredResourceDescriptors/")
        names.project(parent)
        for descriptor in descriptors.resources(parent):
            if descriptor["type"] == resource_type:
                return _ResourceDescriptor(**descriptor)
        raise NotFoundError(request.name)

    def _active(self, parent: str) -> Iterator[str]:
        """The types of the metrics that have points in the last hour."""
        query = Query.of_everything(parent, self._registry.clock.now().timestamp())
        yield from (series.metric for series in query.answer(self._registry, self._points))


def _described(descriptor: dict[str, Any]) -> dict[str, str]:
    """What a filter of resource descriptors goes by: a label that is there has its name."""
    labels = {f"resource.labels.{each['key']}": each["key"] for each in descriptor["labels"]}
    return {"resource.type": descriptor["type"], **labels}


def _unit(series: list[Any]) -> str:
    """The unit of all; empty when they differ."""
    units = {each.unit for each in series}
    return units.pop() if len(units) == 1 else ""
