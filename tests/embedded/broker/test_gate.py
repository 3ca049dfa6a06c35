"""Publishers at a full broker wait in turn; nothing is dropped."""

import asyncio

import pytest

from embedded.broker.errors import ResourceExhaustedError
from embedded.broker.gate import Gate
from embedded.broker.memory import Limits
from tests.embedded.broker.shop import Shop

LIMITS = Limits(
    memory_bytes=8_000, overhead=0, lease=0
)  # of which waiting requests may be 1,000 more
SIZE = 400


def _full() -> tuple[Shop, Gate]:
    shop = Shop(LIMITS)
    shop.publish(9, size=1_000)
    return shop, Gate(shop.registry)


async def _publisher(gate: Gate, name: str, passed: list[str], patience_s: float = 5.0) -> None:
    await gate.enter(SIZE, patience_s)
    passed.append(name)


def test_while_there_is_room_nobody_waits() -> None:
    shop = Shop(LIMITS)
    gate = Gate(shop.registry)
    assert gate.open
    asyncio.run(gate.enter(SIZE, 0.0))


def test_publishers_wait_for_an_acknowledgement_and_pass_in_the_order_they_came() -> None:
    shop, gate = _full()
    passed: list[str] = []

    async def scene() -> None:
        assert not gate.open
        async with asyncio.TaskGroup() as group:
            for name in ("first", "second"):
                group.create_task(_publisher(gate, name, passed))
                await asyncio.sleep(0)
            assert passed == []
            shop.settle()

    asyncio.run(scene())
    assert passed == ["first", "second"]
    assert gate.open


def test_only_as_many_pass_as_there_is_room_for() -> None:
    shop = Shop(LIMITS)
    shop.publish(size=400)
    shop.publish(8, size=930)
    gate = Gate(shop.registry)
    passed: list[str] = []

    async def scene() -> None:
        tasks = [asyncio.create_task(_publisher(gate, n, passed)) for n in ("first", "second")]
        await asyncio.sleep(0.05)
        assert passed == []
        shop.settle(most=1)
        await asyncio.wait(tasks, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
        shop.publish(size=SIZE)  # what the first was let in for
        await asyncio.sleep(0.05)
        assert passed == ["first"]
        shop.settle()
        await asyncio.gather(*tasks)

    asyncio.run(scene())
    assert passed == ["first", "second"]


def test_one_who_waited_as_long_as_he_can_is_told_to_try_again() -> None:
    _, gate = _full()
    with pytest.raises(ResourceExhaustedError, match="--memory-mb"):
        asyncio.run(gate.enter(SIZE, 0.05))


def test_more_than_may_wait_are_refused_at_once_and_room_comes_back() -> None:
    shop, gate = _full()
    passed: list[str] = []

    async def scene() -> None:
        tasks = [asyncio.create_task(_publisher(gate, n, passed)) for n in ("first", "second")]
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhaustedError):
            await gate.enter(SIZE, 5.0)
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        third = asyncio.create_task(_publisher(gate, "third", passed))
        await asyncio.sleep(0)
        shop.settle()
        await asyncio.gather(tasks[1], third)

    asyncio.run(scene())
    assert passed == ["second", "third"]
