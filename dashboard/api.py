"""The routes for machines: the whole state, readiness, metrics, the platform's own request.

Who may ask is decided as on the pages: what a proxy passed on may read state and metrics, which
hold no settings, and may not act.
"""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any

import orjson
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consumers import door
from consumers.door import RuntimeMissingError
from consumers.health_api import answer
from dashboard.access import Action, may, viewer_of
from dashboard.live.hub import Hub
from dashboard.live.routes import live_route
from dashboard.metrics import exposition

LARGEST_BODY = 1_000_000
Endpoint = Callable[[Request], Awaitable[Response]]
log = structlog.get_logger(__name__)


class BodyTooLargeError(ValueError):
    """A request body beyond LARGEST_BODY."""

    def __init__(self) -> None:
        super().__init__(f"a body may have {LARGEST_BODY:,} bytes")


def routes(hub: Hub) -> list[Route]:
    """Every route of our own, over one hub."""
    return [
        live_route(hub),
        Route("/api/state", answered(state), methods=["GET"]),
        Route("/api/ready", answered(ready), methods=["GET"]),
        Route("/api/v1/margin/health", answered(margin_health), methods=["POST"]),
        Route("/metrics", answered(partial(metrics, hub)), methods=["GET"]),
        Route("/api/{path:path}", answered(unknown), methods=["GET", "POST", "PUT", "DELETE"]),
    ]


def answered(endpoint: Endpoint) -> Endpoint:
    """Turn whatever goes wrong into JSON; a traceback is for the log alone."""

    @wraps(endpoint)
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RuntimeMissingError as error:
            return json(503, {"error": str(error)})
        except BodyTooLargeError as error:
            return json(413, {"error": str(error)})
        except Exception:
            log.exception("request_failed", path=request.url.path)
            return json(500, {"error": "internal error; the server's log has it"})

    return guarded


async def state(request: Request) -> Response:
    """The whole picture, with ages."""
    del request
    return json(200, await run_in_threadpool(door.runtime().state))


async def ready(request: Request) -> Response:
    """200 when every feed is live and the book is scored, else 503 with the reasons."""
    del request
    good, reasons = await run_in_threadpool(door.runtime().ready)
    return json(200 if good else 503, {"ready": good, "reasons": list(reasons)})


async def margin_health(request: Request) -> Response:
    """The platform's own request; the margin event that it finds is published, so it is an act."""
    viewer = viewer_of(request.headers)
    if not may(Action.PUBLISH_MARGIN_EVENT, viewer):
        return json(403, {"error": "this needs the role of operator"})
    body = await _body(request)
    ask = partial(answer, who=viewer.name, role=viewer.role)
    status, reply = await run_in_threadpool(ask, door.runtime(), body)
    return json(status, reply)


async def metrics(hub: Hub, request: Request) -> Response:
    """Prometheus' text format."""
    del request
    picture = await run_in_threadpool(door.runtime().picture)
    body, media_type = exposition(picture, readers=hub.readers)
    return Response(body, media_type=media_type)


async def unknown(request: Request) -> Response:
    """JSON, too, for a path that is none of ours."""
    return json(404, {"error": f"{request.method} is not answered on this path"})


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise BodyTooLargeError
        parts.append(part)
    return b"".join(parts)


def json(status: int, body: Any) -> Response:
    """A JSON answer; what has no JSON type is written as text."""
    return Response(
        orjson.dumps(body, default=str), status_code=status, media_type="application/json"
    )
