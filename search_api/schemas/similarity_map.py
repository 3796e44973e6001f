"""The similarity map."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

__all__ = ["FoundOnMap", "Map", "MapCluster", "MapPoints"]

_GENERATION = "The name of this drawing; it changes whenever a photo's place, or which photos have one, does."


class MapCluster(BaseModel):
    """Photos that lie close together."""

    cluster: int = Field(description="From 0, the largest; -1 in points means none.")
    label: str | None = Field(
        description="What sets it apart, from captions and tags; null: nothing is said of its photos.",
        examples=["beach, boats, sunset"],
    )
    terms: list[str] = Field(description="More of that, the best first.", examples=[["beach", "boats", "sunset"]])
    photos: int
    x: float = Field(description="Where it is densest.", examples=[-0.31])
    y: float = Field(examples=[0.62])


class MapPoints(BaseModel):
    """Photos on the map as columns of equal length, by id."""

    photo_ids: list[str] = Field(examples=[["0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"]])
    rows: list[int] = Field(description="The number of each among all points.", examples=[[17]])
    x: list[float] = Field(description="Within -1 and 1.", examples=[[-0.3]])
    y: list[float] = Field(examples=[[0.6]])
    cluster: list[int] = Field(description="-1: none.", examples=[[0]])


class Map(BaseModel):
    generation: str = Field(description=_GENERATION, examples=["5f2c9a0b1d7e4a36"])
    model: str = Field(examples=["siglip2-b32"])
    made_at: datetime = Field(description="UTC.")
    photos: int = Field(description="How many have a place on it.")
    waiting: int = Field(description="Photos that came since; they get a place within the hour once they are many.")
    points_url: str = Field(
        description="All points, as an Arrow IPC stream that may be kept for ever.",
        examples=["/api/v1/map/points?v=5f2c9a0b1d7e4a36"],
    )
    columns: list[str] = Field(
        description="What points can be coloured by (`/map/columns`).", examples=[["date", "camera", "country"]]
    )
    clusters: list[MapCluster] = Field(description="Large ones first.")
    hidden_rows: list[int] = Field(description="Points of photos that were hidden since it was drawn: not to be shown.")
    sample: MapPoints = Field(description="Points drawn evenly, all when there are not more than were asked for.")


class FoundOnMap(BaseModel):
    generation: str = Field(description=_GENERATION, examples=["5f2c9a0b1d7e4a36"])
    found: int = Field(description="How many photos the search finds.", examples=[3])
    rows: list[int] = Field(
        description="The points of those that are on the map, by number among all points.", examples=[[17, 4042]]
    )
