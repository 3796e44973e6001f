"""Who changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from resources.manifest import audit_log
from search_api.dependencies import OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.session import Audit, AuditedChange, AuditQuery

router = APIRouter(prefix="/audit", tags=["access"])


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_changes(query: Annotated[AuditQuery, Query()], library: OpenLibrary) -> Audit:
    """Changes of the library's data, by whom, newest first."""
    with library.manifest.read() as tx:
        rows = audit_log.newest(tx, query.limit, query.before, query.who)
    return Audit(changes=[AuditedChange(**row) for row in rows])
