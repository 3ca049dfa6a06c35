"""A TCP relay on this machine that holds every byte back: a broker that is further away."""

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def delayed(address: str, seconds: float) -> Iterator[str]:
    """An address that leads to `address` with a round trip longer by `seconds`."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(_serve(address, seconds / 2))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="delay", daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        server.close()
        loop.run_until_complete(_end(asyncio.all_tasks(loop)))
        loop.close()


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)  # for what was closed to be gone


async def _serve(address: str, one_way_s: float) -> asyncio.Server:
    host, _, port = address.rpartition(":")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(
                _relay(reader, far_writer, one_way_s), _relay(far_reader, writer, one_way_s)
            )
        except (asyncio.CancelledError, OSError):
            pass  # either side is gone, or the relay ends
        finally:
            writer.close()
            far_writer.close()

    return await asyncio.start_server(accept, "127.0.0.1", 0)


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one_way_s: float
) -> None:
    """Each piece goes on its time later, in order; how many are on their way does not matter."""
    loop = asyncio.get_running_loop()
    while piece := await reader.read(1 << 16):
        loop.call_later(one_way_s, writer.write, piece)
    loop.call_later(one_way_s, writer.close)
