"""Browsing: the same search without a query, and what it can be narrowed by."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query

from resources.manifest import roots
from resources.search import PhotoSearch, SearchRequest
from resources.vector_index import SearchFilters
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
        watched = [root["path"] for root in roots.rows(tx)]

    def counted(key: str, limit: int = 100) -> list[tuple[str, int]]:
        return index.values(key, limit, SearchFilters().condition())  # as a search counts: a stack once

    return Facets(
        cameras=_facets(counted("camera")),
        lenses=_facets(counted("lens")),
        formats=_facets(counted("format")),
        tags=_facets(counted("tags", 500)),
        people=_facets(counted("people", 500)),
        color_labels=_facets(counted("color_label")),
        countries=_facets(counted("country", 300)),
        regions=_facets(counted("region", 500)),
        cities=_facets(counted("city", 500)),
        folders=_folders(counted("folders", _MOST_FOLDERS), watched),
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
