"""Photos that came in although something was odd in their files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from resources.errors import WARNINGS
from resources.manifest import problems
from resources.manifest.problems import Which
from search_api.dependencies import Held, OpenLibrary
from search_api.error_replies import responses
from search_api.routers.failures import start_retry
from search_api.schemas.failures import (
    RetriedFailures,
    RetryWarnings,
    WarnedPhoto,
    WarnedPhotos,
    WarningKind,
    WarningQuery,
)

router = APIRouter(prefix="/warnings", tags=["problem files"])


@router.get("", responses=responses("ROOT_NOT_FOUND", "MANIFEST_BUSY"))
def list_warnings(query: Annotated[WarningQuery, Query()], library: OpenLibrary) -> WarnedPhotos:
    """Photos that came in with a warning, by path: worth a look, and searchable like any other."""
    which = Which(codes=query.code, under=query.under)
    with library.manifest.read() as tx:
        problems.check(tx, which, warnings=True)
        kinds = problems.warning_kinds(tx, Which(under=query.under))
        total = problems.warned_count(tx, which)
        rows = problems.warned(tx, which, query.limit, query.offset)
    return WarnedPhotos(
        total=total,
        by_code=[_kind(each, count) for each, count in kinds.items()],
        photos=[WarnedPhoto(**row, thumbnail_url=f"/api/v1/images/{row['photo_id']}/thumbnail") for row in rows],
    )


@router.post("/retry", status_code=202, responses=responses("ROOT_NOT_FOUND", "MANIFEST_BUSY"))
def retry_warnings(asked: RetryWarnings, services: Held) -> RetriedFailures:
    """Read files of photos with a warning again, those that can be reached: they may have been copied whole since.

    The photos stay as they are until then.
    """
    which = Which(asked.codes, under=asked.under)
    with services.library.manifest.write() as tx:
        problems.check(tx, which, warnings=True)
        retried = problems.reread(tx, which)
    services.status.forget()
    job_id, note = start_retry(services, retried)
    return RetriedFailures(retried=retried.count, job_id=job_id, note=note)


def _kind(code: str, count: int) -> WarningKind:
    row = WARNINGS.get(code)
    return WarningKind(code=code, meaning=row.meaning if row else code, advice=row.advice if row else "", count=count)
