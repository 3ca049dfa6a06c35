"""Run a broker as a process: say where it listens, stop on a signal or when the parent is gone."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from embedded.broker.errors import BindError, SeedError
from embedded.broker.lifeline import parent_gone
from embedded.broker.memory import MIB, Limits
from embedded.broker.seed import read
from embedded.broker.server import serve


def run(
    host: str,
    port: int,
    *,
    allow_public: bool = False,
    parent: int | None = None,
    seed: Path | None = None,
    memory_mb: int | None = None,
    cloud_delays: bool = False,
) -> int:
    """Serve until SIGTERM, SIGINT (not with a `parent`) or the end of process `parent`.

    `memory_mb`: what messages may take, see `Limits`. Returns the exit status, 0 or 2.

    Prints one line, `{"address": "127.0.0.1:8085"}`, on standard output once it listens.
    2: the address cannot be served, or the seed file is wrong; with a line on standard error
    for each fault.
    """
    try:
        start = partial(
            serve,
            host,
            port,
            ready=_announce,
            allow_public=allow_public,
            limits=None if memory_mb is None else Limits(memory_bytes=memory_mb * MIB),
            cloud_delays=cloud_delays,
            prepare=None if seed is None else read(seed).sow,
        )
        asyncio.run(_run(start, parent=parent))
    except SeedError as error:
        sys.stderr.write("".join(f"broker: {fault}\n" for fault in error.faults))
        return 2
    except BindError as error:
        sys.stderr.write(f"broker: {error}\n")
        return 2
    return 0


async def _run(start: Callable[..., Awaitable[None]], *, parent: int | None) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    watch = None
    if parent is not None:
        # Ctrl-C goes to the whole terminal group; the parent stops us when everyone else is done.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        watch = asyncio.create_task(parent_gone(parent, sys.stdin.fileno()), name="lifeline")
        watch.add_done_callback(lambda _: stop.set())
    try:
        await start(stop=stop)
    finally:
        if watch is not None:
            watch.cancel()


def _announce(address: str) -> None:
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()
