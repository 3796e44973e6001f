"""Writes down each request that changed something: who, what, how much, when. What reads only leaves no trace here.

The reply waits for its row, so a change that was answered is in the log. Not here: which routes change something
(`route_rules.py`), the table (`resources/manifest/audit_log.py`).
"""

from __future__ import annotations

import json
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resources.errors import LoupeError
from resources.manifest import audit_log
from search_api.callers import Caller, address_of
from search_api.request_context import ENDINGS
from search_api.route_rules import RuledRoute
from search_api.services import Services

__all__ = ["AuditMiddleware"]

log = structlog.get_logger("search_api")

_REPLY_BYTES = 1 << 20  # above it a reply goes out without being looked at
_TARGET_CHARS = 500


class AuditMiddleware:
    """Inside `AccessMiddleware`, which knows who asks for what."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: RuledRoute | None = scope["state"]["route"] if scope["type"] == "http" else None
        if route is None or not route.rule.changes:
            await self.app(scope, receive, send)
            return
        held: list[Message] = []
        size, written = 0, False

        async def write_first(message: Message) -> None:
            nonlocal size, written
            if written:
                await send(message)
                return
            held.append(message)
            size += len(message.get("body", b""))
            whole = message["type"] == "http.response.body" and not message.get("more_body")
            if whole or size > _REPLY_BYTES:
                written = True
                await _write(scope, held[0]["status"], _content(held) if whole else {})
                for each in held:
                    await send(each)

        try:
            await self.app(scope, receive, write_first)
        except ENDINGS:
            raise
        except BaseException:
            # What was done before the fault is not known; that it was tried is.
            await _write(scope, 500, {})
            raise


async def _write(scope: Scope, status: int, reply: dict[str, Any]) -> None:
    if 400 <= status < 500 or status == 503:
        return  # refused: nothing was changed
    services: Services = scope["app"].state.services
    caller: Caller = scope["state"]["caller"]
    route: RuledRoute = scope["state"]["route"]
    if route.rule.unless and reply.get(route.rule.unless) is True:
        return  # only told what it would change
    target = route.target or _at(reply, route.rule.names)
    job = reply.get("job_id") or route.job_id
    row: dict[str, Any] = {
        "address": address_of(scope),
        "target": None if target is None else str(target)[:_TARGET_CHARS],
        "affected": _affected(reply, route.rule.counts),
        "status": status,
        "request_id": scope["state"]["request_id"],
        "run_id": str(job)[:64] if job else None,
    }
    log.info("changed", who=caller.name, action=route.template, **row)
    try:
        await run_in_threadpool(_add, services, caller.name, route.template, row)
    except LoupeError as error:
        # The change is done and cannot be taken back; the log has what the table lacks.
        log.error("audit_not_written", code=error.code, who=caller.name, action=route.template, **row)


def _add(services: Services, who: str, action: str, row: dict[str, Any]) -> None:
    with services.library.manifest.write() as tx:
        audit_log.add(tx, who, action, **row)


def _content(held: list[Message]) -> dict[str, Any]:
    """The reply as an object; empty for anything else."""
    try:
        content = json.loads(b"".join(message.get("body", b"") for message in held))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _affected(reply: dict[str, Any], fields: tuple[str, ...]) -> int | None:
    """The sum of the fields that say how much; a list counts its members."""
    said = [reply[field] for field in fields if field in reply]
    counts = [len(each) if isinstance(each, list) else each for each in said]
    whole = [each for each in counts if isinstance(each, int)]
    return sum(whole) if whole else None


def _at(reply: dict[str, Any], path: str | None) -> Any:
    """`reply["folder"]["path"]` for "folder.path"; None where there is none."""
    found: Any = reply if path else None
    for part in (path or "").split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
