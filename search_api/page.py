"""Serves the page built from `web/`, or says how to build it.

Belongs here: addresses of the page's views and its files. Not here: building it (`deploy/build_page.py`).
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

__all__ = ["BUILT", "DOCS", "VIEWS", "install"]

BUILT = Path(__file__).with_name("web") / "dist"
# Addresses that the page itself tells apart. Others stay errors, so that a mistyped one is not answered by a page.
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

    def docs() -> Response:
        return shown("docs.html")

    for address, answer in (*((view, page) for view in VIEWS), (DOCS, docs)):
        app.add_api_route(address, answer, methods=["GET", "HEAD"], include_in_schema=False, response_model=None)
    if is_built:
        app.frontend("/", directory=built, fallback=None)
