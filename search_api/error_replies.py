"""Every error as `{"error": {"code", "message", "details"}}`, with the status that `resources.errors.CODES` gives.

Belongs here: exception handlers and the OpenAPI text of errors. Not here: raising them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from resources.errors import CODES, LoupeError
from resources.manifest.collections import NAME_PATTERN
from search_api.callers import Caller
from search_api.schemas.errors import ErrorReply

__all__ = ["EVERYWHERE", "install", "internal_reply", "loupe_error", "loupe_reply", "on_http_exception", "responses"]

log = structlog.get_logger("search_api")

_SCHEMA = {"$ref": f"#/components/schemas/{ErrorReply.__name__}"}
_RETRY_AFTER_S = 2  # long enough to open an index, short enough that a person does not notice the wait
# What may stand before any route says.
EVERYWHERE = (
    "INVALID_REQUEST",
    "HOST_NOT_ALLOWED",
    "SIGN_IN_NEEDED",
    "KEY_INVALID",
    "SCOPE_MISSING",
    "CROSS_SITE",
    "REQUEST_TIMEOUT",
    "TOO_LARGE",
    "TOO_MANY_REQUESTS",
)
_BY_STATUS = {
    404: ("NOT_FOUND", "There is nothing at this address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take that method."),
    408: ("REQUEST_TIMEOUT", "The request did not arrive in time. Send it again."),
    413: ("TOO_LARGE", "The request is larger than allowed."),
    503: ("UPLOADS_BUSY", "Too much is being sent at once. Try again in a moment."),
}


def loupe_reply(error: LoupeError, scope: Mapping[str, Any] | None = None) -> JSONResponse:
    """The reply for an error with a code; what will pass by itself says when to try again.

    Whoever is not known from `scope` to be an administrator does not learn where on this machine Loupe stands.
    """
    status = error.row.http_status
    headers: dict[str, str] = {}
    if status in (429, 503):
        headers["Retry-After"] = str(error.details.get("retry_after_s", _RETRY_AFTER_S))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    content = error.to_dict()
    caller: Caller | None = (scope or {}).get("state", {}).get("caller")
    if caller is None or "admin" not in caller.scopes:
        content = _without_places(content, _places(scope))
    return JSONResponse(content, status_code=status, headers=headers)


def _places(scope: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Folders of this machine that are no part of the library, and what to call them. Photos' own paths are content."""
    services = getattr(scope["app"].state, "services", None) if scope and "app" in scope else None
    known = [(str(services.library.home.path), "LOUPE_HOME")] if services else []
    return [*known, (sys.prefix, "…"), (str(Path(__file__).parents[1]), "…"), (tempfile.gettempdir(), "…")]


def _without_places(value: Any, places: list[tuple[str, str]]) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_places(each, places) for each in value]
    if isinstance(value, str):
        for place, name in places:
            value = value.replace(place, name)
    return value


def internal_reply(request_id: str) -> JSONResponse:
    """The reply for a fault in Loupe: an id that finds it in the log, and nothing of what went wrong."""
    message = f"Something went wrong in Loupe itself. Request {request_id} in the log says more."
    return loupe_reply(LoupeError("INTERNAL", message, request_id=request_id))


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` of a route that may answer with these codes."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        row = CODES[code]
        entry = by_status.setdefault(
            row.http_status,
            # Spelled out, because `model` would document the media type of the route's success.
            {"description": "", "content": {"application/json": {"schema": _SCHEMA, "examples": {}}}},
        )
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{code}`: {row.meaning}"]))
        entry["content"]["application/json"]["examples"][code] = {
            "value": {"error": {"code": code, "message": row.meaning, "details": {}}}
        }
    return by_status


def install(app: FastAPI) -> None:
    """Register the handlers on `app`."""
    app.add_exception_handler(LoupeError, _on_loupe_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_exception)


def _on_loupe_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LoupeError)
    if error.row.http_status >= 500:
        level = "info" if error.row.http_status == 503 else "warning"  # 503 passes by itself
        getattr(log, level)("request_refused", code=error.code, path=request.url.path, message=error.message)
    return loupe_reply(error, request.scope)


def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [
        # `input` is left out: it may be the bytes of an upload or a path.
        {"field": ".".join(str(part) for part in _without_source(problem["loc"])), "problem": _said(problem)}
        for problem in error.errors()
    ]
    first = problems[0] if problems else {"field": "", "problem": "not understood"}
    where = f"'{first['field']}': " if first["field"] else ""
    return loupe_reply(
        LoupeError("INVALID_REQUEST", f"The request cannot be used. {where}{first['problem']}.", problems=problems)
    )


def _said(problem: Mapping[str, Any]) -> str:
    if problem.get("ctx", {}).get("pattern") == NAME_PATTERN:
        return "A name can have no / and no line ends"
    return str(problem["msg"])


def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """The reply to what the server or a layer before the routes refused."""
    assert isinstance(error, HTTPException)
    return JSONResponse(loupe_error(error).to_dict(), status_code=error.status_code, headers=error.headers)


def loupe_error(error: HTTPException) -> LoupeError:
    """What the server or a layer before the routes refused, by its code."""
    return LoupeError(*_BY_STATUS.get(error.status_code, ("INVALID_REQUEST", "The request cannot be understood.")))


def _without_source(loc: Iterable[Any]) -> list[Any]:
    parts = list(loc)
    return parts[1:] if parts and parts[0] in ("body", "query", "path", "header") else parts
