"""The sampler holds on to nothing that is deleted."""

import gc
import weakref

from embedded.broker.messages import Topic
from embedded.broker.registry import Registry
from embedded.broker.sampling import Sampler
from tests.embedded.broker.doubles import FakeAlarm
from tests.support import FakeClock


def test_what_is_deleted_is_forgotten_with_the_next_sample() -> None:
    clock, alarms = FakeClock(), list[FakeAlarm]()

    def alarm(when: float, callback: object, /) -> FakeAlarm:
        alarms.append(FakeAlarm(when, callback))  # type: ignore[arg-type]
        return alarms[-1]

    registry = Registry(clock=clock, alarm=alarm)
    sampler = Sampler(registry, clock=clock, alarm=alarm)
    sampler.start()

    def minute() -> None:
        clock.advance(60)
        alarms.pop().callback()

    topic = weakref.ref(registry.create_topic(Topic(name="projects/p/topics/prices")))
    minute()
    gc.collect()
    assert topic() is not None
    registry.delete_topic("projects/p/topics/prices")
    minute()
    gc.collect()
    assert topic() is None
