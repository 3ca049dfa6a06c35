"""Every metric's figures are true of what happened."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.types import FlowControl

from tests.embedded.broker.hour import PROJECT, Hour, value
from tests.embedded.broker.raw_stream import RawStream
from tests.support import eventually


def figures(made: Hour, metric: str, **more: Any) -> dict[tuple[str, ...], Any]:
    """The newest values of the last minute by the values of their labels."""
    return {
        tuple(text for _, text in sorted(series.metric.labels.items())): value(
            series.points[0].value
        )
        for series in made.series(metric, 60, **more)
    }


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
