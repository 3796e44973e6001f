"""Choosing a folder of this machine, below the configured roots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from resources.directories import list_directories
from resources.folders import is_inside
from resources.manifest import roots
from search_api.dependencies import OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.uploads import Directories, Directory

router = APIRouter(prefix="/directories", tags=["folders"])


@router.get(
    "", responses=responses("DIR_NOT_ALLOWED", "DIR_NOT_FOUND", "NOT_A_DIRECTORY", "NO_PERMISSION", "MANIFEST_BUSY")
)
def directories(
    library: OpenLibrary,
    path: Annotated[
        str | None, Query(max_length=4096, description="A folder that was listed before; unset: the roots.")
    ] = None,
) -> Directories:
    """The folders in a folder, each with how many photos it may hold."""
    found = list_directories(library.settings, path)
    with library.manifest.read() as tx:
        watched = [root["path"] for root in roots.rows(tx)]
    return Directories(
        path=found.path,
        parent=found.parent,
        directories=[
            Directory(
                name=each.name,
                path=each.path,
                hidden=each.hidden,
                readable=each.readable,
                watched=any(is_inside(each.path, root) for root in watched),
                photos=each.photos,
            )
            for each in found.folders
        ],
        more=found.more,
    )
