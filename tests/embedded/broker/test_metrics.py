"""Every metric: what it is called and measured in, and that its figures are true."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.api_core import exceptions
from google.cloud.pubsub_v1.types import FlowControl

from tests.embedded.broker.hour import PROJECT, PUBSUB, Hour, hour, value
from tests.embedded.broker.raw_stream import RawStream
from tests.support import eventually

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


@pytest.fixture
def made() -> Iterator[Hour]:
    with hour() as made:
        yield made


def figures(made: Hour, metric: str, **more: Any) -> dict[tuple[str, ...], Any]:
    """The newest values of the last minute by the values of their labels."""
    return {
        tuple(text for _, text in sorted(series.metric.labels.items())): value(
            series.points[0].value
        )
        for series in made.series(metric, 60, **more)
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


def test_what_is_published_shows_on_its_topic(made: Hour) -> None:
    made.publish(10)
    made.publish(5)
    with pytest.raises(exceptions.InvalidArgument):
        made.publish(0)
    made.broker.advance(7)
    assert figures(made, "topic/send_request_count") == {
        ("success", "success"): 2,
        ("invalid", "invalid_argument"): 1,
    }
    (sizes,) = figures(made, "topic/message_sizes").values()
    assert sizes.count == 15
    assert figures(made, "topic/num_retained_messages") == {(): 15}
    assert figures(made, "topic/retained_bytes") == {(): round(sizes.mean * 15)}
    assert figures(made, "topic/oldest_retained_message_age") == {(): 7}
    # each request costs 1,000 bytes at least
    assert figures(made, "topic/byte_cost") == {("publish", "success"): 2000}
    made.subscriber.update_subscription(
        request={
            "subscription": {"name": made.subscription, "ack_deadline_seconds": 20},
            "update_mask": {"paths": ["ack_deadline_seconds"]},
        }
    )
    assert figures(made, "topic/config_updates_count") == {("create", "success"): 1}
    assert figures(made, "subscription/config_updates_count") == {
        ("create", "success"): 1,
        ("update", "success"): 1,
    }


def test_pulling_shows_on_its_subscription(made: Hour) -> None:
    made.publish(10)
    first = made.take(10)
    made.broker.advance(2)
    made.ack(first[:4])
    made.nack(first[4:6])
    made.subscriber.modify_ack_deadline(
        subscription=made.subscription, ack_ids=first[6:9], ack_deadline_seconds=60
    )
    made.broker.advance(9)
    taken = ("pull",)

    def pulled(name: str) -> Any:
        found = figures(made, f"subscription/{name}")
        assert found == {taken: found[taken], ("streaming_pull",): 0}
        return found[taken]

    assert pulled("sent_message_count") == 10
    assert pulled("ack_message_count") == 4
    assert pulled("nack_requests") == 2
    assert pulled("mod_ack_deadline_message_count") == 3
    assert pulled("expired_ack_deadlines_count") == 1
    latency = figures(made, "subscription/ack_latencies")[taken]
    assert (latency.count, latency.mean) == (4, pytest.approx(2000))
    assert figures(made, "subscription/pull_request_count") == {("success", "success"): 1}
    assert figures(made, "subscription/pull_ack_request_count") == {("success", "success"): 1}
    requests = figures(made, "subscription/mod_ack_deadline_request_count")
    assert requests == {("success", "success"): 2}
    assert figures(made, "subscription/byte_cost")["pull", "success"] == 1000
    made.broker.advance(60)
    assert figures(made, "subscription/nack_requests")[taken] == 0


def test_streaming_shows_on_its_subscription(made: Hour) -> None:
    made.publish(3)
    made.broker.advance(1)  # before that there is nothing to count over
    future = made.subscriber.subscribe(made.subscription, lambda message: message.ack())
    streamed = ("streaming_pull",)

    def acknowledged() -> bool:
        return figures(made, "subscription/ack_message_count")[streamed] == 3

    eventually(acknowledged)
    assert figures(made, "subscription/sent_message_count") == {("pull",): 0, streamed: 3}
    assert figures(made, "subscription/open_streaming_pulls") == {
        ("ok",): 1,
        ("suspended_max_outstanding_messages_exceeded",): 0,
        ("suspended_max_outstanding_bytes_exceeded",): 0,
    }
    success = ("success", "success")
    eventually(lambda: figures(made, "subscription/streaming_pull_response_count")[success] >= 1)
    # this client acknowledges beside its stream
    assert 1 <= figures(made, "subscription/pull_ack_request_count")[success] <= 3
    future.cancel()
    future.result(5)
    eventually(lambda: figures(made, "subscription/open_streaming_pulls")["ok",] == 0)


def test_a_stream_that_holds_all_it_may_is_suspended(made: Hour) -> None:
    made.publish(3)
    held: list[Any] = []
    flow = FlowControl(max_messages=2)
    future = made.subscriber.subscribe(made.subscription, held.append, flow_control=flow)
    full = ("suspended_max_outstanding_messages_exceeded",)
    eventually(lambda: figures(made, "subscription/open_streaming_pulls")[full] == 1)
    eventually(lambda: len(held) == 2)
    for message in held:
        message.ack()
    eventually(lambda: len(held) == 3)
    eventually(lambda: figures(made, "subscription/open_streaming_pulls")[full] == 0)
    future.cancel()
    future.result(5)


def test_what_a_filter_holds_back_acknowledges_itself(made: Hour) -> None:
    name = f"{PROJECT}/subscriptions/eth"
    made.subscriber.create_subscription(
        request={"name": name, "topic": made.topic, "filter": 'attributes.asset = "ETH"'}
    )
    made.publish(4)
    made.broker.advance(1)
    wanted = 'subscription/ack_message_count" AND resource.labels.subscription_id = "eth'
    assert figures(made, wanted) == {("filter",): 4, ("pull",): 0, ("streaming_pull",): 0}
    cost = 'subscription/byte_cost" AND resource.labels.subscription_id = "eth'
    assert figures(made, cost)["filter_drop", "success"] > 4 * len(b"0123456789")
    backlog = 'subscription/backlog_bytes" AND resource.labels.subscription_id = "eth'
    assert figures(made, backlog) == {(): 0}


def test_dead_letters_show(made: Hour) -> None:
    dead = f"{PROJECT}/topics/dead"
    made.publisher.create_topic(name=dead)
    made.subscriber.update_subscription(
        request={
            "subscription": {
                "name": made.subscription,
                "dead_letter_policy": {"dead_letter_topic": dead, "max_delivery_attempts": 5},
            },
            "update_mask": {"paths": ["dead_letter_policy"]},
        }
    )
    made.publish(1)
    for _ in range(5):
        made.nack(made.take(1))
    made.broker.advance(1)
    assert figures(made, "subscription/dead_letter_message_count") == {("success",): 1}
    assert figures(made, "subscription/num_undelivered_messages") == {(): 0}


def test_the_backlog_is_of_one_region(made: Hour) -> None:
    made.publish(3)
    made.broker.advance(8)
    assert figures(made, "subscription/num_unacked_messages_by_region") == {("local",): 3}
    assert figures(made, "subscription/oldest_unacked_message_age_by_region") == {("local",): 8}
    assert figures(made, "topic/oldest_unacked_message_age_by_region") == {("local",): 8}
    size = figures(made, "subscription/backlog_bytes")[()]
    assert figures(made, "subscription/unacked_bytes_by_region") == {("local",): size}


def test_what_is_retained_after_its_acknowledgement_shows(made: Hour) -> None:
    name = f"{PROJECT}/subscriptions/keeper"
    made.subscriber.create_subscription(
        request={"name": name, "topic": made.topic, "retain_acked_messages": True}
    )
    made.publish(5)
    keeper = '" AND resource.labels.subscription_id = "keeper'
    assert figures(made, f"subscription/num_retained_acked_messages{keeper}") == {(): 0}
    made.broker.advance(3)
    made.subscription = name
    made.ack(made.take(4))
    assert figures(made, f"subscription/num_retained_acked_messages{keeper}") == {(): 4}
    assert figures(made, f"subscription/oldest_retained_acked_message_age{keeper}") == {(): 3}
    size = figures(made, f"subscription/backlog_bytes{keeper}")[()]  # of the fifth
    assert figures(made, f"subscription/retained_acked_bytes{keeper}") == {(): 4 * size}


def test_seeks_and_snapshots_show(made: Hour) -> None:
    made.publish(6)
    made.ack(made.take(2))
    snapshot = f"{PROJECT}/snapshots/before"
    made.subscriber.create_snapshot(name=snapshot, subscription=made.subscription)
    made.broker.advance(5)
    made.publish(1)
    assert figures(made, "snapshot/num_messages") == {(): 5}
    assert figures(made, "snapshot/num_messages_by_region") == {("local",): 5}
    assert figures(made, "snapshot/oldest_message_age") == {(): 5}
    assert (
        figures(made, "snapshot/backlog_bytes")[()]
        == figures(made, "subscription/backlog_bytes")[()]
    )
    made.subscriber.seek(request={"subscription": made.subscription, "snapshot": snapshot})
    with pytest.raises(exceptions.NotFound):
        made.subscriber.seek(
            request={"subscription": made.subscription, "snapshot": f"{snapshot}-other"}
        )
    assert figures(made, "subscription/seek_request_count") == {("success",): 1, ("not_found",): 1}


def test_only_who_pushes_has_outstanding_pushes(made: Hour) -> None:
    assert figures(made, "subscription/num_outstanding_messages") == {}
    made.subscriber.modify_push_config(
        subscription=made.subscription, push_config={"push_endpoint": "https://localhost/"}
    )
    assert figures(made, "subscription/num_outstanding_messages") == {(): 0}


def test_requests_on_a_stream_show(made: Hour) -> None:
    made.publish(2)
    made.broker.advance(1)
    stream = RawStream(made.broker.address, subscription=made.subscription)
    try:
        eventually(lambda: len(stream.messages) == 2)
        first, second = (each.ack_id for each in stream.messages)
        stream.send(ack_ids=[first])
        stream.send(modify_deadline_ack_ids=[second], modify_deadline_seconds=[30])
        stream.send(modify_deadline_ack_ids=[second], modify_deadline_seconds=[0])
        eventually(lambda: figures(made, "subscription/nack_requests")["streaming_pull",] == 1)
        success = ("success", "success")
        counts = figures(made, "subscription/streaming_pull_ack_request_count")
        assert counts == {success: 1}
        counts = figures(made, "subscription/streaming_pull_mod_ack_deadline_request_count")
        assert counts == {success: 2}
        extended = figures(made, "subscription/mod_ack_deadline_message_count")
        assert extended["streaming_pull",] == 1
        assert figures(made, "subscription/mod_ack_latencies")["streaming_pull",].count == 1
    finally:
        stream.close()
