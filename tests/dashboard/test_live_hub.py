"""One encoder, many readers: each gets what it lacks, in its newest form, and an end at the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from core.diagnosis import Level, Verdict
from dashboard.live import hub as module
from dashboard.live.hub import Hub
from dashboard.live.payload import SECTIONS
from tests.support import eventually
from tests.support_runtime import SampleRuntime, sample_runtime


@pytest.fixture
def runtime() -> SampleRuntime:
    """The sample."""
    return sample_runtime()


@pytest.fixture
def hub(runtime: SampleRuntime) -> Iterator[Hub]:
    """A hub with its first board."""
    made = Hub()
    made.start(runtime)
    eventually(lambda: made.board.version == 1, what="the first board")
    yield made
    made.stop()


def say(runtime: SampleRuntime, sentence: str) -> None:
    """Change the verdict alone."""
    held = replace(runtime.picture().verdict, sentence=sentence)
    runtime.change(verdict=held)
    runtime.versions.bump()


def encoded(hub: Hub, after: int) -> bool:
    """Whether there is a newer board."""
    return hub.board.version > after


def read(frame: bytes) -> tuple[str, dict[str, Any]]:
    """An event's name and data."""
    lines = dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))
    return lines.get("event", ""), orjson.loads(lines["data"]) if "data" in lines else {}


async def take(stream: AsyncIterator[bytes], count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events of a reader."""
    return [read(await asyncio.wait_for(anext(stream), 5)) for _ in range(count)]


def test_first_event_is_the_whole_board(hub: Hub) -> None:
    async def reader() -> None:
        stream = hub.stream()
        _, (name, board) = await take(stream, 2)
        assert name == "board"
        assert tuple(board["sections"]) == SECTIONS
        assert board["now"] == 1795443158000
        assert board["market"]["replay"] is False
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(reader())
    assert hub.readers == 0


def test_later_events_hold_what_changed_and_nothing_else(hub: Hub, runtime: SampleRuntime) -> None:
    async def reader() -> None:
        stream = hub.stream()
        await take(stream, 2)
        await asyncio.to_thread(say, runtime, "Something else.")
        [(name, board)] = await take(stream, 1)
        assert name == "board"
        assert list(board["sections"]) == ["verdict"]
        assert board["sections"]["verdict"]["sentence"] == "Something else."

    asyncio.run(reader())


def test_unchanged_board_sends_a_beat_with_the_servers_time(hub: Hub) -> None:
    async def reader() -> None:
        stream = hub.stream()
        began = time.monotonic()
        *_, (name, data) = await take(stream, 3)
        assert name == "beat"
        assert data == {"now": 1795443158000}
        assert time.monotonic() - began < 2

    asyncio.run(reader())


def test_slow_reader_gets_the_newest_of_each_section_once(hub: Hub, runtime: SampleRuntime) -> None:
    async def reader() -> None:
        stream = hub.stream()
        await take(stream, 2)
        for number in range(3):
            awaited = partial(encoded, hub, hub.board.version)
            await asyncio.to_thread(say, runtime, f"Sentence {number}.")
            await asyncio.to_thread(eventually, awaited)
        [(_, board)] = await take(stream, 1)
        assert board["sections"]["verdict"]["sentence"] == "Sentence 2."
        [(name, _)] = await take(stream, 1)
        assert name == "beat"

    asyncio.run(reader())


def test_close_ends_every_stream(hub: Hub) -> None:
    async def reader() -> None:
        stream = hub.stream()
        await take(stream, 2)
        asyncio.get_running_loop().call_later(0.05, hub.close)
        with pytest.raises(StopAsyncIteration):
            await take(stream, 1)

    asyncio.run(reader())


def test_no_beat_vouches_for_an_encoder_that_fails(
    runtime: SampleRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALIVE_S", 0.3)
    monkeypatch.setattr(module, "BEAT_S", 0.1)
    with capture_logs() as logs:
        hub = Hub()
        hub.start(runtime)
        eventually(lambda: hub.board.version == 1)

        failures: list[str] = []

        def fails(picture: object) -> Any:
            failures.append(type(picture).__name__)
            raise RuntimeError(failures[-1])

        runtime.changes = fails
        runtime.versions.bump()
        eventually(lambda: failures and not hub.alive, what="the encoder is found out")

        async def reader() -> None:
            stream = hub.stream()
            await take(stream, 2)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.5)

        asyncio.run(reader())
        runtime.changes = lambda picture: picture
        eventually(lambda: hub.alive, what="it recovers by itself")
        hub.stop()
    assert {entry["event"] for entry in logs} == {"board_not_encoded"}


def test_boards_come_at_most_four_times_a_second(hub: Hub, runtime: SampleRuntime) -> None:
    began, before = time.monotonic(), hub.board.version
    number = 0
    while time.monotonic() - began < 1.0:
        number += 1
        say(runtime, f"Sentence {number}.")
    assert hub.board.version - before <= 5


def test_two_hundred_readers_cost_little(hub: Hub, runtime: SampleRuntime) -> None:
    async def readers() -> float:
        streams = [hub.stream() for _ in range(200)]
        for stream in streams:
            await take(stream, 2)
        used = 0.0
        for number in range(4):
            await asyncio.to_thread(say, runtime, f"Sentence {number}.")
            began = time.process_time()
            await asyncio.gather(*(take(stream, 1) for stream in streams))
            used += time.process_time() - began
        return used / 4 / 200 * 1000

    assert asyncio.run(readers()) < 1.0  # ms of CPU per reader and event, the test's parsing in it


def test_verdict_of_a_hostile_text_is_plain_json(hub: Hub, runtime: SampleRuntime) -> None:
    evil = "</script>\n\nevent: board\ndata: {}\n\n<img src=x>"
    runtime.change(verdict=Verdict(Level.ACT, "x", evil, evil))
    runtime.versions.bump()
    eventually(lambda: hub.board.version == 2)
    frame = hub.board.since(1)
    assert frame.count(b"\n\n") == 1
    assert read(frame)[1]["sections"]["verdict"]["sentence"] == evil


def test_stopped_hub_leaves_no_thread(runtime: SampleRuntime) -> None:
    hub = Hub()
    hub.start(runtime)
    thread = hub._thread
    hub.stop()
    assert thread is not None
    assert thread.name == "board"
    assert not thread.is_alive()
