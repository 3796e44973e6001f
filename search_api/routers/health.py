"""Whether the API lives, and what of it can be used."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter

from resources.errors import CODES
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.schemas.errors import ErrorReply
from search_api.schemas.status import Health, Readiness

router = APIRouter(prefix="/health", tags=["health"])

_VERSION = version("loupe-photos")  # to look it up reads files


@router.get("/live", responses={500: {"model": ErrorReply, "description": CODES["INTERNAL"].meaning}})
async def live() -> Health:
    """The process answers."""
    return Health(version=_VERSION)


@router.get(
    "/ready",
    responses=responses("INDEX_LOADING", "INDEX_BUSY", "INDEX_UNREACHABLE", "MANIFEST_BUSY", "MANIFEST_DAMAGED"),
)
async def ready(services: Held) -> Readiness:
    """Index and manifest are open: words and browsing work. Answers 503 until then, whatever Dagster and model do."""
    _ = services.live.index
    await services.manifest_opens.get()
    return Readiness(
        index=services.live.index_state,
        manifest="ready",
        model=services.live.model_state,
        dagster="ready" if await services.dagster_up.get() else "unreachable",
    )
