"""Changing many photos at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.bulk_edits import Edit
from resources.manifest.collections import MOST_NAME_CHARS
from search_api.schemas.chosen import Chosen
from search_api.schemas.edits import Tag

__all__ = ["Bulk", "BulkDone"]

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


class Bulk(Chosen):
    """What to do with which photos."""

    step: Tagging | Rating | Collecting | Moving | Hiding = Field(
        discriminator="do", examples=[{"do": "tag", "tags": ["holiday"]}]
    )
    expected: int | None = Field(
        None, ge=0, description="How many photos the query should find, as a dry run said; else nothing is changed."
    )


class BulkDone(BaseModel):
    photos: int = Field(description="How many photos were meant.")
    changed: int = Field(description="How many are other than before; tags count by photo and tag.")
