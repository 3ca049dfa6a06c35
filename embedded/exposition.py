"""The platform's own figures for Prometheus, on a port of their own and on loopback alone."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from consumers.families import journal_families, published_families, worker_families

if TYPE_CHECKING:
    from embedded.platform import Platform

HOST = "127.0.0.1"
JOIN_S = 2.0


class PlatformCollector(Collector):
    """The platform as metrics, looked at anew for each scrape."""

    def __init__(self, platform: "Platform") -> None:
        self._platform = platform

    def collect(self) -> Iterable[Metric]:
        """All families."""
        yield from worker_families(self._platform.status())
        yield from journal_families(self._platform.journal_status())
        yield from published_families(self._platform.publishing())


class Exposition:
    """Answers `/metrics` from `start` to `stop`; owns the server's thread."""

    def __init__(self, platform: "Platform", port: int) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(PlatformCollector(platform))
        self._server, self._thread = start_http_server(port, HOST, registry)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_port)

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(JOIN_S)
