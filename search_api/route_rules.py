"""What each route asks of its caller: one table, walked by a test that fails for a route without a row.

A route that has no row needs the admin scope. Here too: which routes change something, for the audit log, and where
their reply says how much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from re import Pattern
from typing import Any, Literal

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from search_api.callers import SESSION_COOKIE

__all__ = ["PREFIX", "RULES", "Rule", "RuledRoute", "RuledRoutes", "documented"]

PREFIX = "/api/v1"
_BUCKET = 3  # "/api/v1/<noun>/..." by "/"


@dataclass(frozen=True)
class Rule:
    """`scope` None: anybody who reaches the port. `changes`: it goes to the audit log, with how much was changed as
    the reply says in the fields `counts`, and with its object as the reply says at `names` ("folder.path") where the
    address does not; a reply in which the field `unless` is true says that nothing was changed, and leaves no row."""

    scope: Literal["read", "write", "admin"] | None
    changes: bool = False
    counts: tuple[str, ...] = ()
    names: str | None = None
    unless: str | None = None


@dataclass(frozen=True)
class RuledRoute:
    """A route by its template, "GET /images/{photo_id}", what it asks for, and what the address names."""

    template: str
    rule: Rule
    target: str | None = None
    job_id: str | None = None


_ANYBODY, _READ, _ADMIN = Rule(None), Rule("read"), Rule("admin")


def _write(*counts: str, names: str | None = None, unless: str | None = None) -> Rule:
    return Rule("write", True, counts, names, unless)


def _administer(*counts: str, names: str | None = None) -> Rule:
    return Rule("admin", True, counts, names)


RULES: dict[str, Rule] = {
    "GET /openapi.json": _READ,
    # States, no names and no numbers: for whoever starts, restarts or balances the service.
    "GET /health/live": _ANYBODY,
    "GET /health/ready": _ANYBODY,
    # The key is the link in its body.
    "POST /session": Rule(None, changes=True, names="name"),
    "GET /session": _ANYBODY,
    "DELETE /session": Rule(None, changes=True),
    "GET /search": _READ,
    "POST /search": _READ,
    "GET /search/text": _READ,
    "POST /search/image": _READ,
    "POST /search/facets": _READ,
    "POST /search/places": _READ,
    "GET /search/suggest": _READ,
    "GET /capabilities": _READ,
    "POST /embed": _READ,
    "POST /caption": _READ,
    "POST /batch_embed_and_caption": _READ,
    "POST /vectors": _READ,
    "GET /challenge": _READ,
    "POST /challenge/rounds": _READ,
    "POST /challenge/rounds/{token}": _write(),
    "GET /browse": _READ,
    "GET /browse/facets": _READ,
    "GET /browse/timeline": _READ,
    "GET /browse/folders": _READ,
    "GET /random": _READ,
    "POST /random": _READ,
    "GET /images/{photo_id}": _READ,
    "GET /images/{photo_id}/thumbnail": _READ,
    "GET /images/{photo_id}/preview": _READ,
    "GET /images/{photo_id}/original": _READ,
    "GET /images/{photo_id}/motion": _READ,
    "GET /images/{photo_id}/similar": _READ,
    "GET /images/{photo_id}/stack": _READ,
    "POST /images/{photo_id}/stack/cover": _write(),
    "DELETE /images/{photo_id}/stack": _write("photo_ids"),
    "POST /images/{photo_id}/stack/take-out": _write("photo_ids"),
    "POST /images/{photo_id}/stack/reunite": _write(),
    "PUT /images/{photo_id}/caption": _write(),
    "DELETE /images/{photo_id}/caption": _write(),
    "PUT /images/{photo_id}/rating": _write(),
    "DELETE /images/{photo_id}/rating": _write(),
    "GET /images/{photo_id}/tags": _READ,
    "POST /images/{photo_id}/tags": _write(),
    "DELETE /images/{photo_id}/tags": _write(),
    "GET /hidden": _READ,
    "GET /hidden/paths": _READ,
    "POST /hidden": _write("photo_ids"),
    "POST /hidden/show": _write("photo_ids"),
    "GET /collections": _READ,
    "POST /collections": _write(names="name"),
    "GET /collections/{name}": _READ,
    "PATCH /collections/{name}": _write(),
    "DELETE /collections/{name}": _write("photos"),
    "GET /collections/{name}/photos": _READ,
    "POST /collections/{name}/photos": _write("added"),
    "DELETE /collections/{name}/photos": _write("removed"),
    "POST /collections/{name}/merge": _write("added"),
    "POST /collections/{name}/split": _write("moved"),
    "GET /collections/{name}/duplicates": _READ,
    "GET /collections/{name}/map": _READ,
    "GET /map": _READ,
    "GET /map/points": _READ,
    "GET /map/columns": _READ,
    "POST /map/found": _READ,
    "POST /map/draw": _write(),
    "POST /bulk": _write("changed"),
    "POST /bulk/dry-run": _READ,
    "POST /bulk/undo": _write("changed"),
    "POST /handoff/paths": _READ,
    "POST /handoff/zip": _READ,
    "POST /handoff/zip/form": _READ,
    "POST /handoff/dataset": _READ,
    "GET /saved-searches": _READ,
    "POST /saved-searches": _write(names="name"),
    "GET /saved-searches/{name}": _READ,
    "PATCH /saved-searches/{name}": _write(),
    "DELETE /saved-searches/{name}": _write(),
    "GET /saved-searches/{name}/results": _READ,
    "GET /duplicates": _READ,
    "GET /duplicates/groups": _READ,
    "GET /images/{photo_id}/duplicates": _READ,
    "POST /duplicates/find": _write(),
    "POST /duplicates/keep": _write("hidden", unless="dry_run"),
    "POST /duplicates/different": _write("pairs"),
    "DELETE /duplicates/different": _write("pairs"),
    "GET /folders": _READ,
    # Whoever may name a folder may read every picture of the machine.
    "POST /folders": _administer("photo_files", names="folder.path"),
    "GET /folders/missing": _READ,
    "POST /folders/move": _administer("files", names="new"),
    "POST /folders/{root_id}/accept-missing": _administer("gone", names="folder.path"),
    "DELETE /folders/{root_id}": _administer("photos", names="path"),
    # Names folders of the machine.
    "GET /directories": _ADMIN,
    "POST /uploads": _write("stored", names="folder"),
    "GET /ingest": _READ,
    "GET /ingest/status/{job_id}": _READ,
    "POST /ingest/pause": _write(),
    "POST /ingest/resume": _write(),
    "GET /jobs": _READ,
    "GET /jobs/{job_id}": _READ,
    "GET /jobs/{job_id}/events": _READ,
    "GET /jobs/{job_id}/logs": _READ,
    "POST /jobs/{job_id}/cancel": _write(),
    "POST /jobs/{job_id}/retry": _write(),
    "GET /failures": _READ,
    "POST /failures/retry": _write("retried"),
    "GET /warnings": _READ,
    "POST /warnings/retry": _write("retried"),
    "GET /skipped": _READ,
    "GET /status": _READ,
    # Walks index and manifest: seconds of work for one request.
    "GET /status/index": _ADMIN,
    "GET /audit": _ADMIN,
    "GET /metrics": _READ,
}

_UNDECLARED = _administer()
_UNKNOWN = RuledRoute("unknown", _READ)
_PAGE = RuledRoute("page", _ANYBODY)


class RuledRoutes:
    """Finds the rule of a request, before its body is read, by the same patterns in the same order as the router."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._by_noun: dict[str, list[tuple[Pattern[str], frozenset[str], str]]] = defaultdict(list)
        for context in iter_route_contexts(routes):
            path, methods = context.path_format, context.methods
            if path is None or methods is None or not path.startswith(PREFIX):
                continue
            self._by_noun[_noun(path)].append((context.path_regex, frozenset(methods), path.removeprefix(PREFIX)))

    def find(self, method: str, path: str) -> RuledRoute:
        """The route that answers. Under `/api/` what no route answers asks for the read scope; the page for nothing."""
        for pattern, methods, template in self._by_noun.get(_noun(path), ()):
            if method in methods and (found := pattern.match(path)):
                name = f"{'GET' if method == 'HEAD' else method} {template}"
                said = found.groupdict()
                return RuledRoute(
                    name, RULES.get(name, _UNDECLARED), "/".join(said.values()) or None, said.get("job_id")
                )
        return _UNKNOWN if path.startswith("/api/") else _PAGE

    def templates(self) -> list[str]:
        """Every route, "GET /images/{photo_id}"; HEAD goes with GET."""
        return [
            f"{method} {template}"
            for routes in self._by_noun.values()
            for _, methods, template in routes
            for method in sorted(methods - {"HEAD"})
        ]


def documented(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the ways to prove who asks, the scope of each operation, and times as they are."""
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "A key of `loupe keys create`."},
        "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "Of a signed-in browser."},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            rule = RULES.get(f"{method.upper()} {path.removeprefix(PREFIX)}", _UNDECLARED)
            # The last, nothing: on the machine itself no key is needed.
            operation["security"] = [{"key": []}, {"session": []}, {}] if rule.scope else []
            operation["x-scope"] = rule.scope or "none"
    _without_zones(document)
    return document


def _without_zones(part: Any) -> None:
    """Every time of the API is UTC, or a camera's wall clock, and says no zone, which `date-time` would promise."""
    if isinstance(part, dict):
        if part.get("format") == "date-time":
            part["format"] = "date-time-local"
        for each in part.values():
            _without_zones(each)
    elif isinstance(part, list):
        for each in part:
            _without_zones(each)


def _noun(path: str) -> str:
    parts = path.split("/", _BUCKET + 1)
    return parts[_BUCKET] if len(parts) > _BUCKET else ""
