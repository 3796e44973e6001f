"""Whether the API lives, and what of it can be used."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter

from resources.errors import CODES
from search_api.dependencies import Live
from search_api.error_replies import responses
from search_api.schemas.errors import ErrorReply
from search_api.schemas.status import Health, Readiness

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", responses={500: {"model": ErrorReply, "description": CODES["INTERNAL"].meaning}})
async def live() -> Health:
    """The process answers."""
    return Health(version=version("loupe-photos"))


@router.get("/ready", responses=responses("INDEX_LOADING", "INDEX_BUSY", "INDEX_UNREACHABLE"))
async def ready(live: Live) -> Readiness:
    """The index is open: words and browsing work. Answers 503 until then."""
    _ = live.index
    return Readiness(index=live.index_state, model=live.model_state)
