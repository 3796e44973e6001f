"""Which photos are meant: named ones, or all that a search finds."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from search_api.schemas.search import SearchQuery

__all__ = ["Chosen"]


class Chosen(BaseModel):
    """Either `photo_ids` or a `query`; of the query its paging does not count.

    A query means all that its filters leave, of a ranking what is relevant. Of a stack it finds the cover; with
    `filters.stacks` "all", every photo.
    """

    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] | None = Field(
        None, min_length=1, max_length=100_000, examples=[["0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"]]
    )
    query: SearchQuery | None = Field(None, examples=[{"q": 'beach camera:"X-T5" after:2021'}])

    @model_validator(mode="after")
    def _says_one_thing(self) -> Chosen:
        if (self.photo_ids is None) == (self.query is None):
            raise ValueError("give either photo_ids or a query")
        return self
