"""Sets of photos that a person made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from resources.manifest import collections
from resources.vector_index import wake
from search_api.dependencies import OpenLibrary
from search_api.error_replies import responses
from search_api.schemas.collections import (
    AddedPhotos,
    AddPhotos,
    Collection,
    Collections,
    CreateCollection,
)

router = APIRouter(prefix="/collections", tags=["collections"])

Name = Annotated[str, Path(min_length=1, max_length=200, description="The collection's name.")]


@router.get("", responses=responses("MANIFEST_BUSY"))
def list_collections(library: OpenLibrary) -> Collections:
    """Every collection, by name."""
    with library.manifest.read() as tx:
        return Collections(collections=[Collection(**row) for row in collections.list_all(tx)])


@router.post("", status_code=201, responses=responses("COLLECTION_EXISTS", "MANIFEST_BUSY"))
def create_collection(asked: CreateCollection, library: OpenLibrary) -> Collection:
    """A new, empty collection."""
    with library.manifest.write() as tx:
        return Collection(**collections.create(tx, asked.name))


@router.get("/{name}", responses=responses("COLLECTION_NOT_FOUND", "MANIFEST_BUSY"))
def get_collection(name: Name, library: OpenLibrary) -> Collection:
    """One collection. Its photos: a search with `filters.collections`."""
    with library.manifest.read() as tx:
        return Collection(**collections.get(tx, name))


@router.post("/{name}/photos", responses=responses("COLLECTION_NOT_FOUND", "PHOTO_NOT_FOUND", "MANIFEST_BUSY"))
def add_photos(name: Name, asked: AddPhotos, library: OpenLibrary) -> AddedPhotos:
    """Put photos into a collection; search shows it within a moment."""
    with library.manifest.write() as tx:
        added = collections.add_photos(tx, name, [str(photo_id) for photo_id in asked.photo_ids])
        changed = Collection(**collections.get(tx, name))
    wake(library.home)
    return AddedPhotos(added=added, collection=changed)
