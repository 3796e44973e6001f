"""Sets of photos that a person made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.duplicates import Tier
from resources.manifest.collections import MOST_NAME_CHARS, NAME_PATTERN
from search_api.schemas.bulk import UNDO, Undoing
from search_api.schemas.chosen import MOST_NAMED, Chosen
from search_api.schemas.photos import PhotoCard
from search_api.schemas.similarity_map import MapPoints

__all__ = [
    "AddPhotos",
    "AddedPhotos",
    "ChangeCollection",
    "Collection",
    "CollectionDuplicates",
    "CollectionInfo",
    "CollectionMap",
    "CollectionStatistics",
    "Collections",
    "CountedValue",
    "CreateCollection",
    "CreatedCollection",
    "DeletedCollection",
    "DuplicatesInCollection",
    "MembersPage",
    "MergeCollections",
    "MergedCollections",
    "RemovedPhotos",
    "SplitCollection",
    "SplitCollections",
]

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_NAME_CHARS, pattern=NAME_PATTERN)
]


class Collection(BaseModel):
    collection_id: str
    name: str = Field(examples=["Lisbon 2023"])
    photos: int = Field(description="How many photos it holds.")
    size_bytes: int = Field(description="Of the originals behind them; a file of several pages counts once.")
    created_at: datetime = Field(description="UTC.")
    updated_at: datetime = Field(description="When its name or its photos changed last. UTC.")
    last_searched_at: datetime | None = Field(
        None, description="When a search was narrowed to it last, written down a moment later. UTC."
    )
    cover_photo_id: str | None = Field(
        None, description="The photo that stands for it: the chosen one, else the one with most stars, else the newest."
    )
    cover_url: str | None = Field(None, description="The cover's thumbnail.")


class Collections(BaseModel):
    collections: list[Collection]


class CreateCollection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name = Field(examples=["Lisbon 2023"])
    photos: Chosen | None = Field(None, description="What to put into it; all of it or, if that fails, no collection.")
    undo: bool = Field(False, description="Say what takes it back.")


class CreatedCollection(Collection):
    undo: list[Undoing] = Field([], description=UNDO)


class ChangeCollection(BaseModel):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = Field(None, examples=["Lisbon 2024"])
    cover_photo_id: UUID | None = Field(None, description="One of its photos; null: the best of it.")


class AddPhotos(BaseModel):
    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] = Field(min_length=1, max_length=MOST_NAMED)


class AddedPhotos(BaseModel):
    added: int = Field(description="How many were not in it before.")
    collection: Collection


class RemovedPhotos(BaseModel):
    removed: int = Field(description="How many were in it.")
    collection: Collection


class MergeCollections(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sources: list[Name] = Field(min_length=1, max_length=100, examples=[["Lisbon, my phone", "Lisbon, your phone"]])
    keep: bool = Field(False, description="Leave the sources as they are; else they are deleted.")


class MergedCollections(BaseModel):
    added: int = Field(description="How many photos were new to it.")
    collection: Collection


class SplitCollection(Chosen):
    """Photos of the collection that go to another one."""

    into: Name = Field(description="A new collection.", examples=["Lisbon, the best"])
    keep: bool = Field(False, description="Leave them in the collection too.")
    undo: bool = Field(False, description="Say what takes it back.")


class SplitCollections(BaseModel):
    moved: int
    collection: Collection
    into: Collection
    undo: list[Undoing] = Field([], description=UNDO)


class DeletedCollection(BaseModel):
    """`job_id` is set, and the status 202, when photos are still being taken out of search."""

    name: str
    photos: int = Field(description="How many it held. No photo and no file was deleted.")
    job_id: str | None = None


class CountedValue(BaseModel):
    value: str = Field(examples=["Canon EOS R5"])
    photos: int


class CollectionStatistics(BaseModel):
    """Of the photos that are not hidden; of values the 20 most frequent."""

    shown: int
    hidden: int = Field(description="Members that are hidden, or not known any more.")
    missing: int = Field(description="No file of theirs is there now.")
    taken_first: datetime | None
    taken_last: datetime | None
    undated: int
    with_place: int = Field(description="With coordinates.")
    rated: int = Field(description="With a star or more.")
    formats: list[CountedValue]
    cameras: list[CountedValue]
    lenses: list[CountedValue]
    countries: list[CountedValue]
    cities: list[CountedValue]


class CollectionInfo(Collection):
    statistics: CollectionStatistics
    samples: list[PhotoCard] = Field(description="Up to 12, drawn evenly over its time.")


class MembersPage(BaseModel):
    photos: list[PhotoCard] = Field(description="In the order in which they were added.")
    next_offset: int | None = Field(description="Null on the last page.")


class DuplicatesInCollection(BaseModel):
    group_id: str
    tier: Tier
    photos: list[PhotoCard] = Field(description="The one to keep first; only those that are in the collection.")


class CollectionDuplicates(BaseModel):
    groups: list[DuplicatesInCollection] = Field(description="Large ones first.")
    next_offset: int | None = Field(description="Null on the last page.")


class CollectionMap(MapPoints):
    """Its photos on the similarity map."""

    generation: str = Field(description="The drawing whose points these are.", examples=["5f2c9a0b1d7e4a36"])
