"""At most one streaming call at a time on a channel, and none that fails before it was sent."""

import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import structlog

log = structlog.get_logger(__name__)

REFUSED_S = 0.2  # a refusal looks like an answer until its status is read, just after


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

    A call that waits for its connection looks like any other: `answered` tells them apart.
    """

    def __init__(self) -> None:
        self._call: grpc.Call | None = None  # the client opens one after the other, under a lock
        self._answered: grpc.Call | None = None

    @property
    def answered(self) -> bool:
        """Whether the server has taken the present call: it sent its initial metadata, which come
        before or with the first response.
        """
        call = self._answered
        return call is self._call and call is not None and bool(call.is_active())

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
        call = self._call = continuation(details, request_iterator)
        threading.Thread(
            target=self._listen, args=(call,), name="stream-answer", daemon=True
        ).start()
        return call

    def _listen(self, call: grpc.Call) -> None:
        """Wait for the answer to a call, or its end; both come, if only by closing the channel."""
        over = threading.Event()
        call.initial_metadata()
        if call.add_callback(over.set) and not over.wait(REFUSED_S):
            self._answered = call
