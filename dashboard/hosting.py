"""The life of the server: the runtime and the live board begin before the first browser comes and
end, with every stream, within the time a stop may take.
"""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType
from typing import Any

import streamlit as st

from consumers import door
from consumers.memory import settle
from consumers.runtime import Runtime
from dashboard.live.hub import Hub

STOP_S = 6.0  # of the 8 s that a stop may take
INSIST_S = 7.5
INSISTING = "insist"

Lifespan = Callable[[st.App], AbstractAsyncContextManager[dict[str, Any] | None]]


def control_room(make: Callable[[], Runtime], hub: Hub) -> Lifespan:
    """Runtime and live board, from the server's start to its end."""

    @asynccontextmanager
    async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any] | None]:
        del app
        runtime = await asyncio.to_thread(door.open_runtime, make)
        hub.start(runtime)
        release_streams_on_signal(hub)
        settle()
        try:
            yield None
        finally:
            await asyncio.to_thread(hub.stop)
            await asyncio.to_thread(door.close_runtime, STOP_S)

    return lifespan


def release_streams_on_signal(hub: Hub) -> None:
    """End the event streams at the first signal: the server waits for them before its lifespan
    ends, so that nothing later could end them."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def ending(caught: int, frame: FrameType | None, before: Any = before) -> None:
            hub.close()
            _insist()
            if callable(before):
                before(caught, frame)

        signal.signal(number, ending)


def _insist() -> None:
    """End the process when the server has not within the time: it may wait for a connection that
    nobody closes. Nothing is lost by it: what is not committed is not acknowledged.
    """
    last = threading.Timer(INSIST_S, os._exit, (1,))
    last.name = INSISTING
    last.daemon = True
    last.start()
