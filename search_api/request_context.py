"""What every request gets: an id, a log line, security headers, a check of who asks and how much.

Belongs here: ASGI middleware. Not here: what a route does, how an error is worded (`error_replies.py`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
import uuid
from collections.abc import Iterable, Mapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resources.errors import LoupeError
from search_api.callers import LOOPBACK_NAMES, host_name
from search_api.error_replies import internal_reply, loupe_reply
from search_api.metrics import Metrics

__all__ = [
    "ENDINGS",
    "SAFE_METHODS",
    "BodyLimitMiddleware",
    "HostCheckMiddleware",
    "RequestContextMiddleware",
    "allowed_names",
]

log = structlog.get_logger("search_api")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WILDCARDS = frozenset(["0.0.0.0", "::", ""])
# Mobile networks at their worst give some 10 kB/s; pauses of a roaming phone are shorter than this.
_PATIENCE_S = 20.0
_LEAST_BYTES_PER_S = 4096
# Of all bodies that are being read, those that a route takes in memory.
_BODIES_BYTES = 1 << 30
# A request or the server is told to end: no fault.
ENDINGS = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)
SAFE_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])

# The page: everything from this address, nothing inline. Replies: nothing may run or load, whatever they hold.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
REPLY_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with "no-referrer" a browser sends "Origin: null" with a form
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
}


class RequestContextMiddleware:
    """Outermost: request id in reply and log, security headers, and `INTERNAL` for what nothing else caught."""

    def __init__(self, app: ASGIApp, map_tiles: str | None = None) -> None:
        self.app = app
        self._page_policy = _page_policy(map_tiles)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        policy = REPLY_POLICY if scope["path"].startswith("/api/") else self._page_policy
        metrics: Metrics = scope["app"].state.metrics
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                route = scope["state"].get("route")
                metrics.answered(route.template if route else "refused", status, time.perf_counter() - started)
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers.setdefault("Content-Security-Policy", policy)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        metrics.began()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_headers)
            except ENDINGS:
                raise
            except BaseException:  # a panic in a library written in Rust is no `Exception`
                log.exception("request_failed", method=scope["method"], path=scope["path"])
                if status:  # part of the reply is out: only cutting the connection tells the client
                    raise
                await internal_reply(request_id)(scope, receive, send_with_headers)
            finally:
                metrics.ended()
                elapsed_ms = round((time.perf_counter() - started) * 1000, 1)
                level = "info" if status >= 400 else "debug"
                getattr(log, level)(
                    "request", method=scope["method"], path=scope["path"], status=status, elapsed_ms=elapsed_ms
                )


class BodyLimitMiddleware:
    """Refuses bodies above `limit_bytes`, or what `by_path` allows for a path, even when they do not say their size.

    Together they may take `_BODIES_BYTES`; one that alone may be larger goes to the disk, and is not counted.
    And bodies that do not arrive: after `_PATIENCE_S` of waiting for the client it must have sent `_LEAST_BYTES_PER_S`.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, by_path: Mapping[str, int]) -> None:
        self.app = app
        self._limit_bytes = limit_bytes
        self._by_path = dict(by_path)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._limit_bytes)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            refusal = LoupeError("TOO_LARGE", f"The request has {int(declared):,} bytes; {limit:,} are allowed.")
            await loupe_reply(refusal)(scope, receive, send)
            return
        received, waited_s, whole = 0, 0.0, False
        counted = limit <= _BODIES_BYTES

        async def receive_within_limit() -> Message:
            nonlocal received, waited_s, whole
            if whole:  # from now on this waits for the client to go away, which may take hours
                return await receive()
            asked = time.monotonic()
            try:
                # Only the waiting counts: an app that is slow to ask for more is not the client's fault.
                patience_s = _PATIENCE_S + received / _LEAST_BYTES_PER_S - waited_s
                message = await asyncio.wait_for(receive(), max(0.0, patience_s))
            except TimeoutError:
                raise HTTPException(status_code=408, headers={"Connection": "close"}) from None
            waited_s += time.monotonic() - asked
            size = len(message.get("body", b""))
            received += size
            self._held += size if counted else 0
            whole = not message.get("more_body", False)
            if received > limit:
                # The one kind of error that the framework's body parsing lets through.
                raise HTTPException(status_code=413, headers={"Connection": "close"})
            if self._held > _BODIES_BYTES:
                raise HTTPException(status_code=503, headers={"Connection": "close", "Retry-After": "5"})
            return message

        try:
            await self.app(scope, receive_within_limit, send)
        finally:
            self._held -= received if counted else 0


class HostCheckMiddleware:
    """Refuses requests for other host names (DNS rebinding) and what other sites ask for (request forgery).

    `names` are lower-case host names without port; with `any_address` every literal IP address is accepted too,
    which no rebinding can forge. `origins` are the other sites that may ask.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], any_address: bool, origins: Iterable[str]) -> None:
        self.app = app
        self._names = frozenset(names)
        self._any_address = any_address
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await loupe_reply(refusal)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> LoupeError | None:
        host = host_name(headers.get("host", ""))
        if not (host in self._names or (self._any_address and _is_address(host))):
            return LoupeError(
                "HOST_NOT_ALLOWED",
                "This address is not one that Loupe answers to. Open it by localhost or by the configured host.",
                host=host,
            )
        origin = headers.get("origin")
        if origin is not None and origin.lower() in self._origins:
            return None
        from_site = headers.get("sec-fetch-site", "same-origin")
        if scope.get("method", "GET") in SAFE_METHODS:
            # Not even to be shown or timed; a link from elsewhere to a photo is fine.
            embedded = from_site not in ("same-origin", "none") and headers.get("sec-fetch-mode") != "navigate"
            if embedded and scope["path"].startswith("/api/"):
                return LoupeError("CROSS_SITE", "Another site asked for this, so it was refused.")
            return None
        foreign = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
        if foreign or from_site not in ("same-origin", "none"):
            return LoupeError("CROSS_SITE", "Another site asked for this change, so it was refused.")
        return None


def _page_policy(map_tiles: str | None) -> str:
    """That of the page; the server of the place map's tiles, where one was set, may be asked for pictures."""
    if map_tiles is None:
        return PAGE_POLICY
    origin = re.match(r"https?://[^/]+", map_tiles)
    assert origin, "settings take no other"
    return PAGE_POLICY.replace("connect-src 'self'", f"connect-src 'self' {origin[0]}")


def allowed_names(host: str, own_name: str, further: Iterable[str] = ()) -> tuple[frozenset[str], bool]:
    """The names to answer to when listening on `host`, and whether any literal address is fine.

    Loopback and the `further` ones always; the configured host; on a wildcard address also this machine's own name and
    any literal address.
    """
    if host in _WILDCARDS:
        return LOOPBACK_NAMES | {own_name.lower(), f"{own_name.lower()}.local", *further}, True
    return LOOPBACK_NAMES | {host.lower(), *further}, False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
