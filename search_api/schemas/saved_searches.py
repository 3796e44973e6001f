"""Searches that a person keeps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.manifest.collections import MOST_NAME_CHARS, NAME_PATTERN
from search_api.schemas.search import SearchQuery

__all__ = ["ChangeSearch", "SaveSearch", "SavedSearch", "SavedSearches"]

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_NAME_CHARS, pattern=NAME_PATTERN)
]
_QUERY = "A search, in the query language (`q`) or in fields; where its pages begin is not kept."
_EXAMPLE = {"q": "beach rating:>=4 after:2021"}


class SaveSearch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name = Field(examples=["Best beaches"])
    query: SearchQuery = Field(description=_QUERY, examples=[_EXAMPLE])


class ChangeSearch(BaseModel):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = Field(None, examples=["Best beaches"])
    query: SearchQuery | None = Field(None, description=_QUERY, examples=[_EXAMPLE])


class SavedSearch(BaseModel):
    name: str = Field(examples=["Best beaches"])
    # Not the type of requests: what another version kept is shown too, and answers would need a second one beside it.
    query: dict[str, Any] = Field(description="As `POST /search` takes it; defaults are left out.", examples=[_EXAMPLE])
    created_at: datetime = Field(description="UTC.")
    updated_at: datetime = Field(description="UTC.")
    last_run_at: datetime | None = Field(None, description="UTC; written down a moment after the run.")
    last_count: int | None = Field(
        None, description="What the last run found: all that the filters left, of a ranking what was relevant."
    )


class SavedSearches(BaseModel):
    searches: list[SavedSearch] = Field(description="By name.")
