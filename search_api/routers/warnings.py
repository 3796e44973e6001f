"""Photos that came in although something was odd in their files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from resources.errors import WARNINGS
from resources.manifest import problems
from resources.manifest.problems import Which
from search_api.dependencies import OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.failures import WarnedPhoto, WarnedPhotos, WarningKind, WarningQuery

router = APIRouter(prefix="/warnings", tags=["problem files"])


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_warnings(query: Annotated[WarningQuery, Query()], library: OpenLibrary) -> WarnedPhotos:
    """Photos that came in with a warning, by path: worth a look, and searchable like any other."""
    which = Which(codes=query.code, under=query.under)
    with library.manifest.read() as tx:
        kinds = problems.warning_kinds(tx, Which(under=query.under))
        total = problems.warned_count(tx, which)
        rows = problems.warned(tx, which, query.limit, query.offset)
    return WarnedPhotos(
        total=total,
        by_code=[_kind(each, count) for each, count in kinds.items()],
        photos=[WarnedPhoto(**row, thumbnail_url=f"/api/v1/images/{row['photo_id']}/thumbnail") for row in rows],
    )


def _kind(code: str, count: int) -> WarningKind:
    row = WARNINGS.get(code)
    return WarningKind(code=code, meaning=row.meaning if row else code, advice=row.advice if row else "", count=count)
