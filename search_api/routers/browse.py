"""Browsing: the same search without a query, and what it can be narrowed by."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query

from resources.manifest import roots
from resources.search import PhotoSearch, SearchRequest
from search_api.dependencies import Live, OpenLibrary
from search_api.error_replies import responses
from search_api.routers.search import reply, search_filters
from search_api.schemas.search import BrowseQuery, Facet, Facets, SearchReply

router = APIRouter(prefix="/browse", tags=["browse"])

_MOST_FOLDERS = 2000


@router.get("", responses=responses("INVALID_REQUEST", "INDEX_LOADING"))
def browse(query: Annotated[BrowseQuery, Query()], live: Live) -> SearchReply:
    """Photos by date, newest first; those without a date come last."""
    started = time.perf_counter()
    request = SearchRequest(filters=search_filters(query), sort=query.sort, limit=query.limit, offset=query.offset)
    return reply(PhotoSearch(live.index, None).search(request), request, live, started)


@router.get("/facets", responses=responses("INDEX_LOADING"))
def facets(live: Live, library: OpenLibrary) -> Facets:
    """What there is to filter by, with how many photos have it."""
    index = live.index
    with library.manifest.read() as tx:
        watched = [root["path"] for root in roots.list_all(tx)]
    return Facets(
        cameras=_facets(index.values("camera")),
        lenses=_facets(index.values("lens")),
        formats=_facets(index.values("format")),
        tags=_facets(index.values("tags", 500)),
        folders=_folders(index.values("folders", _MOST_FOLDERS), watched),
    )


def _facets(values: list[tuple[str, int]]) -> list[Facet]:
    return [Facet(value=value, count=count) for value, count in values]


def _folders(values: list[tuple[str, int]], watched: list[str]) -> list[Facet]:
    """The watched folders and those below them, by path; labels begin at the watched folder's own name."""
    found = []
    for path, count in sorted(values):
        root = next((root for root in watched if path == root or path.startswith(root.rstrip("/") + "/")), None)
        if root is not None:
            parent = root.rstrip("/").rpartition("/")[0]
            found.append(Facet(value=path, label=path[len(parent) :].strip("/") or path, count=count))
    return found
