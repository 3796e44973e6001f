"""Photos that a person removed from the library; their files stay."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from search_api.schemas.chosen import MOST_NAMED

__all__ = ["ChangedPhotos", "HiddenPhoto", "HiddenPhotos", "NamedPhotos"]


class NamedPhotos(BaseModel):
    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] = Field(
        min_length=1, max_length=MOST_NAMED, examples=[["0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"]]
    )


class ChangedPhotos(BaseModel):
    photo_ids: list[str] = Field(description="Those that were not so before, every page of a document among them.")
    total: int = Field(description="Photos that are hidden now.")


class HiddenPhoto(BaseModel):
    photo_id: str
    file_name: str | None
    hidden_at: datetime = Field(description="UTC.")
    paths: list[str] = Field(description="Absolute paths of its files that are there.")
    beside: list[str] = Field(
        description="Those of what belongs to it alone: a Live Photo's video, sidecars that no other photo has."
    )
    thumbnail_url: str


class HiddenPhotos(BaseModel):
    total: int
    photos: list[HiddenPhoto] = Field(description="Removed last first; of a document its first page.")
