"""`GET /api/live`: the board as server-sent events."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard.live.hub import Hub

MOST_READERS = 500


def live_route(hub: Hub) -> Route:
    """The route, over one hub."""

    async def live(request: Request) -> Response:
        del request
        if hub.closed or hub.readers >= MOST_READERS:
            return JSONResponse({"error": "no room for another reader"}, status_code=503)
        return StreamingResponse(
            hub.stream(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return Route("/api/live", live, methods=["GET"])
