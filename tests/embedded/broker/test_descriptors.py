"""Every metric and resource: what it is called, measured in and told apart by."""

from typing import Any

import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.api_core import exceptions

from tests.embedded.broker.hour import PROJECT, PUBSUB, Hour, hour

GAUGE, DELTA = MetricDescriptor.MetricKind.GAUGE, MetricDescriptor.MetricKind.DELTA
INT, BOOL = MetricDescriptor.ValueType.INT64, MetricDescriptor.ValueType.BOOL
SPREAD = MetricDescriptor.ValueType.DISTRIBUTION
BY_TAKER = {"delivery_type"}
BY_CODE = {"response_code"}
BY_CLASS = {"response_class", "response_code"}
BY_REGION = {"region"}
BY_OPERATION = {"operation_type", "response_code"}


# name: kind, type, unit, labels, seconds hidden in the cloud
EXPECTED: dict[str, tuple[Any, Any, str, set[str], int]] = {
    "subscription/num_undelivered_messages": (GAUGE, INT, "1", set(), 120),
    "subscription/num_unacked_messages_by_region": (GAUGE, INT, "1", BY_REGION, 120),
    "subscription/oldest_unacked_message_age": (GAUGE, INT, "s", set(), 120),
    "subscription/oldest_unacked_message_age_by_region": (GAUGE, INT, "s", BY_REGION, 120),
    "subscription/backlog_bytes": (GAUGE, INT, "By", set(), 120),
    "subscription/unacked_bytes_by_region": (GAUGE, INT, "By", BY_REGION, 120),
    "subscription/delivery_latency_health_score": (GAUGE, BOOL, "1", {"criteria"}, 360),
    "subscription/ack_latencies": (DELTA, SPREAD, "ms", BY_TAKER, 240),
    "subscription/ack_message_count": (DELTA, INT, "1", BY_TAKER, 181),
    "subscription/sent_message_count": (DELTA, INT, "1", BY_TAKER, 181),
    "subscription/expired_ack_deadlines_count": (DELTA, INT, "1", BY_TAKER, 240),
    "subscription/nack_requests": (GAUGE, INT, "1", BY_TAKER, 360),
    "subscription/mod_ack_latencies": (DELTA, SPREAD, "ms", BY_TAKER, 240),
    "subscription/mod_ack_deadline_message_count": (DELTA, INT, "1", BY_TAKER, 240),
    "subscription/mod_ack_deadline_request_count": (DELTA, INT, "1", BY_CLASS, 120),
    "subscription/dead_letter_message_count": (DELTA, INT, "1", BY_CODE, 240),
    "subscription/open_streaming_pulls": (GAUGE, INT, "1", {"status"}, 120),
    "subscription/num_outstanding_messages": (GAUGE, INT, "1", set(), 240),
    "subscription/oldest_retained_acked_message_age": (GAUGE, INT, "s", set(), 120),
    "subscription/num_retained_acked_messages": (GAUGE, INT, "1", set(), 120),
    "subscription/retained_acked_bytes": (GAUGE, INT, "By", set(), 120),
    "subscription/exactly_once_warning_count": (DELTA, INT, "1", set(), 240),
    "subscription/pull_request_count": (DELTA, INT, "1", BY_CLASS, 120),
    "subscription/pull_ack_request_count": (DELTA, INT, "1", BY_CLASS, 181),
    "subscription/streaming_pull_response_count": (DELTA, INT, "1", BY_CLASS, 181),
    "subscription/streaming_pull_ack_request_count": (DELTA, INT, "1", BY_CLASS, 120),
    "subscription/streaming_pull_mod_ack_deadline_request_count": (DELTA, INT, "1", BY_CLASS, 120),
    "subscription/seek_request_count": (DELTA, INT, "1", BY_CODE, 240),
    "subscription/byte_cost": (DELTA, INT, "By", BY_OPERATION, 240),
    "subscription/config_updates_count": (DELTA, INT, "1", BY_OPERATION, 240),
    "topic/send_request_count": (DELTA, INT, "1", BY_CLASS, 181),
    "topic/send_message_operation_count": (DELTA, INT, "1", BY_CODE, 240),
    "topic/message_sizes": (DELTA, SPREAD, "By", set(), 181),
    "topic/byte_cost": (DELTA, INT, "By", BY_OPERATION, 240),
    "topic/config_updates_count": (DELTA, INT, "1", BY_OPERATION, 240),
    "topic/num_retained_messages": (GAUGE, INT, "1", set(), 120),
    "topic/oldest_retained_message_age": (GAUGE, INT, "s", set(), 120),
    "topic/retained_bytes": (GAUGE, INT, "By", set(), 120),
    "snapshot/num_messages": (GAUGE, INT, "1", set(), 120),
    "snapshot/oldest_message_age": (GAUGE, INT, "s", set(), 120),
    "snapshot/backlog_bytes": (GAUGE, INT, "By", set(), 120),
}


def test_descriptors_are_those_of_google() -> None:
    with hour(cloud_delays=True) as made:
        found = {
            each.type.removeprefix(f"{PUBSUB}/"): each
            for each in made.broker.metrics.list_metric_descriptors(name=PROJECT)
        }
    assert not EXPECTED.keys() - found.keys()
    for name, (kind, value_type, unit, labels, hidden_s) in EXPECTED.items():
        each = found[name]
        assert (each.metric_kind, each.value_type, each.unit) == (kind, value_type, unit), name
        assert {label.key for label in each.labels} == labels, name
        assert each.metadata.ingest_delay.seconds == hidden_s, name
        assert each.monitored_resource_types == [f"pubsub_{name.partition('/')[0]}"]
        assert each.display_name
        assert each.description
        deprecated = name == "topic/send_message_operation_count"
        assert each.launch_stage == each.metadata.launch_stage == (5 if deprecated else 4), name


def test_descriptors_are_listed_by_filter_and_page_and_those_with_data(made: Hour) -> None:
    metrics = made.broker.metrics

    def listed(**more: Any) -> list[str]:
        return [each.type for each in metrics.list_metric_descriptors({"name": PROJECT, **more})]

    every = listed()
    assert every == sorted(set(every)) == listed(page_size=7)
    snapshots = listed(filter=f'metric.type = starts_with("{PUBSUB}/snapshot/")')
    assert snapshots == [each for each in every if "/snapshot/" in each] != []
    active = listed(active_only=True)
    assert f"{PUBSUB}/topic/num_retained_messages" in active
    assert not set(snapshots) & set(active)
    with pytest.raises(
        exceptions.InvalidArgument, match=r"Invalid filter: resource\.labels\.topic_id"
    ):
        listed(filter='resource.labels.topic_id = "prices"')


def test_resources_are_described(made: Hour) -> None:
    metrics = made.broker.metrics
    found = {d.type: d for d in metrics.list_monitored_resource_descriptors(name=PROJECT)}
    labels = {kind: [label.key for label in d.labels] for kind, d in found.items()}
    assert labels == {
        f"pubsub_{kind}": ["project_id", f"{kind}_id"]
        for kind in ("snapshot", "subscription", "topic")
    }
    (topic,) = metrics.list_monitored_resource_descriptors(
        {"name": PROJECT, "filter": 'resource.type = starts_with("pubsub_t")'}
    )
    name = f"{PROJECT}/monitoredResourceDescriptors/pubsub_topic"
    assert topic == metrics.get_monitored_resource_descriptor(name=name)
    assert topic.name == name
    with pytest.raises(exceptions.NotFound):
        metrics.get_monitored_resource_descriptor(name=f"{name}s")
