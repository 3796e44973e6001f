"""Files in watched folders that are not taken in, and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from resources.manifest import problems
from resources.manifest.problems import Which
from search_api.dependencies import OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.failures import SkippedFile, SkippedFiles, SkippedQuery, SkipReason

router = APIRouter(prefix="/skipped", tags=["problem files"])


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_skipped(query: Annotated[SkippedQuery, Query()], library: OpenLibrary) -> SkippedFiles:
    """Files that are left out on purpose: videos, sidecars, ignored ones, what is no photo."""
    which = Which(codes=query.reason, under=query.under)
    with library.manifest.read() as tx:
        reasons = problems.skip_reasons(tx, Which(under=query.under))
        rows = problems.skipped(tx, which, query.limit, query.offset)
    return SkippedFiles(
        total=sum(count for name, count in reasons.items() if not query.reason or name in query.reason),
        by_reason=[SkipReason(reason=name, count=count) for name, count in reasons.items()],
        files=[SkippedFile(**row) for row in rows],
    )
