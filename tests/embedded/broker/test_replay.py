"""What comes again after a seek: https://docs.cloud.google.com/pubsub/docs/replay-overview ."""

from datetime import timedelta
from typing import Any

import pytest
from google.pubsub_v1 import types

from embedded.broker.memory import Limits
from tests.embedded.broker.doubles import open_stream
from tests.embedded.broker.shop import READER, TOPIC, RawSubscription, RawTopic, Shop

MINUTE, HOUR, DAY = 60, 3_600, 86_400
RETAINING: dict[str, Any] = {
    "retain_acked_messages": True,
    "message_retention_duration": timedelta(hours=1),
}
RETAINED_BY_TOPIC: dict[str, Any] = {"message_retention_duration": timedelta(hours=1)}


def test_without_retention_a_seek_back_finds_only_what_was_not_acknowledged() -> None:
    shop = Shop()
    shop.publish(2)
    shop.settle()
    waiting = shop.publish(2)
    shop.seek(DAY)
    assert shop.settle() == waiting
    assert (shop.topic.num_retained_messages(), shop.registry.memory.held) == (0, 0)


def test_a_subscription_replays_what_it_retained_for_as_long_as_it_asked() -> None:
    shop = Shop(reader=RETAINING)
    numbers = shop.publish(3)
    assert shop.settle() == numbers
    shop.clock.advance(59 * MINUTE)
    shop.seek(DAY)
    assert shop.settle() == numbers
    shop.clock.advance(2 * MINUTE)
    shop.seek(DAY)
    assert shop.settle() == []


def test_it_replays_from_the_asked_time_on() -> None:
    shop = Shop(reader=RETAINING)
    shop.publish(2)
    shop.clock.advance(10)
    later = shop.publish(2)
    shop.settle()
    shop.seek(5)
    assert shop.settle() == later


def test_what_a_subscription_retains_is_its_own() -> None:
    shop = Shop(reader=RETAINING)
    other = shop.subscribe("other")
    shop.publish(2)
    shop.settle()
    shop.settle(other)
    shop.seek(DAY, other.name)
    assert shop.settle(other) == []


def test_a_purge_can_be_undone_where_acknowledged_messages_are_retained() -> None:
    shop = Shop(reader=RETAINING)
    numbers = shop.publish(3)
    shop.seek(-1)
    assert (shop.settle(), shop.reader.num_retained_acked_messages()) == ([], 3)
    shop.seek(DAY)
    assert shop.settle() == numbers


def test_a_topic_that_retains_does_so_for_subscriptions_made_later() -> None:
    shop = Shop(topic=RETAINED_BY_TOPIC)
    numbers = shop.publish(3)
    shop.settle()
    shop.clock.advance(59 * MINUTE)
    late = shop.subscribe("late")
    assert shop.settle(late) == []
    shop.seek(DAY, late.name)
    assert shop.settle(late) == numbers
    shop.seek(DAY)
    assert shop.settle() == numbers
    shop.clock.advance(2 * MINUTE)
    shop.seek(DAY)
    assert shop.settle() == []


def test_of_what_a_topic_retains_a_filter_lets_through_what_fits() -> None:
    shop = Shop(topic=RETAINED_BY_TOPIC)
    shop.publish(asset="BTC")
    (number,) = shop.publish(asset="ETH")
    late = shop.subscribe("late", filter='attributes.asset = "ETH"')
    shop.seek(DAY, late.name)
    assert shop.settle(late) == [number]


def test_unacknowledged_messages_stay_as_long_as_topic_or_subscription_keeps_them() -> None:
    shop = Shop(topic={"message_retention_duration": timedelta(hours=2)}, reader=RETAINING)
    numbers = shop.publish(2)
    shop.clock.advance(2 * HOUR - 1)
    shop.registry.sweep()
    assert shop.reader.delivery.backlog == 2
    change = RawTopic(name=TOPIC)
    shop.registry.update_topic(change, ["message_retention_duration"])
    shop.registry.sweep()
    assert shop.reader.delivery.backlog == 0
    assert shop.settle() == [] != numbers


def test_the_retention_of_its_topic_shows_on_a_subscription() -> None:
    shop = Shop(topic=RETAINED_BY_TOPIC)
    settings = shop.reader.settings
    assert settings.topic_message_retention_duration.seconds == HOUR
    change = RawTopic(name=TOPIC, message_retention_duration=timedelta(days=1))
    shop.registry.update_topic(change, ["message_retention_duration"])
    assert settings.topic_message_retention_duration.seconds == DAY
    shop.registry.delete_topic(TOPIC)
    assert not settings.HasField("topic_message_retention_duration")


def test_what_is_out_of_its_time_leaves_memory_though_nobody_publishes() -> None:
    shop = Shop(topic={"message_retention_duration": timedelta(minutes=30)}, reader=RETAINING)
    shop.publish(5)
    shop.settle()
    shop.publish(5)
    shop.clock.advance(HOUR + 1)
    shop.registry.sweep()
    assert shop.registry.memory.held == 0


def test_what_was_nacked_is_given_up_in_time_as_well() -> None:
    shop = Shop(reader={"message_retention_duration": timedelta(hours=1)})
    shop.publish(2)
    stream = open_stream(shop.reader.delivery)
    nacked, _held = shop.reader.delivery.take(stream)
    shop.reader.delivery.modify([nacked.ack_id], 0)
    shop.clock.advance(HOUR + 1)
    shop.registry.sweep()
    assert shop.reader.delivery.backlog == 1  # what somebody has in hand


def test_retaining_can_be_switched_off_which_forgets() -> None:
    shop = Shop(reader=RETAINING)
    shop.publish(3)
    shop.settle()
    change = RawSubscription(name=READER, retain_acked_messages=False)
    shop.registry.update_subscription(change, ["retain_acked_messages"])
    assert shop.registry.memory.held == 0


def test_a_deleted_and_a_detached_subscription_give_their_memory_back_at_once() -> None:
    shop = Shop(reader=RETAINING)
    shop.publish(3)
    shop.settle()
    other = shop.subscribe("other")
    shop.publish(3)
    shop.registry.detach_subscription(other.name)
    assert shop.registry.memory.messages == 6
    shop.registry.delete_subscription(READER)
    assert shop.registry.memory.held == 0


def test_a_snapshot_is_restored_and_what_it_passes_over_stays_retained() -> None:
    shop = Shop(reader=RETAINING)
    before = shop.publish(2)
    request = types.CreateSnapshotRequest.pb()(
        name="projects/pro/snapshots/before", subscription=READER
    )
    shop.registry.create_snapshot(request)
    shop.settle()
    shop.registry.seek_to_snapshot(READER, request.name)
    assert (shop.reader.delivery.backlog, shop.reader.num_retained_acked_messages()) == (2, 0)
    assert shop.settle() == before


def test_counts_sizes_and_ages_are_told() -> None:
    shop = Shop(topic=RETAINED_BY_TOPIC, reader=RETAINING)
    shop.publish(2, size=100)
    shop.settle()
    shop.clock.advance(60)
    shop.publish(1, size=100)
    for count, size, age, wanted in (
        (
            shop.topic.num_retained_messages(),
            shop.topic.retained_bytes(),
            shop.topic.oldest_retained_message_age(shop.now),
            3,
        ),
        (
            shop.reader.num_retained_acked_messages(),
            shop.reader.retained_acked_bytes(),
            shop.reader.oldest_retained_acked_message_age(shop.now),
            2,
        ),
    ):
        assert (count, age) == (wanted, pytest.approx(60))
        assert wanted * 100 < size < wanted * 200
    late = shop.subscribe("late")
    assert late.oldest_retained_acked_message_age(shop.now) == 0


def test_retention_gives_way_before_a_publisher_has_to_wait() -> None:
    shop = Shop(Limits(memory_bytes=8_000, overhead=0), topic=RETAINED_BY_TOPIC, reader=RETAINING)
    shop.publish(7, size=1_000)
    shop.settle()
    assert not shop.registry.full()
    assert shop.registry.memory.retained <= 2_000
    assert shop.registry.memory.held == shop.registry.memory.retained
