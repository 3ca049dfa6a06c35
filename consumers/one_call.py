"""At most one streaming call at a time on a channel, and none that fails before it was sent."""

import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import structlog

from consumers.clock import Clock

log = structlog.get_logger(__name__)

REFUSED_S = 0.2  # a refusal looks like an answer until its status is read, just after
TAKEN_S = 5.0  # a call that stands so long on a connection that stands was taken, said or not


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
    `channel` is the one that the calls go through.
    """

    def __init__(self, channel: grpc.Channel, clock: Clock) -> None:
        self._clock = clock
        self._call: grpc.Call | None = None  # the client opens one after the other, under a lock
        self._answered: grpc.Call | None = None
        self._began = clock.monotonic()
        self._ready_since: float | None = None
        channel.subscribe(self._connectivity)

    def _connectivity(self, state: grpc.ChannelConnectivity) -> None:
        ready = state is grpc.ChannelConnectivity.READY
        self._ready_since = self._clock.monotonic() if ready else None

    @property
    def answered(self) -> bool:
        """Whether the server has taken the present call: it sent its initial metadata, at the
        latest with the first response; or the call stands for five seconds on a connection that
        stands, for a server may say nothing before it has a message.
        """
        call, ready = self._call, self._ready_since
        if call is None or not call.is_active():
            return False
        if call is self._answered:
            return True
        return ready is not None and self._clock.monotonic() - max(ready, self._began) > TAKEN_S

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
        self._began = self._clock.monotonic()
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
