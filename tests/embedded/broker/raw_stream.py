"""A StreamingPull without the client's own lease management, to see what the broker does."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.cloud.pubsub_v1 import types

from embedded.broker import BrokerProcess

RawRequest = types.StreamingPullRequest.pb()
RawResponse = types.StreamingPullResponse.pb()


class RawStream:
    """A StreamingPull over a channel of its own, read by a thread."""

    def __init__(self, address: str, **opening: Any) -> None:
        self.messages: list[Any] = []
        self.responses = 0
        self.last: Any = None  # the last response
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._channel = grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)])
        call = self._channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull",
            request_serializer=RawRequest.SerializeToString,
            response_deserializer=RawResponse.FromString,
        )
        opening.setdefault("stream_ack_deadline_seconds", 60)
        self.send(**opening)
        self.call = call(iter(self._requests.get, None))
        self.call.initial_metadata()  # answered once the stream is open
        self._thread = threading.Thread(target=self._read, name="raw-stream", daemon=True)
        self._thread.start()

    @property
    def data(self) -> list[bytes]:
        """What has arrived so far."""
        return [received.message.data for received in self.messages]

    def send(self, **request: Any) -> None:
        """One request on the stream."""
        self._requests.put(RawRequest(**request))

    def close(self) -> None:
        """Cut it, as a crash would."""
        self.call.cancel()
        self._requests.put(None)
        self._thread.join(5)
        self._channel.close()

    def _read(self) -> None:
        try:
            for response in self.call:
                self.responses += 1
                self.last = response
                self.messages.extend(response.received_messages)
        except grpc.RpcError:
            return


@contextmanager
def raw_stream(broker: BrokerProcess, subscription: str, **opening: Any) -> Iterator[RawStream]:
    stream = RawStream(broker.address, subscription=subscription, **opening)
    try:
        yield stream
    finally:
        stream.close()
