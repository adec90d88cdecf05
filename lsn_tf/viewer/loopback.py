"""Keeps pictures of patients on this machine: no other host, no other site's page, nothing kept by the browser."""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

READING = ("GET", "HEAD")
LARGEST_BODY = 1_000_000  # bytes; an outline of a thousand corners has 40,000
HEADERS = {
    # NiiVue makes pictures and workers of its own data; nothing may come from, or go to, anywhere else.
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; script-src 'self' 'wasm-unsafe-eval'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Tells whether a name or an address, without port, is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class LoopbackOnly:
    """Refuses what does not come from a page of this server.

    A name that is not this machine's own in "Host" is how DNS rebinding looks. A request that changes something must
    come from the same origin, if it names one, and be JSON, which other sites' pages cannot send unasked.

    Args:
        app: the application behind it.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websockets here: unanswered, they are refused
        if reason := refused(scope["method"], Headers(scope=scope)):
            await PlainTextResponse(reason, 403)(scope, receive, send)
            return

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def refused(method: str, headers: Headers) -> str:
    """Returns why a request is refused, "" if it is not."""
    host = headers.get("host", "")
    if not is_loopback(_name(host)):
        return f"expected a Host of this machine, such as 127.0.0.1. Received {host[:80]!r}."
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return f"expected a request of this page. Received one from {headers['sec-fetch-site'][:80]}."
    if method in READING:
        return ""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return f"expected the origin of this page, {host[:80]}. Received {origin[:80]!r}."
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return f"expected application/json. Received {headers.get('content-type', 'no type')[:80]!r}."
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        return f"expected a body of at most {LARGEST_BODY} bytes, its length given. Received {length or 'no length'}."
    return ""


def _name(host: str) -> str:
    """Returns a Host without its port; an IPv6 address keeps its brackets."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.rpartition(":")[0] or host
