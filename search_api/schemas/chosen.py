"""Which photos are meant: named ones, all that a search finds, or those in an area of the map."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from search_api.schemas.search import MapArea, SearchQuery

__all__ = ["MOST_NAMED", "Chosen"]

# As many photos are changed, or taken back, by one request that is no query.
MOST_NAMED = 10_000


class Chosen(BaseModel):
    """`photo_ids`, a `query` or an `area`; of the query its paging does not count.

    A query means all that its filters leave, of a ranking what is relevant. Of a stack it finds the cover; with
    `filters.stacks` "all", every photo.
    """

    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] | None = Field(
        None, min_length=1, max_length=100_000, examples=[["0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"]]
    )
    query: SearchQuery | None = Field(None, examples=[{"q": 'beach camera:"X-T5" after:2021'}])

    area: MapArea | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Chosen:
        if [self.photo_ids, self.query, self.area].count(None) != 2:
            raise ValueError("give one of photo_ids, query and area")
        return self
