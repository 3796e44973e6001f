"""Handing photos out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, Json

from search_api.schemas.chosen import Chosen

__all__ = ["AskedPaths", "AskedSet", "ChosenForm"]


class ChosenForm(BaseModel):
    """What a form of a web page sends."""

    model_config = ConfigDict(extra="forbid")
    chosen: Json[Chosen] = Field(description="What `POST /handoff/zip` takes, as JSON.")


class AskedPaths(Chosen):
    end: Literal["newline", "nul"] = Field("newline", description="What ends each path; `nul` as for `xargs -0`.")


class AskedSet(Chosen):
    """A data set of photos and their captions."""

    format: Literal["coco", "webdataset", "csv"] = Field(
        description="`coco`: captions as one JSON document; `webdataset`: a tar of originals, captions and facts; "
        "`csv`: a table.",
        examples=["coco"],
    )
    split: Literal["train", "val", "test"] | None = Field(None, description="Only this part; unset: all of it.")
    shares: str = Field(
        "80,10,10",
        max_length=100,
        description="Of train, val and test, met on the average. Photos that belong together (duplicates, stacks) are "
        "never divided.",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Another division for another number.")
