"""The dashboard's server as it is, and a route that tells a drill what goes on in the process."""

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import dashboard
from consumers.runtime import Runtime
from consumers.settings import load
from dashboard.api import json, routes
from dashboard.guard import Guard
from dashboard.hosting import INSISTING, control_room
from dashboard.live.hub import Hub

HUB = Hub()
# Of Streamlit and its server: the scripts, workers for blocking calls, what watches files, the
# process's first thread; and the one of ours that ends the process when nothing else does.
SERVERS = ("ScriptRunner", "AnyIO worker", "asyncio_", "ThreadPoolExecutor-0_", "MainThread")
SCRIPT = Path(dashboard.__file__).with_name("app.py")


def ours() -> list[str]:
    """The threads that are not Streamlit's."""
    return [
        thread.name
        for thread in threading.enumerate()
        if not thread.name.startswith((*SERVERS, INSISTING))
        and not type(thread).__module__.startswith("watchdog")
    ]


async def drill(request: Request) -> Response:
    """The threads by name, and how often the edited module was loaded anew."""
    del request
    edited = sys.modules.get("consumers.door")
    return json(
        200,
        {
            "threads": ours(),
            "edits": getattr(edited, "EDITS", 0),
        },
    )


LIVES = control_room(lambda: Runtime(load()), HUB)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any] | None]:
    """The room's own; at its end a line tells which threads there are still."""
    async with LIVES(app) as state:
        yield state
    sys.stdout.buffer.write(orjson.dumps({"left": ours()}) + b"\n")
    sys.stdout.flush()


app = st.App(
    str(SCRIPT),
    lifespan=lifespan,
    routes=[Route("/drill", drill, methods=["GET"]), *routes(HUB)],
    middleware=[Middleware(Guard)],
)
