"""Google Cloud Pub/Sub, or a broker that speaks its language: the only importer of the client.

Names are short ("alerts.margin.v1"); Google's paths and exceptions stay in here.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Literal

import google.auth
import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]
import grpc
import structlog
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import GoogleAuthError

from consumers.administration import CALL_S, Administration
from consumers.channel import CLOUD_OPTIONS, LOCAL_OPTIONS, ChannelStatus, ConnectionWatch
from consumers.clock import Clock, SystemClock
from consumers.errors import (
    BrokerUnreachableError,
    CredentialsError,
    DeniedError,
    ExistsError,
    InvalidRequestError,
    NotFoundError,
    PubSubError,
    QuotaError,
    UnfitError,
)
from consumers.one_call import OneCall
from consumers.publisher import Publisher, PublishResult
from consumers.receiving import Receiver
from consumers.stream import Handler, Incoming, Stream
from consumers.subscription import SubscriptionSpec
from consumers.wire import Encoded

__all__ = [
    "ChannelStatus",
    "Incoming",
    "PubSub",
    "PublishResult",
    "Publisher",
    "Stream",
    "SubscriptionSpec",
]

log = structlog.get_logger(__name__)

CLOUD = "pubsub.googleapis.com"
# A lease as short as allowed: what a killed process held comes again within 10 s. The client
# extends the leases of what is in hand by itself.
LEASE_S = 10
LONGEST_LEASE_S = 600
IN_HAND_BYTES = 12 * 1024 * 1024  # what a slow reader costs; any legal message fits
TYPES = pubsub_v1.types
_ACKNOWLEDGE = TYPES.AcknowledgeRequest.pb()
_TRANSPORT = pubsub_v1.SubscriberClient.get_transport_class("grpc")
BATCHES = TYPES.BatchSettings(max_latency=0.005)
PENDING = TYPES.PublishFlowControl(
    message_limit=20_000,
    byte_limit=64 * 1024 * 1024,
    limit_exceeded_behavior=TYPES.LimitExceededBehavior.BLOCK,
)
TRANSIENT = if_exception_type(
    api.Aborted,
    api.Cancelled,
    api.DeadlineExceeded,
    api.InternalServerError,
    api.ResourceExhausted,
    api.ServiceUnavailable,
    api.Unknown,
)
ACK_RETRY = Retry(predicate=TRANSIENT, initial=0.1, maximum=1.0, timeout=10.0)


class PubSub(Administration):
    """One project at one broker: a watched channel for calls, another for each stream.

    `address` "host:port" is an embedded broker or an emulator, without encryption and identity;
    None is the cloud, with the credentials that Google's libraries find. Every call raises
    PubSubError; none retries beyond its own few seconds. `traced`: the client makes OpenTelemetry
    spans of every message.
    """

    def __init__(
        self,
        project: str,
        address: str | None,
        clock: Clock | None = None,
        *,
        traced: bool = False,
    ) -> None:
        super().__init__()
        self._project = project
        self._local = address is not None
        self._address = address or CLOUD
        self._clock = clock or SystemClock()
        self._traced = traced
        # It logs tracebacks of streams that ended as they should; the feeds tell what matters.
        logging.getLogger("google.api_core.bidi").setLevel(logging.CRITICAL)
        self._credentials = None if self._local else _found_credentials()
        self._channel = self._open()
        self._watch = ConnectionWatch(self._channel, self._address, self._clock)
        self._topics = pubsub_v1.PublisherClient(transport=self._transport("Publisher"))
        self._subscriptions = pubsub_v1.SubscriberClient(transport=self._transport("Subscriber"))

    def close(self) -> None:
        """Close the channel; streams and publishers must be closed before."""
        self._watch.close()
        self._channel.close()

    def connectivity(self) -> ChannelStatus:
        """Whether the broker is reached; a killed one is noticed within a second."""
        return self._watch.status()

    def publisher(self) -> Publisher:
        """A publisher of its own, with small batches and bounded memory."""
        client = pubsub_v1.PublisherClient(
            batch_settings=BATCHES,
            publisher_options=TYPES.PublisherOptions(
                flow_control=PENDING,
                enable_open_telemetry_tracing=self._traced,
                retry=Retry(
                    predicate=TRANSIENT,
                    initial=0.1,
                    maximum=1.0 if self._local else 10.0,
                    multiplier=1.5,
                    timeout=60.0,
                ),
            ),
            transport=self._transport("Publisher"),
        )

        def send(topic: str, encoded: Encoded) -> "Future[str]":
            try:
                sent: Future[str] = client.publish(
                    self._topic(topic), encoded.data, **encoded.attributes
                )
            except (TypeError, ValueError, RuntimeError) as error:  # too large, no text, closed
                raise InvalidRequestError("topic", topic, str(error)) from error
            return sent

        return Publisher(
            send=send,
            translate=lambda topic, error: self._translated(error, "topic", topic),
            stop=client.stop,
            clock=self._clock,
        )

    def subscribe(
        self,
        subscription: str,
        topic: str,
        handle: Handler,
        *,
        max_messages: int = 1_000,
        together: int = 1,
    ) -> Stream:
        """Open a stream; `handle` gets the messages in order, on one thread of its own, of those
        that wait up to `together` at once.

        `handle` must not raise: all that it got would come again. Errors of the broker come with
        the stream's end.
        """

        # A channel of its own: after a lost connection the client sleeps for up to 10 s in the
        # thread in which gRPC serves all streams of a channel, and the next one would wait for it.
        calls = OneCall(self._clock)
        client = pubsub_v1.SubscriberClient(
            transport=self._transport("Subscriber", grpc.intercept_channel(self._open(), calls)),
            subscriber_options=TYPES.SubscriberOptions(enable_open_telemetry_tracing=self._traced),
        )
        path = self._subscription(subscription)

        def acknowledge(ids: Sequence[str]) -> None:
            # Made as the serialiser wants it: the client's own wrapper takes the ids one by one.
            request = TYPES.AcknowledgeRequest.wrap(_ACKNOWLEDGE(subscription=path, ack_ids=ids))
            client.acknowledge(request=request, retry=ACK_RETRY, timeout=CALL_S)

        receiver = Receiver(
            subscription,
            topic,
            handle,
            acknowledge=acknowledge,
            clock=self._clock,
            traced=self._traced,
            together=together,
        )
        try:
            future = client.subscribe(
                path,
                receiver.callback,
                flow_control=TYPES.FlowControl(
                    max_messages=max_messages,
                    max_bytes=IN_HAND_BYTES,
                    max_lease_duration=LONGEST_LEASE_S,
                    max_duration_per_lease_extension=LEASE_S,
                ),
                scheduler=receiver.scheduler,
                await_callbacks_on_shutdown=True,
            )
        except BaseException:
            receiver.stop()
            client.close()
            raise
        future.add_done_callback(lambda _: client.close())
        return Stream(
            future,
            receiver.leases,
            lambda error: self._translated(error, "subscription", subscription),
            lambda: calls.answered,
        )

    def _open(self) -> grpc.Channel:
        if self._local:
            return grpc.insecure_channel(self._address, options=LOCAL_OPTIONS)
        channel: grpc.Channel = _TRANSPORT.create_channel(
            self._address, credentials=self._credentials, options=CLOUD_OPTIONS
        )
        return channel

    def _transport(
        self, kind: Literal["Publisher", "Subscriber"], channel: grpc.Channel | None = None
    ) -> Any:
        client = getattr(pubsub_v1, f"{kind}Client")
        return client.get_transport_class("grpc")(channel=channel or self._channel)

    @contextlib.contextmanager
    def _errors(self, kind: str, name: str) -> Iterator[None]:
        """Google's exceptions end here."""
        try:
            yield
        except (api.GoogleAPIError, GoogleAuthError) as error:
            raise self._translated(error, kind, name) from error

    def _translated(self, error: BaseException, kind: str, name: str) -> PubSubError:
        reason = getattr(error, "message", None) or str(error)
        match error:
            case api.AlreadyExists():
                return ExistsError(kind, name)
            case api.NotFound():
                return NotFoundError(kind, name)
            case api.Forbidden():
                return DeniedError(kind, name, reason)
            case api.Unauthorized() | GoogleAuthError():
                return CredentialsError(reason)
            case api.TooManyRequests():
                return QuotaError(kind, name, reason)
            case api.ServerError() | api.Cancelled() | api.RetryError():
                return BrokerUnreachableError(self._address, reason)
            case _:
                return _refusal(error, kind, name, reason)


def _refusal(error: BaseException, kind: str, name: str, reason: str) -> PubSubError:
    """What is left: what cannot be used as it is, what was asked wrongly, and the unknown."""
    match error:
        case api.FailedPrecondition():
            return UnfitError(kind, name, reason)
        case api.ClientError():
            return InvalidRequestError(kind, name, reason)
        case _:
            return PubSubError(f"{kind} {name}: {reason or type(error).__name__}")


def _found_credentials() -> Any:
    try:
        credentials, _project = google.auth.default(scopes=_TRANSPORT.AUTH_SCOPES)
    except GoogleAuthError as error:
        raise CredentialsError(str(error)) from error
    return credentials
