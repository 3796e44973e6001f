"""Changing many photos at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.bulk_edits import Edit
from resources.manifest.collections import MOST_NAME_CHARS
from search_api.schemas.chosen import MOST_NAMED, Chosen
from search_api.schemas.edits import Tag

__all__ = ["MOST_UNDONE", "UNDO", "Bulk", "BulkDone", "UndoBulk", "Undoing", "undo_of"]

MOST_UNDONE = MOST_NAMED
_MOST_STEPS = 200
UNDO = (
    "For `/bulk/undo`: what leaves each photo as it was. Only when asked for, and when no more than "
    f"{MOST_UNDONE:,} are other than before."
)

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


class Uncaptioning(_Step):
    """Take back the caption that was written."""

    do: Literal["uncaption"]

    def edit(self) -> Edit:
        return Edit("uncaption")


class Unmaking(_Step):
    """Delete a collection that was made of these photos and holds no others; they go back where they came from."""

    do: Literal["unmake"]
    collection: Name
    source: Name | None = Field(None, description="The collection that they came from.")

    def edit(self) -> Edit:
        return Edit("unmake", collection=self.collection, source=self.source or "")


class Undoing(BaseModel):
    """One step back, and for which photos."""

    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] = Field(max_length=MOST_UNDONE)
    step: Tagging | Rating | Unrating | Uncaptioning | Collecting | Showing | Unmaking = Field(discriminator="do")

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
            case "unmake":
                step.update(collection=edit.collection, source=edit.source or None)
        return cls.model_validate({"photo_ids": photo_ids, "step": step})


def undo_of(back: Sequence[tuple[Edit, list[str]]]) -> list[Undoing]:
    """What `/bulk/undo` takes for this; nothing when it is more than that does at once."""
    if len(back) > _MOST_STEPS or any(len(photo_ids) > MOST_UNDONE for _, photo_ids in back):
        return []
    return [Undoing.of(*each) for each in back]


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
    undo: list[Undoing] = Field([], description=UNDO)


class UndoBulk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    undo: list[Undoing] = Field(min_length=1, max_length=_MOST_STEPS, description="As the reply to the change said.")
