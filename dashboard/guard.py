"""What stands before every request: response headers everywhere, and who may call our own routes.

Streamlit guards its own routes (`server.allowedHosts`, the origin check of its websocket) and none
of ours. A page of another site must not drive this machine's control room through its browser: not
by a foreign Host that a name server points here, not by a form that posts across origins.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN = ("/api/", "/metrics")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Pure ASGI, so that streams pass through it unbuffered."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = LOOPBACK) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        index = Path(streamlit.__file__).parent / "static" / "index.html"
        page = index.read_bytes().decode()
        self._headers = {"Content-Security-Policy": policy(page), **HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with headers added to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = scope["path"].startswith(OWN)
        fault = refusal(Headers(scope=scope), self._hosts) if own else None
        answer = self._app if fault is None else JSONResponse({"error": fault}, status_code=403)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if own and "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await answer(scope, receive, with_headers)


def policy(page: str) -> str:
    """What the browser may load: our own origin, and the inline scripts of Streamlit's `page` by
    their hashes. Components are modules from a blob; widgets style themselves inline. There is no
    eval, so no Vega chart."""
    found = (hashlib.sha256(m.encode()).digest() for m in INLINE_SCRIPT.findall(page))
    inline = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in found)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {inline}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "object-src 'none'",
        )
    )


def refusal(headers: Headers, hosts: frozenset[str]) -> str | None:
    """Why a request to our own routes is refused; None when it may pass.

    A missing Origin is a program on this machine or a same-origin GET; one that is present must
    name this very host and port.
    """
    host = headers.get("host", "")
    if _name(host) not in hosts:
        return "this host is not served here"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return "requests from other origins are refused"
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "requests from other sites are refused"
    return None


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
