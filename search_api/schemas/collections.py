"""Sets of photos that a person made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.manifest.collections import MOST_NAME_CHARS, NAME_PATTERN

__all__ = ["AddPhotos", "AddedPhotos", "Collection", "Collections", "CreateCollection"]


class Collection(BaseModel):
    collection_id: str
    name: str = Field(examples=["Lisbon 2023"])
    photos: int = Field(description="How many photos it holds.")
    created_at: datetime = Field(description="UTC.")
    updated_at: datetime = Field(description="UTC.")


class Collections(BaseModel):
    collections: list[Collection]


class CreateCollection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_NAME_CHARS, pattern=NAME_PATTERN),
    ] = Field(examples=["Lisbon 2023"])


class AddPhotos(BaseModel):
    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] = Field(min_length=1, max_length=10_000)


class AddedPhotos(BaseModel):
    added: int = Field(description="How many were not in it before.")
    collection: Collection
