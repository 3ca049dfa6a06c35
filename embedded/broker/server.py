"""The server: one port, Pub/Sub and Monitoring, on the running event loop."""

import asyncio
import gc
import ipaddress
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc.aio

from consumers.clock import SystemClock
from embedded.broker import publisher, subscriber
from embedded.broker.errors import BindError, UnavailableError
from embedded.broker.memory import MIB, Limits
from embedded.broker.points import Points
from embedded.broker.registry import Registry
from embedded.broker.rpc import service
from embedded.broker.sampling import Sampler

_OPTIONS = (
    ("grpc.so_reuseport", 0),  # else a second broker would share the port without a word
    # Enough for every request there may be, and what is somewhat larger is told why it may not be.
    ("grpc.max_receive_message_length", 32 * MIB),
    ("grpc.max_send_message_length", -1),
    # Find peers that went without closing their connection: ping, and take no answer for an answer.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Let clients do the same without being told "too many pings".
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
)
_SWEEP_S = 5.0


def check_host(host: str, *, allow_public: bool) -> None:
    """Refuse to serve other machines unless told so: the broker knows no credentials."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not allow_public:
        raise BindError(host, None, "not a loopback address; --allow-public serves it all the same")


async def serve(
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    ready: Callable[[str], None],
    allow_public: bool = False,
    limits: Limits | None = None,
    cloud_delays: bool = False,
    prepare: Callable[[Registry], None] | None = None,
) -> None:
    """Serve until `stop` is set; `ready` gets the address ("127.0.0.1:8085") once it listens.

    Port 0 takes a free one. With `cloud_delays` Monitoring shows its figures as late as the cloud
    does, not those of this instant. `prepare` sees the registry before anybody is served.
    BindError if the address cannot be had. When stopping, streams end
    with UNAVAILABLE, so that clients reconnect to whoever comes next.
    """
    check_host(host, allow_public=allow_public)
    _probe(host, port)
    clock, loop = SystemClock(), asyncio.get_running_loop()
    registry = Registry(clock=clock, alarm=loop.call_at, limits=limits)
    if prepare is not None:
        prepare(registry)
    sampler = Sampler(registry, clock=clock, alarm=loop.call_at)
    sampler.start()
    server = grpc.aio.server(options=_OPTIONS)
    points = Points(sampler, clock, cloud_delays=cloud_delays)
    server.add_generic_rpc_handlers(services(registry, points))
    bracketed = f"[{host}]" if ":" in host else host
    try:
        bound = server.add_insecure_port(f"{bracketed}:{port}")
    except RuntimeError as error:
        raise BindError(host, port, "somebody else was quicker") from error
    await server.start()
    sweeper = asyncio.create_task(_sweep(registry), name="sweeper")
    # Messages and leases make no cycles; let the collector leave them, and what is loaded, alone.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        ready(f"{bracketed}:{bound}")
        await stop.wait()
    finally:
        sweeper.cancel()
        for subscription in registry.subscriptions.values():
            subscription.delivery.takers.end(UnavailableError())
        await server.stop(grace=0.5)


async def _sweep(registry: Registry) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_S)
        loop.call_soon(registry.sweep)  # what goes wrong in one is logged, and the next comes


def services(registry: Registry, points: Points) -> tuple[Any, ...]:
    """All that the broker serves, for `grpc.aio.Server.add_generic_rpc_handlers`."""
    return (
        service(publisher.NAME, publisher.Publisher(registry).methods()),
        service(subscriber.NAME, subscriber.Subscriber(registry).methods()),
        _OnDemand("google.monitoring.v3.", partial(_monitoring, registry, points)),
        _OnDemand("google.iam.v1.", partial(_iam, registry)),
        _OnDemand("google.pubsub.v1.SchemaService", partial(_schemas, registry)),
    )


class _OnDemand:
    """A service that is imported when it is first called: many a broker never is."""

    def __init__(self, prefix: str, load: Callable[[], Any]) -> None:
        self._prefix = f"/{prefix}"
        self._load = load
        self._service: Any = None

    def service(self, call: Any) -> Any:
        """gRPC's question to every handler: is this method yours?"""
        if not call.method.startswith(self._prefix):
            return None
        if self._service is None:
            self._service = self._load()
        return self._service.service(call)


def _monitoring(registry: Registry, points: Points) -> Any:
    from embedded.broker import monitoring

    return service(monitoring.NAME, monitoring.MetricService(registry, points).methods())


def _iam(registry: Registry) -> Any:
    from embedded.broker import iam

    return service(iam.NAME, iam.IamPolicy(registry).methods())


def _schemas(registry: Registry) -> Any:
    from embedded.broker import schema_service

    return service(schema_service.NAME, schema_service.SchemaService(registry).methods())


def _probe(host: str, port: int) -> None:
    """Say why an address cannot be had; gRPC itself only logs it."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BindError(host, port, str(reason).lower()) from error
