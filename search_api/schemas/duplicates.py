"""Photos that show the same, by how they do."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field

from resources.duplicates import Tier
from search_api.schemas.bulk import UNDO, Undoing
from search_api.schemas.photos import PhotoCard

__all__ = [
    "DifferentPhotos",
    "DifferentReply",
    "Duplicate",
    "DuplicateGroup",
    "DuplicateGroups",
    "DuplicateTier",
    "Duplicates",
    "KeepBest",
    "KeptBest",
    "KeptPhoto",
]

_TIERS = (
    "same_bytes: one photo in several files; same_pixels; same_picture: resized or compressed anew; raw_jpeg: a RAW "
    "and its JPEG; burst; similar: alike to the model, such as crops and edits"
)


class DuplicateTier(BaseModel):
    tier: Tier = Field(description=_TIERS)
    groups: int
    photos: int


class Duplicates(BaseModel):
    tiers: list[DuplicateTier]
    waiting: bool = Field(description="Photos came in that were not compared yet.")


class Duplicate(PhotoCard):
    """A photo of a group."""

    likeness: float | None = Field(None, description="How alike it is to the group's others; 1 is equal.")
    size_bytes: int | None = None
    sharpness: float | None = Field(None, description="Compare within a group only: higher is sharper.")


class DuplicateGroup(BaseModel):
    group_id: str
    tier: Tier = Field(description=_TIERS)
    photos: list[Duplicate] = Field(description="The one to keep first.")
    reasons: list[str] = Field(
        description="Why the first is proposed: raw, more_pixels, from_the_camera, sharper, less_compressed, given, "
        "earlier.",
        examples=[["more_pixels", "less_compressed"]],
    )


class DuplicateGroups(BaseModel):
    groups: list[DuplicateGroup]
    next_offset: int | None = Field(description="Null on the last page.")


class KeepBest(BaseModel):
    group_ids: list[str] = Field(min_length=1, max_length=500)
    photo_id: UUID | None = Field(None, description="Keep this one; only with one group. Default: the one proposed.")
    dry_run: bool = Field(False, description="Only say what would be done.")
    undo: bool = Field(False, description="Say what takes it back.")


class KeptPhoto(BaseModel):
    group_id: str
    photo_id: str
    hidden: list[str] = Field(description="The photos that left the library; `unhide` brings them back.")
    left: list[str] = Field(
        description="Photos of the group that stayed: pages of a file with other pages, or kept by another group."
    )
    tags: int = Field(description="Tags that went over to the kept photo.")
    collections: int = Field(description="Collections that it was put into.")
    rated: bool = Field(description="Whether the others' stars went over to it.")
    captioned: bool = Field(description="Whether a caption that was written of another went over to it.")


class KeptBest(BaseModel):
    kept: list[KeptPhoto]
    hidden: int
    dry_run: bool
    undo: list[Undoing] = Field([], description=UNDO)


class DifferentPhotos(BaseModel):
    photo_ids: list[UUID] = Field(
        min_length=1, max_length=200, description="No two of these are duplicates. One alone: its copies are meant."
    )


class DifferentReply(BaseModel):
    pairs: int = Field(description="Pairs that were not marked, or marked, before.")
