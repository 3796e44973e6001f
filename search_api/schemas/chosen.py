"""Which photos are meant: named ones, all that a search finds, or those in an area of the map."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from search_api.schemas.search import SearchQuery

__all__ = ["Chosen", "MapArea"]


Coordinate = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]


class MapArea(BaseModel):
    """What a line on the map encloses."""

    model_config = ConfigDict(extra="forbid")
    generation: str = Field(
        max_length=64,
        description="The drawing that the line was drawn on; 409 `MAP_CHANGED` when there is another by now.",
        examples=["5f2c9a0b1d7e4a36"],
    )
    polygon: list[tuple[Coordinate, Coordinate]] = Field(
        min_length=3,
        max_length=2_000,
        description="Corners (x, y) of the line, in the map's coordinates; it is closed by itself.",
        examples=[[(-0.5, 0.1), (-0.1, 0.1), (-0.3, 0.6)]],
    )


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
