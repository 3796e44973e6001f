"""Files that could not be read."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import APIRouter, Query

from resources.errors import CODES
from resources.manifest import failures
from search_api.dependencies import OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.failures import Failure, FailureKind, Failures

router = APIRouter(prefix="/failures", tags=["failures"])


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_failures(
    library: OpenLibrary,
    code: Annotated[str | None, Query(max_length=40, description="Only those with this code.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Failures:
    """The problem files, by code and path."""
    with library.manifest.read() as tx:
        counts = failures.count_by_code(tx)
        rows = failures.list_all(tx, code, limit, offset)
    return Failures(
        total=counts.get(code, 0) if code else sum(counts.values()),
        by_code=[
            FailureKind(code=kind, meaning=CODES[kind].meaning if kind in CODES else kind, count=count)
            for kind, count in counts.items()
        ],
        failures=[
            Failure(
                path=os.path.join(row["root_path"], row["rel_path"]),
                **{name: row[name] for name in Failure.model_fields if name in row},
            )
            for row in rows
        ],
    )
