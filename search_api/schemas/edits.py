"""What a person says of one photo: its caption, its stars, its tags."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.manifest.tags import MOST_TAG_CHARS
from resources.manifest.written_captions import MOST_CAPTION_CHARS

__all__ = ["AddTags", "CaptionOfPhoto", "CaptionSource", "GiveRating", "RatingOfPhoto", "TagsOfPhoto", "WriteCaption"]

CaptionSource = Literal["written", "computed"]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_TAG_CHARS)]


class WriteCaption(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=2 * MOST_CAPTION_CHARS, examples=["Grandma's birthday, everybody was there"])


class CaptionOfPhoto(BaseModel):
    """The caption that is shown, and whose it is."""

    caption: str | None
    caption_source: CaptionSource | None = Field(description="`written` by a person, or `computed` by a model.")
    caption_model: str | None = Field(description="The model that computed it.", examples=["blip-base"])
    caption_at: datetime | None = Field(description="UTC.")
    before: str | None = Field(description="What a person had written of this photo until now.")


class GiveRating(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rating: int | None = Field(
        ge=-1, le=5, description="Stars; -1 for rejected; null for none, whatever the file says.", examples=[4]
    )


class RatingOfPhoto(BaseModel):
    rating: int | None = Field(description="The rating that is shown.")


class AddTags(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tags: list[Tag] = Field(
        min_length=1, max_length=100, description="`|` divides levels.", examples=[["holiday", "Places|Spain"]]
    )


class TagsOfPhoto(BaseModel):
    tags: list[str] = Field(description="By name.", examples=[["holiday", "Places|Spain"]])
