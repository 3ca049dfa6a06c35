"""When a subscription that nobody uses expires, on a hand-moved clock."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from google.pubsub_v1 import types

from embedded.broker.errors import NotFoundError
from tests.embedded.broker.doubles import open_stream
from tests.embedded.broker.shop import READER, RawSubscription, Shop

DAY = 86_400
SHORT = {
    "message_retention_duration": timedelta(minutes=10),
    "expiration_policy": {"ttl": timedelta(days=1)},
}


def _is_there(shop: Shop) -> bool:
    shop.registry.sweep()
    return READER in shop.registry.subscriptions


def test_one_that_nobody_uses_is_deleted_after_its_time_to_live() -> None:
    shop = Shop(reader=SHORT)
    shop.clock.advance(DAY - 1)
    shop.publish()  # which is no use of it
    assert _is_there(shop)
    shop.clock.advance(1)
    assert not _is_there(shop)
    with pytest.raises(NotFoundError):
        shop.registry.subscription(READER)
    assert (shop.topic.subscriptions, shop.registry.memory.held) == ({}, 0)


def test_the_default_is_thirty_one_days() -> None:
    shop = Shop()
    shop.clock.advance(31 * DAY - 1)
    assert _is_there(shop)
    shop.clock.advance(1)
    assert not _is_there(shop)


def test_an_empty_policy_means_never() -> None:
    shop = Shop(reader={"expiration_policy": {}})
    shop.clock.advance(3650 * DAY)
    assert _is_there(shop)


def test_an_open_stream_keeps_it_and_the_time_begins_when_it_closes() -> None:
    shop = Shop(reader=SHORT)
    stream = open_stream(shop.reader.delivery)
    shop.clock.advance(5 * DAY)
    assert _is_there(shop)
    shop.reader.delivery.detach(stream)
    shop.clock.advance(DAY - 1)
    assert _is_there(shop)
    shop.clock.advance(1)
    assert not _is_there(shop)


def _update(shop: Shop) -> None:
    change = RawSubscription(name=READER, labels={"a": "b"})
    shop.registry.update_subscription(change, ["labels"])


def _snapshot(shop: Shop) -> None:
    request = types.CreateSnapshotRequest.pb()(
        name="projects/pro/snapshots/before", subscription=READER
    )
    shop.registry.create_snapshot(request)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda shop: shop.registry.in_use(READER), id="pull, acknowledge, extend"),
        pytest.param(lambda shop: shop.seek(0), id="seek"),
        pytest.param(_update, id="update"),
        pytest.param(_snapshot, id="snapshot"),
    ],
)
def test_use_begins_its_time_anew(use: Callable[[Shop], object]) -> None:
    shop = Shop(reader=SHORT)
    shop.clock.advance(DAY - 1)
    use(shop)
    shop.clock.advance(DAY - 1)
    assert _is_there(shop)
    shop.clock.advance(1)
    assert not _is_there(shop)


def test_being_looked_at_is_no_use() -> None:
    shop = Shop(reader=SHORT)
    shop.clock.advance(DAY)
    shop.registry.subscription(READER)
    assert not _is_there(shop)


def test_whoever_still_waits_on_it_is_told_that_it_is_not_found() -> None:
    shop = Shop(reader=SHORT)
    stream = open_stream(shop.reader.delivery)
    shop.registry.delete_subscription(READER)
    assert isinstance(stream.error, NotFoundError)
