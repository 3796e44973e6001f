"""Lets a request through or not: who asks, whether the route allows it, and whether they ask too often.

Before the body is read. Not here: who is who (`callers.py`), what routes ask for (`route_rules.py`), which sites may
ask (`request_context.py`).
"""

from __future__ import annotations

import math

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from resources.errors import LoupeError
from resources.settings import Settings
from search_api.callers import NOBODY, Caller, address_of, by_key, without_keys
from search_api.error_replies import loupe_reply
from search_api.rate_limit import RateLimit
from search_api.request_context import SAFE_METHODS
from search_api.route_rules import RuledRoutes
from search_api.services import Services

__all__ = ["AccessMiddleware"]

# Wrong keys an address may try: 256 random bits are not guessed, but trying should not fill the log either.
_WRONG_KEYS_PER_S, _WRONG_KEYS_AT_ONCE = 0.2, 10


class AccessMiddleware:
    """Sets `caller` in the request's state, which `RuledRoutes` has found the `route` for."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._require_keys = settings.require_keys
        self._requests = RateLimit(settings.requests_per_s, settings.requests_at_once)
        self._wrong_keys = RateLimit(_WRONG_KEYS_PER_S, _WRONG_KEYS_AT_ONCE)
        self._routes: RuledRoutes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return  # there is none: the connection is refused
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        if self._routes is None:
            self._routes = RuledRoutes(scope["app"].routes)
        state["caller"] = NOBODY
        state["route"] = route = self._routes.find(
            scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        )
        if route.job_id:  # a job is a run: the log of both sides has the same id
            structlog.contextvars.bind_contextvars(run_id=route.job_id[:64])
        try:
            state["caller"] = caller = await self._caller(scope)
            self._limit(caller, address_of(scope))
            _allow(caller, route.rule.scope)
        except LoupeError as error:
            await loupe_reply(error, scope)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        services: Services = scope["app"].state.services
        headers = Headers(scope=scope)
        address = address_of(scope)
        caller = without_keys(scope, headers, services.owner_secret, self._require_keys)
        if caller is None:
            if services.keys.is_stale():
                await run_in_threadpool(services.keys.refresh)
            caller = by_key(headers, services.keys)
        if caller is None:  # only now: who shares this address and has a key is not kept out by others' wrong ones
            if wait_s := self._wrong_keys.wait_s(address):
                raise _too_many(wait_s)
            self._wrong_keys.count(address)
            raise LoupeError("KEY_INVALID", "The key that was sent is not valid: it may have expired or been revoked.")
        asked_by = "origin" in headers or "sec-fetch-site" in headers
        if caller.how == "session" and scope["method"] not in SAFE_METHODS and not asked_by:
            # Every browser of today says which page asks; `HostCheckMiddleware` has compared it.
            raise LoupeError("CROSS_SITE", "The browser does not say which page asks for this change.")
        return caller

    def _limit(self, caller: Caller, address: str) -> None:
        if caller.is_owner:
            return
        client = caller.key_id or address
        if wait_s := self._requests.wait_s(client):
            raise _too_many(wait_s)
        self._requests.count(client)


def _allow(caller: Caller, scope: str | None) -> None:
    if scope is None or scope in caller.scopes:
        return
    if caller is NOBODY:
        raise LoupeError(
            "SIGN_IN_NEEDED", "Sign in first: open the link that `loupe keys link` prints, or send a key.", scope=scope
        )
    raise LoupeError("SCOPE_MISSING", f"'{caller.name}' may not do this: it needs the scope '{scope}'.", scope=scope)


def _too_many(wait_s: float) -> LoupeError:
    seconds = math.ceil(wait_s)
    return LoupeError("TOO_MANY_REQUESTS", f"Too many requests. Try again in {seconds} s.", retry_after_s=seconds)
