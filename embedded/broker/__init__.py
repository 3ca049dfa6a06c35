"""An embedded Pub/Sub broker: the real Google clients talk to it over gRPC on this machine.

`BrokerProcess` runs one as a child process; `serve` runs one on the event loop at hand. It
speaks `google.pubsub.v1` and, on the same port, `google.monitoring.v3`. State lives in memory and
goes with the process.
"""

import asyncio
from collections.abc import Callable

from embedded.broker.process import BrokerProcess

__all__ = ["BrokerProcess", "serve"]


async def serve(
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    ready: Callable[[str], None],
    allow_public: bool = False,
    cloud_delays: bool = False,
) -> None:
    """See `embedded.broker.server.serve`; gRPC is imported only when this is called."""
    from embedded.broker import server

    await server.serve(
        host, port, stop=stop, ready=ready, allow_public=allow_public, cloud_delays=cloud_delays
    )
