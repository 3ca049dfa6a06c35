"""At most one streaming call at a time on a channel, and none that fails before it was sent."""

import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import structlog

from consumers.clock import Clock

log = structlog.get_logger(__name__)

REFUSED_S = 0.2  # a refusal looks like an answer until its status is read, just after
STOOD_S = 5.0  # a call that stood so long after its request went out was taken, said or not


class _Details(
    namedtuple(
        "_Details",
        ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression"),
    ),
    grpc.ClientCallDetails,  # type: ignore[misc]
):
    """What gRPC asks of a call."""


@dataclass
class _Opened:
    """A call that the client made, and what shows that the server took it."""

    call: grpc.Call | None = None
    sent_at: float | None = None  # monotonic; when its first request had gone out
    answered: bool = False

    def active(self) -> bool:
        return self.call is not None and bool(self.call.is_active())


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

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._present = _Opened()  # the client opens one after the other, under a lock

    @property
    def answered(self) -> bool:
        """Whether the server has taken the present call: it sent its initial metadata, at the
        latest with the first response; or the call stands five seconds after its first request
        went out on a connection, for a server may say nothing before it has a message.
        """
        present = self._present
        if not present.active():
            return False
        sent_at = present.sent_at
        stood = sent_at is not None and self._clock.monotonic() - sent_at >= STOOD_S
        return present.answered or stood

    def intercept_stream_stream(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Iterator[Any]], grpc.Call],
        client_call_details: grpc.ClientCallDetails,
        request_iterator: Iterator[Any],
    ) -> grpc.Call:
        """Begin a call once the channel is connected."""
        before, asked = self._present, client_call_details
        if before.call is not None and before.active():
            log.warning("forgotten_stream_ended", method=asked.method)
            before.call.cancel()
        details = _Details(
            asked.method, asked.timeout, asked.metadata, asked.credentials, True, asked.compression
        )
        present = self._present = _Opened()
        call = present.call = continuation(details, self._sent(present, request_iterator))
        threading.Thread(
            target=self._listen, args=(present, call), name="stream-answer", daemon=True
        ).start()
        return call

    def _sent(self, opened: _Opened, requests: Iterator[Any]) -> Iterator[Any]:
        """The requests. gRPC asks for the second one when the first has gone out, which waits for
        a connection that stands.
        """
        for request in requests:
            yield request
            if opened.sent_at is None:
                opened.sent_at = self._clock.monotonic()

    def _listen(self, opened: _Opened, call: grpc.Call) -> None:
        """Wait for the answer to a call, or its end; both come, if only by closing the channel."""
        over = threading.Event()
        call.initial_metadata()
        if call.add_callback(over.set) and not over.wait(REFUSED_S):
            opened.answered = True
