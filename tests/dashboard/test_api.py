"""Our own routes answer in JSON, whatever happens, and to nobody but this machine's own pages."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from structlog.testing import capture_logs

from consumers import door
from consumers.topology import ALERTS
from consumers.wire import Encoded
from dashboard.api import LARGEST_BODY, routes
from dashboard.guard import Guard
from dashboard.live.hub import Hub
from tests.support_runtime import SampleRuntime, sample_runtime

BASE = "http://127.0.0.1:8501"


UNDER_WATER = {
    "user_id": "a-1",
    "collateral_positions": {"ETH": 1},
    "borrow_positions": {"USDC": 4000},
}


class Acts:
    """An audit trail and a publisher that only remember, in order, what came to them."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def __call__(self) -> "Acts":
        """Itself, as the runtime's publisher."""
        return self

    def record(self, *, who: str, role: str, action: str, **rest: object) -> None:
        """One line of the trail."""
        del rest
        self.seen.append((who, role, action))

    def publish(self, topic: str, encoded: Encoded) -> "Future[str]":
        """Taken at once."""
        del encoded
        self.seen.append(topic)
        taken: Future[str] = Future()
        taken.set_result("1")
        return taken


class Client:
    """Requests to the routes and the guard as `dashboard.server` has them, without a socket."""

    def __init__(self, hub: Hub) -> None:
        app = Starlette(routes=routes(hub), middleware=[Middleware(Guard)])
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """A POST."""
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request."""

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url=BASE) as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())


@pytest.fixture
def runtime() -> Iterator[SampleRuntime]:
    """The sample, behind the door."""
    made = sample_runtime()
    door.install(made)
    yield made
    door.install(None)


@pytest.fixture
def client(runtime: SampleRuntime) -> Client:
    """A client of the routes as the server has them."""
    del runtime
    return Client(Hub())


def test_state_is_the_whole_picture(client: Client) -> None:
    answer = client.get("/api/state")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["verdict"]["code"] == "well"


def test_ready_says_why_not(client: Client, runtime: SampleRuntime) -> None:
    assert client.get("/api/ready").json() == {"ready": True, "reasons": []}
    runtime.scores = None
    answer = client.get("/api/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reasons": ["nothing scored yet"]}


def test_without_a_runtime_everything_is_unavailable() -> None:
    client = Client(Hub())
    for path in ("/api/state", "/api/ready", "/metrics"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert list(answer.json()) == ["error"]


def test_failure_is_json_without_a_traceback(client: Client, runtime: SampleRuntime) -> None:
    def fails(picture: object) -> object:
        raise RuntimeError(type(picture).__name__)

    runtime.changes = fails  # type: ignore[assignment]
    with capture_logs() as logs:
        answer = client.get("/api/state")
    assert answer.status_code == 500
    assert answer.json() == {"error": "internal error; the server's log has it"}
    assert [(entry["event"], entry["path"]) for entry in logs] == [("request_failed", "/api/state")]


def test_health_request_names_the_faulty_field(client: Client) -> None:
    answer = client.post("/api/v1/margin/health", content=b"{}")
    assert answer.status_code == 422
    assert answer.json()["field"] == "user_id"
    assert client.post("/api/v1/margin/health", content=b"[").status_code == 422


def test_healthy_account_is_answered_without_an_event(client: Client) -> None:
    body = {
        "user_id": "a-1",
        "collateral_positions": {"ETH": 1},
        "borrow_positions": {"USDC": 1000},
    }
    answer = client.post("/api/v1/margin/health", json=body)
    assert answer.status_code == 200
    assert answer.json()["status"] == "HEALTHY"
    assert answer.json()["margin_event"] is None


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-Ip"])
def test_what_a_proxy_passed_on_may_look_and_not_act(client: Client, name: str) -> None:
    passed_on = {name: "for=198.51.100.7"}
    refused = client.post("/api/v1/margin/health", json=UNDER_WATER, headers=passed_on)
    assert refused.status_code == 403
    assert refused.json() == {"error": "this needs the role of operator"}
    assert client.get("/api/state", headers=passed_on).status_code == 200
    assert client.get("/metrics", headers=passed_on).status_code == 200


def test_published_event_is_on_record_under_the_callers_name(
    client: Client, runtime: SampleRuntime
) -> None:
    acts = Acts()
    runtime.audit = acts  # type: ignore[attr-defined]
    runtime.publisher = acts  # type: ignore[attr-defined]
    answer = client.post("/api/v1/margin/health", json=UNDER_WATER)
    assert answer.status_code == 200
    assert answer.json()["published"] is True
    assert acts.seen == [("local", "admin", "publish_margin_event"), ALERTS]


def test_body_beyond_the_limit_is_refused(client: Client) -> None:
    answer = client.post("/api/v1/margin/health", content=b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert "error" in answer.json()


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/nope"), ("POST", "/api/state")])
def test_what_is_not_ours_to_answer_is_404_in_json(client: Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_metrics_are_prometheus_text(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert 'fusion_messages_total{topic="market.prices.v1"} 720.0' in lines
    assert 'fusion_price_age_seconds{asset="ETH"} 12.0' in lines
    assert 'fusion_feed_up{feed="prices"} 1.0' in lines
    assert 'fusion_verdict{level="ok"} 1.0' in lines
    assert 'fusion_accounts{status="NO_DEBT"} 1.0' in lines
    assert "fusion_sse_clients 0.0" in lines


def test_unknown_is_left_out_of_the_metrics(runtime: SampleRuntime) -> None:
    runtime.scores = None
    text = Client(Hub()).get("/metrics").text
    assert "fusion_accounts{" not in text
    assert "fusion_scoring_seconds " not in text


def test_stream_of_a_server_that_goes_down_is_refused(runtime: SampleRuntime) -> None:
    del runtime
    hub = Hub()
    hub.close()
    answer = Client(hub).get("/api/live")
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8501"}, 200),
        ({"host": "[::1]:8501"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "[::1"}, 403),
        ({"origin": BASE}, 200),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_only_this_machines_own_pages_may_ask(
    client: Client, headers: dict[str, str], status: int
) -> None:
    assert client.get("/api/ready", headers=headers).status_code == status


def test_every_answer_has_the_guarding_headers(client: Client) -> None:
    for path, host in (("/api/ready", "127.0.0.1"), ("/api/ready", "evil.example"), ("/x", "a")):
        headers = client.get(path, headers={"host": host}).headers
        assert "object-src 'none'" in headers["content-security-policy"]
        scripts = headers["content-security-policy"].split("script-src ")[1].split(";")[0]
        assert "unsafe" not in scripts
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert client.get("/api/ready").headers["cache-control"] == "no-store"
