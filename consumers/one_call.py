"""At most one streaming call at a time on a channel, and none that fails before it was sent."""

from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import structlog

log = structlog.get_logger(__name__)


class _Details(
    namedtuple(
        "_Details",
        ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression"),
    ),
    grpc.ClientCallDetails,  # type: ignore[misc]
):
    """What gRPC asks of a call."""


class OneCall(grpc.StreamStreamClientInterceptor):  # type: ignore[misc]
    """For a channel that serves one subscription.

    When a call fails at once, because a name does not resolve, the client's helper may open two
    in its place, and forgets the second: `BidiRpc.open` (google-api-core 2.44) sets `call` after
    the callback that reopens. Nobody reads that one, yet the broker gives it a share of the
    messages, which come again a minute later. So calls wait until the channel stands, and one
    that is still open when another begins is ended: the client then ends the stream, and whoever
    supervises it opens a new one.
    """

    def __init__(self) -> None:
        self._call: grpc.Call | None = None  # the client opens one after the other, under a lock

    def intercept_stream_stream(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Iterator[Any]], grpc.Call],
        client_call_details: grpc.ClientCallDetails,
        request_iterator: Iterator[Any],
    ) -> grpc.Call:
        """Begin a call once the channel is connected."""
        before, asked = self._call, client_call_details
        if before is not None and before.is_active():
            log.warning("forgotten_stream_ended", method=asked.method)
            before.cancel()
        details = _Details(
            asked.method, asked.timeout, asked.metadata, asked.credentials, True, asked.compression
        )
        self._call = continuation(details, request_iterator)
        return self._call
