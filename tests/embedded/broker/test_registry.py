"""The registry's own rules, on a hand-moved clock."""

from embedded.broker.memory import Limits
from embedded.broker.topic import Sequencer
from tests.embedded.broker.doubles import open_stream
from tests.embedded.broker.shop import Shop
from tests.support import FakeClock


def test_full_memory_names_the_subscription_that_holds_most() -> None:
    shop = Shop(Limits(memory_bytes=1_000, overhead=0))
    shop.subscribe("other", filter="attributes:none")
    shop.publish(size=1_500)
    assert shop.registry.full()
    assert "reader, with 1 unacknowledged" in str(shop.registry.exhausted())
    shop.settle()
    assert not shop.registry.full()


def test_a_message_to_several_subscriptions_takes_its_memory_once() -> None:
    shop = Shop(Limits(overhead=0))
    others = [shop.subscribe(f"other{number}") for number in range(3)]
    shop.publish(size=1_000)
    held = shop.registry.memory.held
    assert 1_000 < held < 1_100
    for subscription in others:
        shop.settle(subscription)
    assert shop.registry.memory.held == held
    shop.settle()
    assert shop.registry.memory.held == 0


def test_what_is_in_subscribers_hands_counts_more() -> None:
    shop = Shop(Limits(overhead=0, lease=500))
    other = shop.subscribe("other")
    shop.publish(2, size=100)
    waiting = shop.registry.held()
    for subscription in (shop.reader, other):
        subscription.delivery.take(open_stream(subscription.delivery, 1))
    assert shop.registry.held() == waiting + 2 * 500


def test_message_ids_of_a_restarted_broker_are_new() -> None:
    clock = FakeClock()
    before, _ = Sequencer(clock).take(100)
    clock.advance(1)
    after, _ = Sequencer(clock).take(100)
    assert max(before) < min(after)
