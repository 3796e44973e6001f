"""Assembles the app; everything it does lives in the modules it names. `server.py` serves it."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from resources import logs
from resources.home import this_process, write_atomically
from resources.settings import Settings
from search_api import error_replies, page
from search_api.access import AccessMiddleware
from search_api.audit import AuditMiddleware
from search_api.metrics import Metrics
from search_api.request_context import BodyLimitMiddleware, HostCheckMiddleware, RequestContextMiddleware, allowed_names
from search_api.route_rules import documented
from search_api.routers import (
    audit,
    browse,
    bulk,
    challenge,
    collections,
    directories,
    duplicates,
    edits,
    failures,
    folders,
    handoff,
    health,
    hidden,
    images,
    inference,
    ingest,
    jobs,
    metrics,
    places,
    saved_searches,
    search,
    session,
    similarity_map,
    skipped,
    stacks,
    status,
    uploads,
    warnings,
)
from search_api.services import Services

__all__ = ["create_app"]

_NOUNS = (
    health,
    search,
    saved_searches,
    browse,
    places,
    images,
    inference,
    challenge,
    edits,
    hidden,
    stacks,
    folders,
    directories,
    uploads,
    collections,
    bulk,
    handoff,
    similarity_map,
    ingest,
    duplicates,
    jobs,
    failures,
    warnings,
    skipped,
    status,
    session,
    audit,
    metrics,
)
_MAX_BODY_BYTES = 4 << 20
_DESCRIPTION = (
    "Search a photo library by what is in the pictures. Errors have one form, "
    '`{"error": {"code", "message", "details"}}`; every reply carries `X-Request-ID`, which finds it in the log.'
)


def create_app(settings: Settings | None = None, on_loaded: Callable[[], None] = lambda: None) -> FastAPI:
    """The app over the library of `settings` (default: environment and `loupe.toml`). Raises `CONFIG_INVALID`.

    `on_loaded` is called, in some thread, when an index or a model has come into memory or gone.
    """
    chosen = settings or Settings.load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        logs.configure(chosen)
        services = Services(chosen, on_loaded)
        await run_in_threadpool(services.start)
        app.state.services = services
        # The file is the owner's alone (mode 0600): the secret in it lets the command line in.
        said = {"host": chosen.host, "port": chosen.port, "secret": services.owner_secret, **this_process()}
        write_atomically(services.library.home.api_file, json.dumps(said).encode())
        try:
            yield
        finally:
            services.library.home.api_file.unlink(missing_ok=True)
            await run_in_threadpool(services.stop)

    app = FastAPI(
        title="Loupe",
        version=version("loupe-photos"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        # The bundled documentation pages load their scripts from another host; the page brings its own (`page.DOCS`).
        docs_url=None,
        redoc_url=None,
    )
    app.state.metrics = Metrics()
    api = APIRouter(prefix="/api/v1", responses=error_replies.responses(*error_replies.EVERYWHERE))
    for noun in _NOUNS:
        api.include_router(noun.router)
    app.include_router(api)
    page.install(app)
    error_replies.install(app)
    plain = app.openapi
    app.openapi = lambda: documented(plain())  # type: ignore[method-assign]
    _protect(app, chosen)
    return app


def _protect(app: FastAPI, settings: Settings) -> None:
    """What stands before every route; the last that is added comes first."""
    app.add_middleware(AuditMiddleware)
    app.add_middleware(
        BodyLimitMiddleware,
        limit_bytes=_MAX_BODY_BYTES,
        by_path={
            search.IMAGE_PATH: search.IMAGE_BYTES,
            **dict.fromkeys(inference.PATHS, inference.BODY_BYTES),
            handoff.FORM_PATH: handoff.FORM_BYTES,
            uploads.PATH: settings.upload_max_bytes,
        },
    )
    app.add_middleware(AccessMiddleware, settings=settings)
    names, any_address = allowed_names(settings.host, socket.gethostname(), settings.hosts)
    app.add_middleware(HostCheckMiddleware, names=names, any_address=any_address, origins=settings.cors_origins)
    if settings.cors_origins:
        # Without credentials: such a page sends a key, and never uses the session of this one.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Range", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After", "Content-Range", "ETag"],
        )
    app.add_middleware(RequestContextMiddleware, map_tiles=settings.map_tiles)
