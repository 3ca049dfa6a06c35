"""One streaming call at a time: the client's helper can forget one that is open."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from google.api_core import exceptions as api
from google.cloud import pubsub_v1
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from consumers.one_call import STOOD_S, OneCall
from tests.support import FakeClock, eventually

SUBSCRIPTION = "projects/p/subscriptions/readers"
METHOD = "/google.pubsub.v1.Subscriber/StreamingPull"


class Pulls(grpc.GenericRpcHandler):
    """A server of streaming pulls: the first is refused, every later one stays open."""

    def __init__(self) -> None:
        self.begun = 0
        self.open = 0
        self.takes = True  # whether a call is answered before it brings something
        self._lock = threading.Lock()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return (
            grpc.stream_stream_rpc_method_handler(self._pull) if details.method == METHOD else None
        )

    def _pull(self, _requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        with self._lock:
            self.begun += 1
            first = self.begun == 1
        if first:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        over = threading.Event()
        if not context.add_callback(over.set):  # it was over before it began here
            over.set()
        with self._lock:
            self.open += 1
        if self.takes and not over.is_set():
            with contextlib.suppress(ValueError):  # cancelled meanwhile
                context.send_initial_metadata(())
        over.wait()
        with self._lock:
            self.open -= 1
        yield from ()


class Slow(grpc.StreamStreamClientInterceptor):
    """Gives a call back to the client when it has failed already, as a busy machine may."""

    def __init__(self) -> None:
        self._first = True

    def intercept_stream_stream(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Iterator[Any]], grpc.Call],
        client_call_details: grpc.ClientCallDetails,
        request_iterator: Iterator[Any],
    ) -> grpc.Call:
        first, self._first = self._first, False
        call = continuation(client_call_details, request_iterator)
        if first:
            eventually(lambda: not call.is_active())
        return call


@pytest.fixture
def pulls() -> Iterator[tuple[Pulls, str]]:
    handler = Pulls()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(None).wait(5)


def client_of(channel: grpc.Channel) -> pubsub_v1.SubscriberClient:
    return pubsub_v1.SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def test_the_client_alone_forgets_a_stream_that_stays_open(pulls: tuple[Pulls, str]) -> None:
    handler, address = pulls  # once this fails the client is mended and `OneCall` can go
    with client_of(grpc.intercept_channel(grpc.insecure_channel(address), Slow())) as client:
        future = client.subscribe(SUBSCRIPTION, lambda message: message.ack())
        eventually(lambda: handler.open == 2)
        assert future.running()
        future.cancel()
        future.result(10)


def test_a_forgotten_stream_is_ended_and_the_supervisor_told(pulls: tuple[Pulls, str]) -> None:
    handler, address = pulls
    channel = grpc.intercept_channel(grpc.insecure_channel(address), OneCall(FakeClock()))
    with client_of(grpc.intercept_channel(channel, Slow())) as client:
        future = client.subscribe(SUBSCRIPTION, lambda message: message.ack())
        assert isinstance(future.exception(10), api.Cancelled)
        eventually(lambda: handler.open == 0)
        assert handler.begun in (2, 3)  # the last may end before the server has begun it


def test_a_call_waits_for_a_connection_instead_of_failing() -> None:
    with grpc.insecure_channel("127.0.0.1:9") as nobody:  # the port of `discard`: closed
        for one, code in ((None, "UNAVAILABLE"), (OneCall(FakeClock()), "DEADLINE_EXCEEDED")):
            channel = nobody if one is None else grpc.intercept_channel(nobody, one)
            with pytest.raises(grpc.RpcError) as caught:
                next(channel.stream_stream(METHOD)(iter(()), timeout=0.5))
            assert caught.value.code().name == code


def begun(address: str, calls: OneCall) -> tuple[grpc.Channel, grpc.Call]:
    """A call on a channel of its own; nobody reads it."""
    channel = grpc.insecure_channel(address)
    method = grpc.intercept_channel(channel, calls).stream_stream(METHOD)
    return channel, method(iter((b"",)))


def listening() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "stream-answer"]


def test_a_call_that_the_server_takes_is_answered_until_it_ends(pulls: tuple[Pulls, str]) -> None:
    handler, address = pulls
    handler.begun = 1  # the first is refused
    calls = OneCall(FakeClock())
    channel, call = begun(address, calls)
    eventually(lambda: calls.answered)
    call.cancel()
    assert not calls.answered
    channel.close()
    eventually(lambda: not listening())


def test_a_call_that_is_refused_or_not_connected_is_not_answered_one_held_up_in_time(
    pulls: tuple[Pulls, str],
) -> None:
    handler, address = pulls
    handler.takes, clock = False, FakeClock()
    all_three = refused, held, unconnected = OneCall(clock), OneCall(clock), OneCall(clock)
    first, call = begun(address, refused)
    eventually(lambda: not call.is_active())
    second, _ = begun(address, held)
    third, _ = begun("127.0.0.1:9", unconnected)
    eventually(lambda: handler.open == 1)
    threading.Event().wait(0.5)  # more than it takes to be mistaken
    assert [calls.answered for calls in all_three] == [False] * 3

    def stands() -> bool:
        clock.advance(STOOD_S)
        return held.answered

    eventually(stands)
    assert [calls.answered for calls in all_three] == [False, True, False]
    for channel in (first, second, third):
        channel.close()
    eventually(lambda: not listening())
