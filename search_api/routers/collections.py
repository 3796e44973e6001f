"""Sets of photos that a person made."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from resources.bulk_edits import Edit
from resources.errors import LoupeError
from resources.manifest import collection_facts, collections
from search_api.chosen_photos import ids_of, still_there
from search_api.dependencies import Held, Live, OpenLibrary
from search_api.error_replies import responses
from search_api.live_index import LiveIndex
from search_api.photo_cards import card
from search_api.routers.similarity_map import points_at
from search_api.schemas.bulk import MOST_UNDONE, undo_of
from search_api.schemas.collections import (
    AddedPhotos,
    AddPhotos,
    ChangeCollection,
    Collection,
    CollectionDuplicates,
    CollectionInfo,
    CollectionMap,
    Collections,
    CollectionStatistics,
    CountedValue,
    CreateCollection,
    CreatedCollection,
    DeletedCollection,
    DuplicatesInCollection,
    MembersPage,
    MergeCollections,
    MergedCollections,
    RemovedPhotos,
    SplitCollection,
    SplitCollections,
)
from search_api.schemas.photos import PhotoCard

router = APIRouter(prefix="/collections", tags=["collections"])

Name = Annotated[str, Path(min_length=1, max_length=200, description="The collection's name.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]

_SAMPLES = 12
_VALUES = ("formats", "cameras", "lenses", "countries", "cities")
_CHOOSING = (
    *("INVALID_REQUEST", "QUERY_INVALID", "EMPTY_QUERY", "QUERY_WORDS_UNKNOWN", "SEARCH_BY_CONTENT_OFF"),
    *("PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED", "INDEX_LOADING", "MODEL_LOADING", "MODEL_NOT_FETCHED"),
    *("MAP_CHANGED", "MAP_NOT_DRAWN"),
)


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_collections(library: OpenLibrary) -> Collections:
    """Every collection, by name."""
    with library.manifest.read() as tx:
        return Collections(collections=[_shown(row) for row in collections.list_all(tx)])


@router.post(
    "",
    status_code=201,
    responses=responses("COLLECTION_EXISTS", "MANIFEST_BUSY", *_CHOOSING),
    response_model_exclude_unset=True,
)
def create_collection(asked: CreateCollection, services: Held) -> CreatedCollection:
    """A new collection: empty, of a selection, or of all that a query finds now."""
    photo_ids = ids_of(asked.photos, services) if asked.photos else []
    with services.library.manifest.write() as tx:
        created = collections.create(tx, asked.name)
        if asked.photos:
            photo_ids = still_there(tx, asked.photos, photo_ids)
            collections.add_photos(tx, created["name"], photo_ids)
            created = collections.get(tx, created["name"])
    if photo_ids:
        services.live.show_changes()
    reply = CreatedCollection(**_shown(created).model_dump())
    if asked.undo:
        reply.undo = undo_of([(Edit("unmake", collection=reply.name), photo_ids)])
    return reply


@router.get("/{name}", responses=responses("COLLECTION_NOT_FOUND", "MANIFEST_BUSY"))
def get_collection(name: Name, library: OpenLibrary, live: Live) -> CollectionInfo:
    """One collection with what is in it, in numbers and samples. Its photos: a search with `filters.collections`."""
    with library.manifest.read() as tx:
        row = collections.get(tx, name)
        counted = collection_facts.statistics(tx, name)
        drawn = collection_facts.samples(tx, name, _SAMPLES)
    values = {
        called: [CountedValue(value=value, photos=photos) for value, photos in counted.pop(called)]
        for called in _VALUES
    }
    return CollectionInfo(
        **_shown(row).model_dump(),
        statistics=CollectionStatistics(**counted, **values),
        samples=_cards(drawn, live) if live.index_state == "ready" else [],
    )


@router.patch(
    "/{name}",
    responses=responses("COLLECTION_NOT_FOUND", "COLLECTION_EXISTS", "PHOTO_NOT_FOUND", "MANIFEST_BUSY"),
)
def change_collection(name: Name, asked: ChangeCollection, library: OpenLibrary, live: Live) -> Collection:
    """Rename it, or choose its cover."""
    with library.manifest.write() as tx:
        if "cover_photo_id" in asked.model_fields_set:
            collections.set_cover(tx, name, str(asked.cover_photo_id) if asked.cover_photo_id else None)
        row = collections.rename(tx, name, asked.name) if asked.name else collections.get(tx, name)
    live.show_changes()
    return _shown(row)


@router.delete(
    "/{name}",
    responses={
        202: {"model": DeletedCollection, "description": "It is gone; photos are still being taken out of search."},
        **responses("COLLECTION_NOT_FOUND", "CONFIRMATION_NEEDED", "MANIFEST_BUSY"),
    },
)
def delete_collection(
    name: Name,
    services: Held,
    response: Response,
    confirm: Annotated[
        str | None, Query(max_length=64, description="The `token` that the reply without it gives.")
    ] = None,
) -> DeletedCollection:
    """Delete a collection; its photos and their files stay. Asked without `confirm`, it only says what would go."""
    with services.library.manifest.write() as tx:
        row = collections.get(tx, name)
        token = collections.confirmation(row)
        if confirm != token:
            raise LoupeError(
                "CONFIRMATION_NEEDED",
                f"Deleting '{name}', which holds {row['photos']:,} photos, needs a word of confirmation.",
                token=token,
                photos=row["photos"],
            )
        job_id = services.deletions.begin(tx, name, row["photos"])
    if job_id:
        response.status_code = 202
        services.deletions.go_on()
        services.jobs.forget()
    services.live.show_changes()
    return DeletedCollection(name=name, photos=row["photos"], job_id=job_id)


@router.get("/{name}/photos", responses=responses("COLLECTION_NOT_FOUND", "INDEX_LOADING", "MANIFEST_BUSY"))
def list_photos(name: Name, library: OpenLibrary, live: Live, limit: Limit = 100, offset: Offset = 0) -> MembersPage:
    """Its photos in the order in which they were added; hidden ones are left out."""
    with library.manifest.read() as tx:
        found = collections.members(tx, name, limit + 1, offset)
    return MembersPage(photos=_cards(found[:limit], live), next_offset=offset + limit if len(found) > limit else None)


@router.post("/{name}/photos", responses=responses("COLLECTION_NOT_FOUND", "PHOTO_NOT_FOUND", "MANIFEST_BUSY"))
def add_photos(name: Name, asked: AddPhotos, library: OpenLibrary, live: Live) -> AddedPhotos:
    """Put photos into a collection; search shows it within a moment."""
    with library.manifest.write() as tx:
        added = collections.add_photos(tx, name, [str(photo_id) for photo_id in asked.photo_ids])
        changed = _shown(collections.get(tx, name))
    live.show_changes()
    return AddedPhotos(added=added, collection=changed)


@router.delete("/{name}/photos", responses=responses("COLLECTION_NOT_FOUND", "MANIFEST_BUSY"))
def remove_photos(name: Name, asked: AddPhotos, library: OpenLibrary, live: Live) -> RemovedPhotos:
    """Take photos out of a collection; those that are not in it are passed over."""
    with library.manifest.write() as tx:
        removed = collections.remove_photos(tx, name, [str(photo_id) for photo_id in asked.photo_ids])
        changed = _shown(collections.get(tx, name))
    live.show_changes()
    return RemovedPhotos(removed=removed, collection=changed)


@router.post("/{name}/merge", responses=responses("COLLECTION_NOT_FOUND", "INVALID_REQUEST", "MANIFEST_BUSY"))
def merge(name: Name, asked: MergeCollections, library: OpenLibrary, live: Live) -> MergedCollections:
    """Put the photos of other collections into this one, and delete those."""
    with library.manifest.write() as tx:
        added = collections.absorb(tx, name, asked.sources, keep=asked.keep)
        changed = _shown(collections.get(tx, name))
    live.show_changes()
    return MergedCollections(added=added, collection=changed)


@router.post(
    "/{name}/split",
    responses=responses("COLLECTION_NOT_FOUND", "COLLECTION_EXISTS", "MANIFEST_BUSY", *_CHOOSING),
    response_model_exclude_unset=True,
)
def split(name: Name, asked: SplitCollection, services: Held) -> SplitCollections:
    """Move some of its photos, a selection or what a query finds, to a new collection."""
    photo_ids = ids_of(asked, services)
    with services.library.manifest.write() as tx:
        moved, into = collections.split(tx, name, asked.into, photo_ids, keep=asked.keep)
        changed = _shown(collections.get(tx, name))
        undone = asked.undo and moved <= MOST_UNDONE
        made_of = collections.photo_ids(tx, into["name"]) if undone else []
    services.live.show_changes()
    reply = SplitCollections(moved=moved, collection=changed, into=_shown(into))
    if undone:
        back = Edit("unmake", collection=into["name"], source="" if asked.keep else name)
        reply.undo = undo_of([(back, made_of)])
    return reply


@router.get("/{name}/duplicates", responses=responses("COLLECTION_NOT_FOUND", "INDEX_LOADING", "MANIFEST_BUSY"))
def list_duplicates(
    name: Name, library: OpenLibrary, live: Live, limit: Annotated[int, Query(ge=1, le=200)] = 50, offset: Offset = 0
) -> CollectionDuplicates:
    """Photos in it that show the same, as far as they were compared."""
    with library.manifest.read() as tx:
        found = collection_facts.duplicate_groups(tx, name, limit + 1, offset)
    return CollectionDuplicates(
        groups=[
            DuplicatesInCollection(
                group_id=group["group_id"], tier=group["tier"], photos=_cards(group["photo_ids"], live)
            )
            for group in found[:limit]
        ],
        next_offset=offset + limit if len(found) > limit else None,
    )


@router.get(
    "/{name}/map",
    responses=responses("COLLECTION_NOT_FOUND", "MAP_NOT_DRAWN", "SEARCH_BY_CONTENT_OFF", "INDEX_LOADING"),
)
def map_of_collection(name: Name, services: Held) -> CollectionMap:
    """Where its photos lie on the similarity map; those without a place on it are left out."""
    with services.library.manifest.read() as tx:
        shown = collections.members(tx, name)
    points = services.map.at()
    told = points_at(points, points.rows_of(shown))
    return CollectionMap(generation=points.drawing.generation, **told.model_dump())


def _shown(row: dict[str, Any]) -> Collection:
    cover = row["cover_photo_id"]
    return Collection(**row, cover_url=f"/api/v1/images/{cover}/thumbnail" if cover else None)


def _cards(photo_ids: list[str], live: LiveIndex) -> list[PhotoCard]:
    """Those that the index shows, in this order."""
    stored = live.index.get(photo_ids)
    return [card(stored[photo_id].payload) for photo_id in photo_ids if photo_id in stored]
