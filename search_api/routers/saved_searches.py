"""Searches that a person keeps: saving, listing, running, renaming, deleting."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Path, Query
from pydantic import ValidationError

from resources.errors import LoupeError
from resources.manifest import saved_searches
from search_api.dependencies import Held, OpenLibrary
from search_api.error_replies import responses
from search_api.routers.search import answer, search_request
from search_api.schemas.saved_searches import ChangeSearch, SavedSearch, SavedSearches, SaveSearch
from search_api.schemas.search import MAX_LIMIT, Cursor, SearchQuery, SearchReply
from search_api.services import Services

router = APIRouter(prefix="/saved-searches", tags=["saved searches"])

Name = Annotated[str, Path(min_length=1, max_length=200, description="The saved search's name.")]
_RUN_ERRORS = (
    *("SAVED_SEARCH_NOT_FOUND", "INVALID_REQUEST", "QUERY_INVALID", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN"),
    *("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "CURSOR_EXPIRED", "INDEX_LOADING"),
    *("MODEL_LOADING", "SEARCH_BY_CONTENT_OFF", "MODEL_NOT_FETCHED", "MANIFEST_BUSY"),
    *("MAP_NOT_DRAWN", "MAP_CHANGED"),
)


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_searches(library: OpenLibrary) -> SavedSearches:
    """Every saved search, by name."""
    with library.manifest.read() as tx:
        return SavedSearches(searches=[_shown(row) for row in saved_searches.list_all(tx)])


@router.post(
    "", status_code=201, responses=responses("SAVED_SEARCH_EXISTS", "INVALID_REQUEST", "QUERY_INVALID", "MANIFEST_BUSY")
)
def save(asked: SaveSearch, library: OpenLibrary) -> SavedSearch:
    """Keep a search under a name. One that cannot be read is refused."""
    request = _kept(asked.query)
    with library.manifest.write() as tx:
        return _shown(saved_searches.create(tx, asked.name, request))


@router.get("/{name}", responses=responses("SAVED_SEARCH_NOT_FOUND", "MANIFEST_BUSY"))
def get_search(name: Name, library: OpenLibrary) -> SavedSearch:
    """One saved search."""
    with library.manifest.read() as tx:
        return _shown(saved_searches.get(tx, name))


@router.patch(
    "/{name}",
    responses=responses(
        *("SAVED_SEARCH_NOT_FOUND", "SAVED_SEARCH_EXISTS", "INVALID_REQUEST", "QUERY_INVALID", "MANIFEST_BUSY")
    ),
)
def change(name: Name, asked: ChangeSearch, library: OpenLibrary) -> SavedSearch:
    """Rename it, or let it search for something else."""
    request = _kept(asked.query) if asked.query else None
    with library.manifest.write() as tx:
        return _shown(saved_searches.change(tx, name, new_name=asked.name, request=request))


@router.delete("/{name}", status_code=204, responses=responses("SAVED_SEARCH_NOT_FOUND", "MANIFEST_BUSY"))
def delete(name: Name, library: OpenLibrary) -> None:
    """Forget it. Photos are not touched."""
    with library.manifest.write() as tx:
        saved_searches.delete(tx, name)


@router.get("/{name}/results", responses=responses(*_RUN_ERRORS))
def run(
    name: Name,
    services: Held,
    afterwards: BackgroundTasks,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> SearchReply:
    """What it finds now, as a search answers."""
    with services.library.manifest.read() as tx:
        request = saved_searches.get(tx, name)["request"]
    query = _read(name, {**request, "limit": limit, "offset": offset, "cursor": cursor})
    found = answer(query, services, services.live.search)
    if cursor is None and offset == 0:
        afterwards.add_task(_note_use, name, query, services, found)
    return found


def _note_use(name: str, query: SearchQuery, services: Services, found: SearchReply) -> None:
    """Write down how many it found; where the first page only knows of some, all are counted."""
    count = found.total if found.relevant is None else found.relevant
    if not found.relevant_exact:
        with suppress(LoupeError):  # the model or the index may have gone meanwhile
            count = services.live.index.count(services.live.search.found(search_request(query, None)))
    services.uses.saved_search(name, count)


def _kept(query: SearchQuery) -> dict[str, Any]:
    """The search without its pages. Raises `QUERY_INVALID`, `INVALID_REQUEST` for one that cannot be read, or kept."""
    if query.filters.area is not None:
        raise LoupeError(
            "INVALID_REQUEST",
            "An area belongs to one drawing of the map, which is drawn anew by itself, so it cannot be saved. Save the "
            "search without it, or put its photos into a collection.",
        )
    search_request(query, None)
    return query.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"limit", "offset", "cursor", "image_weights"}
    )


def _read(name: str, request: dict[str, Any]) -> SearchQuery:
    """Raises `QUERY_INVALID` for what another version of Loupe kept and this one cannot read."""
    try:
        return SearchQuery(**request)
    except ValidationError as error:
        raise LoupeError(
            "QUERY_INVALID", f"The saved search '{name}' holds what this Loupe cannot read. Save it again."
        ) from error


def _shown(row: dict[str, Any]) -> SavedSearch:
    return SavedSearch(**{**row, "query": row["request"]})
