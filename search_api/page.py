"""Serves the page built from `web/`, or says how to build it.

Belongs here: addresses of the page's views and its files. Not here: building it (`deploy/build_page.py`).
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from search_api.error_replies import on_http_exception

__all__ = ["BUILT", "DOCS", "VIEWS", "install"]

BUILT = Path(__file__).with_name("web") / "dist"
# Addresses that the page itself tells apart. Others stay errors: the page says so to a person, with status 404.
VIEWS = (
    *("/", "/library", "/library/{section}", "/collections", "/collections/{name}"),
    *("/duplicates", "/map", "/places", "/settings", "/test-me"),
)
# The interactive documentation of the API: a page of its own.
DOCS = "/docs"
_NOT_BUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Loupe</title></head>
<body>
<main>
<h1>Loupe runs; its page is not built yet</h1>
<p>In the checkout, run <code>make setup</code> and start Loupe again. It brings what is needed to build the page.</p>
<p>Everything else works meanwhile: <code>loupe search "red boat"</code> in a terminal, and the
<a href="/api/v1/openapi.json">API</a>.</p>
</main>
</body>
</html>
"""


def install(app: FastAPI, built: Path = BUILT) -> None:
    """Serve the page of the folder `built`; after the API's routes."""
    is_built = (built / "index.html").is_file()

    def shown(name: str) -> Response:
        # Its name stays while the files it asks for get new names with each build, so it is always asked for anew.
        headers = {"Cache-Control": "no-cache"}
        there = is_built and (built / name).is_file()
        return FileResponse(built / name, headers=headers) if there else HTMLResponse(_NOT_BUILT, 503, headers)

    def page() -> Response:
        return shown("index.html")

    async def not_found(request: Request, error: Exception) -> Response:
        if _is_looked_at(request) and is_built:
            reply = page()
            reply.status_code = 404
            return reply
        return on_http_exception(request, error)

    def docs() -> Response:
        return shown("docs.html")

    for address, answer in (*((view, page) for view in VIEWS), (DOCS, docs)):
        app.add_api_route(address, answer, methods=["GET", "HEAD"], include_in_schema=False, response_model=None)
    app.add_exception_handler(404, not_found)
    if is_built:
        app.mount("/assets", _Assets(directory=built / "assets"))
        app.frontend("/", directory=built, fallback=None)


def _is_looked_at(request: Request) -> bool:
    """Whether a browser asks for it as a page, outside the API."""
    asks = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
    return asks and not request.url.path.startswith("/api/")


class _Assets(StaticFiles):
    """Files that are named by what is in them: kept for ever, and sent as the build packed them to who takes that."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        reply = await self._packed(path, scope) or await super().get_response(path, scope)
        reply.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        reply.headers["Vary"] = "Accept-Encoding"
        return reply

    async def _packed(self, path: str, scope: Scope) -> Response | None:
        if "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return None
        try:
            reply = await super().get_response(f"{path}.gz", scope)
        except HTTPException:  # too small to be packed, or not there at all
            return None
        reply.headers["Content-Encoding"] = "gzip"
        reply.headers["Content-Type"] = mimetypes.guess_type(path)[0] or "application/octet-stream"
        return reply
