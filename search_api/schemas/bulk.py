"""Changing many photos at once."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.bulk_edits import Edit
from resources.manifest.collections import MOST_NAME_CHARS
from search_api.schemas.chosen import Chosen
from search_api.schemas.edits import Tag

__all__ = ["MOST_UNDONE", "Bulk", "BulkDone", "UndoBulk", "Undoing"]

MOST_UNDONE = 10_000

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_NAME_CHARS)]


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Tagging(_Step):
    do: Literal["tag", "untag"]
    tags: list[Tag] = Field(min_length=1, max_length=100, examples=[["holiday", "Places|Spain"]])

    def edit(self) -> Edit:
        return Edit(self.do, tags=self.tags)


class Rating(_Step):
    do: Literal["rate"]
    rating: int | None = Field(ge=-1, le=5, description="As for one photo.", examples=[4])

    def edit(self) -> Edit:
        return Edit("rate", rating=self.rating)


class Unrating(_Step):
    """Take back what was given: what the file says counts again."""

    do: Literal["unrate"]

    def edit(self) -> Edit:
        return Edit("unrate")


class Collecting(_Step):
    do: Literal["add", "remove"]
    collection: Name = Field(examples=["Lisbon 2023"])

    def edit(self) -> Edit:
        return Edit(self.do, collection=self.collection)


class Moving(_Step):
    do: Literal["move"]
    source: Name = Field(description="The collection that they leave.", examples=["Inbox"])
    collection: Name = Field(description="The collection that they come into.", examples=["Lisbon 2023"])

    def edit(self) -> Edit:
        return Edit("move", source=self.source, collection=self.collection)


class Hiding(_Step):
    do: Literal["hide"]

    def edit(self) -> Edit:
        return Edit("hide")


class Showing(_Step):
    """Bring removed photos back."""

    do: Literal["show"]

    def edit(self) -> Edit:
        return Edit("show")


class Undoing(BaseModel):
    """One step back, and for which photos."""

    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] = Field(min_length=1, max_length=MOST_UNDONE)
    step: Tagging | Rating | Unrating | Collecting | Showing = Field(discriminator="do")

    @classmethod
    def of(cls, edit: Edit, photo_ids: list[str]) -> Undoing:
        step: dict[str, object] = {"do": edit.kind}
        match edit.kind:
            case "tag" | "untag":
                step["tags"] = list(edit.tags)
            case "rate":
                step["rating"] = edit.rating
            case "add" | "remove":
                step["collection"] = edit.collection
        return cls.model_validate({"photo_ids": photo_ids, "step": step})


class Bulk(Chosen):
    """What to do with which photos."""

    step: Tagging | Rating | Collecting | Moving | Hiding = Field(
        discriminator="do", examples=[{"do": "tag", "tags": ["holiday"]}]
    )
    expected: int | None = Field(
        None, ge=0, description="How many photos the query should find, as a dry run said; else nothing is changed."
    )
    undo: bool = Field(False, description="Say what takes it back.")


class BulkDone(BaseModel):
    photos: int = Field(description="How many photos were meant.")
    changed: int = Field(description="How many are other than before; tags count by photo and tag.")
    undo: list[Undoing] = Field(
        [],
        description="For `/bulk/undo`: what leaves each photo as it was. Only when asked for, and when no more than "
        f"{MOST_UNDONE:,} are other than before.",
    )


class UndoBulk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    undo: list[Undoing] = Field(min_length=1, max_length=200, description="As the reply to the change said.")
