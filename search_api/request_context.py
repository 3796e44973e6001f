"""What every request gets: an id, a log line, security headers, a check of who asks and how much.

Belongs here: ASGI middleware. Not here: what a route does, how an error is worded (`error_replies.py`).
"""

from __future__ import annotations

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
from search_api.error_replies import internal_reply, loupe_reply

__all__ = ["BodyLimitMiddleware", "HostCheckMiddleware", "RequestContextMiddleware", "allowed_names"]

log = structlog.get_logger("search_api")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_WILDCARDS = frozenset(["0.0.0.0", "::", ""])
_SAFE_METHODS = frozenset(["GET", "HEAD", "OPTIONS"])

# The page: everything from this address, nothing inline. Replies: nothing may run or load, whatever they hold.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
REPLY_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
}


class RequestContextMiddleware:
    """Outermost: request id in reply and log, security headers, and `INTERNAL` for what nothing else caught."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        policy = REPLY_POLICY if scope["path"].startswith("/api/") else PAGE_POLICY
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers.setdefault("Content-Security-Policy", policy)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_headers)
            except Exception:
                log.exception("request_failed", method=scope["method"], path=scope["path"])
                if status:  # part of the reply is out: only cutting the connection tells the client
                    raise
                await internal_reply(request_id)(scope, receive, send_with_headers)
            finally:
                elapsed_ms = round((time.perf_counter() - started) * 1000, 1)
                level = "info" if status >= 400 else "debug"
                getattr(log, level)(
                    "request", method=scope["method"], path=scope["path"], status=status, elapsed_ms=elapsed_ms
                )


class BodyLimitMiddleware:
    """Refuses bodies above `limit_bytes`, or what `by_path` allows for a path, even when they do not say their size."""

    def __init__(self, app: ASGIApp, limit_bytes: int, by_path: Mapping[str, int]) -> None:
        self.app = app
        self._limit_bytes = limit_bytes
        self._by_path = dict(by_path)

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
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(status_code=413)  # the one kind that the framework's body parsing lets through
            return message

        await self.app(scope, receive_within_limit, send)


class HostCheckMiddleware:
    """Refuses requests for other host names (DNS rebinding) and changes asked for by other sites (request forgery).

    `names` are lower-case host names without port; with `any_address` every literal IP address is accepted too,
    which no rebinding can forge.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], any_address: bool) -> None:
        self.app = app
        self._names = frozenset(names)
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await loupe_reply(refusal)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> LoupeError | None:
        host = _host_name(headers.get("host", ""))
        if not self._accepted(host):
            return LoupeError(
                "HOST_NOT_ALLOWED",
                "This address is not one that Loupe answers to. Open it by localhost or by the configured host.",
                host=host,
            )
        if scope.get("method", "GET") in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
        if foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return LoupeError("CROSS_SITE", "Another site asked for this change, so it was refused.")
        return None

    def _accepted(self, host: str) -> bool:
        return host in self._names or (self._any_address and _is_address(host))


def allowed_names(host: str, own_name: str) -> tuple[frozenset[str], bool]:
    """The names to answer to when listening on `host`, and whether any literal address is fine.

    Loopback always; the configured host; on a wildcard address also this machine's own name and any literal address.
    """
    if host in _WILDCARDS:
        return _LOOPBACK | {own_name.lower(), f"{own_name.lower()}.local"}, True
    return _LOOPBACK | {host.lower()}, False


def _host_name(header: str) -> str:
    """The host of a Host header, without port and brackets, lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
