"""An OTLP endpoint on this machine that remembers what it was sent."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import Closing

UNTIL_THE_END = "600000"  # milliseconds between exports: only those at a process' end come


class Collector(Closing):
    """`spans` are (service, name of the span) of all that came; owns the thread `collector`."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._post())
        threading.Thread(target=self._server.serve_forever, name="collector", daemon=True).start()
        self.environment = {
            "FUSION_OTEL": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
            "OTEL_BSP_SCHEDULE_DELAY": UNTIL_THE_END,
            "NO_PROXY": "127.0.0.1",
        }

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def _post(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Post(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/traces":
                    take(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        return Post

    def _take(self, body: bytes) -> None:
        for of in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in of.resource.attributes}
            self.spans += [
                (named["service.name"], span.name)
                for scope in of.scope_spans
                for span in scope.spans
            ]
