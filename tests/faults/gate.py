"""A gRPC server before a broker that hands every call on, or refuses it as told."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from tests.support import Closing

SUBSCRIBER = ".pubsub.v1.Subscriber/"
MONITORING = ".monitoring.v3.MetricService/"
STREAM = "/google.pubsub.v1.Subscriber/StreamingPull"
SIZES = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


class Gate(Closing, grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC brings no types
    """Bytes in, bytes out, whatever the method. `_lock` guards the refusal and the open calls.

    `admit`: asked with a call's metadata; UNAUTHENTICATED where it says no.
    """

    def __init__(
        self,
        target: str,
        credentials: grpc.ServerCredentials | None = None,
        admit: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        self._channel = grpc.insecure_channel(target, options=SIZES)
        self._admit = admit
        self._lock = threading.Lock()
        self._refusal: tuple[grpc.StatusCode, str] | None = None
        self._refused = ""
        self._streams: set[Any] = set()
        self.calls: Counter[str] = Counter()
        self._server = grpc.server(ThreadPoolExecutor(64), handlers=(self,), options=SIZES)
        if credentials is None:
            port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    @property
    def streams(self) -> int:
        """Streaming pulls that are open now."""
        with self._lock:
            return len(self._streams)

    def refuse(self, code: grpc.StatusCode, reason: str, service: str = SUBSCRIBER) -> None:
        """Refuse every call of a service from now on, and end its streams so."""
        with self._lock:
            self._refusal, self._refused = (code, reason), service
        if service == SUBSCRIBER:
            self.cut()

    def repair(self) -> None:
        """Hand on again."""
        with self._lock:
            self._refusal = None

    def cut(self) -> None:
        """End every stream; what comes is handed on, if it is admitted."""
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.cancel()

    def close(self) -> None:
        """End it all."""
        self._server.stop(0).wait(5)
        self._channel.close()

    def service(self, details: Any) -> Any:
        """gRPC's question to every handler: all methods are ours, a single message is a stream."""
        method, metadata = details.method, dict(details.invocation_metadata)

        def carry(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            return self._carry(method, metadata, requests, context)

        return grpc.stream_stream_rpc_method_handler(carry)

    def _carry(
        self, method: str, metadata: dict[str, Any], requests: Iterator[bytes], context: Any
    ) -> Iterator[bytes]:
        with self._lock:
            self.calls[method] += 1
        self._check(method, metadata, context)
        call = self._channel.stream_stream(method)(requests)
        context.add_callback(call.cancel)
        with self._lock:
            if method == STREAM:
                self._streams.add(call)
        try:
            yield from call
        except grpc.RpcError as error:
            self._check(method, metadata, context)
            context.set_trailing_metadata(tuple(call.trailing_metadata() or ()))
            context.abort(_passed_on(error.code()), error.details() or "")
        finally:
            with self._lock:
                self._streams.discard(call)

    def _check(self, method: str, metadata: dict[str, Any], context: Any) -> None:
        with self._lock:
            refusal = self._refusal
        if refusal is not None and self._refused in method:
            context.abort(*refusal)
        if self._admit is not None and not self._admit(metadata):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token has expired")


def _passed_on(code: grpc.StatusCode) -> grpc.StatusCode:
    """A call that we ended ourselves is the network's fault to whoever made it."""
    return grpc.StatusCode.UNAVAILABLE if code is grpc.StatusCode.CANCELLED else code
