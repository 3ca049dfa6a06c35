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
    await gate.enter(SIZE, 1, patience_s)
    passed.append(name)


def test_while_there_is_room_nobody_waits() -> None:
    shop = Shop(LIMITS)
    gate = Gate(shop.registry)
    assert gate.open
    asyncio.run(gate.enter(SIZE, 1, 0.0))


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
        asyncio.run(gate.enter(SIZE, 1, 0.05))


def test_more_than_may_wait_are_refused_at_once_and_room_comes_back() -> None:
    shop, gate = _full()
    passed: list[str] = []

    async def scene() -> None:
        tasks = [asyncio.create_task(_publisher(gate, n, passed)) for n in ("first", "second")]
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhaustedError):
            await gate.enter(SIZE, 1, 5.0)
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        third = asyncio.create_task(_publisher(gate, "third", passed))
        await asyncio.sleep(0)
        shop.settle()
        await asyncio.gather(tasks[1], third)

    asyncio.run(scene())
    assert passed == ["second", "third"]


def test_small_messages_wait_and_pass_for_what_they_take_once_they_are_stored() -> None:
    shop = Shop(Limits(memory_bytes=80_000, overhead=100, lease=0))
    shop.publish(90, size=900)
    gate = Gate(shop.registry)
    passed: list[str] = []

    async def many(name: str) -> None:
        await gate.enter(400, 40, 5.0)
        passed.append(name)

    async def scene() -> None:
        tasks = [asyncio.create_task(many(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhaustedError):  # 4,400 each, and 10,000 may wait
            await gate.enter(400, 40, 5.0)
        shop.settle(most=15)
        await asyncio.wait(tasks[:1])
        shop.publish(40, size=6)  # what the first was let in for
        await asyncio.sleep(0.05)
        assert passed == ["first"]
        shop.settle()
        await asyncio.gather(*tasks)

    asyncio.run(scene())
    assert passed == ["first", "second"]


def test_a_request_larger_than_all_that_may_wait_waits_alone() -> None:
    shop, gate = _full()

    async def scene() -> None:
        large = asyncio.create_task(gate.enter(5_000, 1, 5.0))
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhaustedError):
            await gate.enter(SIZE, 1, 5.0)
        shop.settle()
        await large

    asyncio.run(scene())


def test_nobody_overtakes_one_who_is_let_in() -> None:
    shop, gate = _full()
    passed: list[str] = []

    async def newcomer() -> None:
        while not gate.open:
            await asyncio.sleep(0)
        await _publisher(gate, "newcomer", passed)

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_publisher(gate, "first", passed))
            await asyncio.sleep(0)
            group.create_task(newcomer())
            shop.settle()

    asyncio.run(scene())
    assert passed == ["first", "newcomer"]


def test_room_is_looked_for_a_hundred_times_a_second_whoever_came_and_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, gate = _full()
    looks: list[None] = []

    def full() -> bool:
        looks.append(None)
        return True

    monkeypatch.setattr(shop.registry, "full", full)

    async def scene() -> None:
        for _ in range(30):
            with pytest.raises(ResourceExhaustedError):
                await gate.enter(SIZE, 1, 0.0)
        looks.clear()
        with pytest.raises(ResourceExhaustedError):
            await gate.enter(SIZE, 1, 0.2)

    asyncio.run(scene())
    assert 1 < len(looks) <= 22
