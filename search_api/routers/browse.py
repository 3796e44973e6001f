"""Browsing: the same search without a query, what it can be narrowed by, chance, and what may be typed next."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from resources.search import PhotoSearch, SearchRequest, asking
from resources.search.facets import facets as counted_facets
from resources.search.facets import folders_below, random_photos
from resources.search.facets import timeline as counted_timeline
from resources.search.suggestions import suggest
from resources.vector_index import Condition, SearchFilters, VectorIndex
from search_api.dependencies import Held, Live
from search_api.error_replies import responses
from search_api.live_index import LiveIndex
from search_api.photo_cards import card
from search_api.routers.search import reply, search_filters, search_request, told_why
from search_api.schemas.search import (
    BrowsedFolder,
    BrowseQuery,
    Draw,
    Facet,
    Facets,
    FolderLevel,
    PeriodCount,
    RandomPhotos,
    RandomQuery,
    SearchQuery,
    SearchReply,
    SuggestedText,
    Suggestions,
    Timeline,
    TimelineQuery,
)
from search_api.services import Services

router = APIRouter(tags=["browse"])

_MAP_ERRORS = ("MAP_NOT_DRAWN", "MAP_CHANGED")
_LANGUAGE_ERRORS = ("INVALID_REQUEST", "QUERY_INVALID", "QUERY_WORDS_UNKNOWN", "PHOTO_NOT_FOUND", "INDEX_LOADING")


@router.get("/browse", responses=responses("INVALID_REQUEST", "CURSOR_EXPIRED", "INDEX_LOADING"))
def browse(query: Annotated[BrowseQuery, Query()], services: Held) -> SearchReply:
    """Photos by date, newest first; those without a date come last."""
    started = time.perf_counter()
    live = services.live
    request = SearchRequest(
        filters=search_filters(query), sort=query.sort, limit=query.limit, offset=query.offset, cursor=query.cursor
    )
    page = PhotoSearch(live.index, None).search(request)
    services.uses.search(request.filters.condition())
    return reply(page, request, live, started)


@router.get("/browse/facets", responses=responses("INDEX_LOADING"))
async def facets(services: Held) -> Facets:
    """What there is to filter by in the whole library, with how many photos have it."""
    watched = await services.watched.get()  # to open the manifest costs more than all the counting
    return await run_in_threadpool(_facets, services.live.index, SearchFilters().condition(), watched)


@router.post(
    "/search/facets", tags=["search"], responses=responses(*_LANGUAGE_ERRORS, *_MAP_ERRORS, "SEARCH_BY_CONTENT_OFF")
)
async def facets_of_a_search(query: SearchQuery, services: Held) -> Facets:
    """What the photos of a search can be narrowed by: all that filters leave, of a ranking those that are relevant."""
    watched = await services.watched.get()
    return await run_in_threadpool(_facets_of_a_search, query, services, watched)


@router.get("/browse/timeline", responses=responses("INVALID_REQUEST", "INDEX_LOADING"))
def timeline(filters: Annotated[TimelineQuery, Query()], live: Live) -> Timeline:
    """How many photos each year, month or day holds."""
    index, condition = live.index, search_filters(filters).condition()
    buckets, undated = counted_timeline(index, condition, filters.by)
    return Timeline(
        by=filters.by,
        periods=[PeriodCount(period=each.period, count=each.count) for each in buckets],
        undated=undated,
        total=index.counts(condition).total,
    )


@router.get("/browse/folders", responses=responses("INDEX_LOADING"))
def folder_level(
    live: Live,
    parent: Annotated[
        str | None, Query(max_length=4096, description="Absolute path; unset: where the library begins.")
    ] = None,
) -> FolderLevel:
    """The folders in a folder, with how many photos each and all below it hold."""
    found = folders_below(live.index, SearchFilters().condition(), parent)
    return FolderLevel(
        parent=parent,
        folders=[
            BrowsedFolder(
                path=each.path,
                name=each.path.rpartition("/")[2] or "/",
                count=each.count,
                has_folders=each.has_folders,
            )
            for each in found
        ],
    )


@router.get("/random", responses=responses(*_LANGUAGE_ERRORS))
def random(query: Annotated[RandomQuery, Query()], live: Live) -> RandomPhotos:
    """Photos by chance, out of all or of those that a query leaves."""
    return _drawn(live, asking(query.q, SearchRequest()), query)


@router.post("/random", responses=responses(*_LANGUAGE_ERRORS, *_MAP_ERRORS, "SEARCH_BY_CONTENT_OFF"))
def random_of_a_search(query: SearchQuery, draw: Annotated[Draw, Query()], services: Held) -> RandomPhotos:
    """Photos by chance out of a search: of all that filters leave, of a ranking those that are relevant."""
    return _drawn(services.live, search_request(query, services.map), draw)


@router.get("/search/suggest", tags=["search"], responses=responses("INVALID_REQUEST", "INDEX_LOADING"))
def suggestions(
    live: Live,
    text: Annotated[str, Query(max_length=4000, description="What stands in the search box.", examples=["beach cam"])],
    position: Annotated[int | None, Query(ge=0, le=4000, description="Where the caret is; unset: at the end.")] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="A fixed list of values is given whole.")] = 10,
) -> Suggestions:
    """What may be typed next: fields and their values, tags, people, places, words of captions."""
    at = len(text) if position is None else min(position, len(text))
    found = suggest(live.index, text, at, limit, SearchFilters().condition())
    return Suggestions(
        suggestions=[
            SuggestedText(
                kind=each.kind,
                label=each.label,
                insert=each.insert,
                start=each.start,
                length=each.length,
                field=each.field,
                count=each.count,
            )
            for each in found
        ]
    )


def _drawn(live: LiveIndex, request: SearchRequest, draw: Draw) -> RandomPhotos:
    with told_why(live):
        condition = live.search.found(request)
    index = live.index
    drawn = random_photos(index, condition, draw.count, draw.seed)
    stored = index.get(drawn)
    return RandomPhotos(photos=[card(stored[photo_id].payload) for photo_id in drawn if photo_id in stored])


def _facets_of_a_search(query: SearchQuery, services: Services, watched: list[str]) -> Facets:
    live = services.live
    with told_why(live):
        condition = live.search.found(search_request(query, services.map))
    return _facets(live.index, condition, watched)


def _facets(index: VectorIndex, condition: Condition | None, watched: list[str]) -> Facets:
    found = counted_facets(index, condition)
    facets = Facets(
        total=found.total,
        months=[PeriodCount(period=each.period, count=each.count) for each in found.months],
        undated=found.undated,
        **{name: [Facet(value=value, count=count) for value, count in pairs] for name, pairs in found.values.items()},
    )
    facets.folders = _watched_folders(facets.folders, watched)
    return facets


def _watched_folders(folders: list[Facet], watched: list[str]) -> list[Facet]:
    """The watched folders and those below them, by path; labels begin at the watched folder's own name."""
    found = []
    for path, count in sorted((folder.value, folder.count) for folder in folders):
        root = next((root for root in watched if path == root or path.startswith(root.rstrip("/") + "/")), None)
        if root is not None:
            parent = root.rstrip("/").rpartition("/")[0]
            found.append(Facet(value=path, label=path[len(parent) :].strip("/") or path, count=count))
    return found
