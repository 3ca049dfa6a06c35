"""Metrics and resources described, as Monitoring lists them."""

from collections.abc import Iterator
from typing import Any

from embedded.broker.catalogue import RESOURCES, Resource
from embedded.broker.metrics import SAMPLING_S, Metric


def metrics(parent: str, *, cloud_delays: bool) -> Iterator[dict[str, Any]]:
    """The fields of each MetricDescriptor, by type; `parent` is `projects/<id>`."""
    found = [(metric, resource) for resource in RESOURCES for metric in resource.metrics]
    for metric, resource in sorted(found, key=lambda pair: pair[0].type):
        yield _metric(parent, metric, resource, metric.hidden_s if cloud_delays else 0)


def _metric(parent: str, metric: Metric[Any], resource: Resource, delay_s: int) -> dict[str, Any]:
    stage = "DEPRECATED" if metric.deprecated else "GA"
    return {
        "name": f"{parent}/metricDescriptors/{metric.type}",
        "type": metric.type,
        "display_name": metric.title,
        "description": metric.about,
        "metric_kind": metric.kind.value,
        "value_type": metric.value_type.value,
        "unit": metric.unit,
        "labels": [{"key": key, "description": about} for key, about in metric.labels.items()],
        "metadata": {
            "launch_stage": stage,
            "sample_period": {"seconds": round(SAMPLING_S)},
            "ingest_delay": {"seconds": delay_s},
        },
        "launch_stage": stage,
        "monitored_resource_types": [resource.type],
    }


def resources(parent: str) -> Iterator[dict[str, Any]]:
    """The fields of each MonitoredResourceDescriptor, by type."""
    for resource in RESOURCES:
        yield {
            "name": f"{parent}/monitoredResourceDescriptors/{resource.type}",
            "type": resource.type,
            "display_name": resource.title,
            "description": resource.about,
            "labels": [
                {"key": "project_id", "description": "The project it is in."},
                {"key": resource.label, "description": "The last part of its name."},
            ],
            "launch_stage": "GA",
        }
