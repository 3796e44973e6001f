"""Where photos were taken."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from search_api.schemas.search import BoundingBox, SearchQuery

__all__ = ["MapTiles", "PlaceCell", "Places", "PlacesQuery"]


class PlacesQuery(SearchQuery):
    """A search, and the part of a map to count its photos on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"zoom": 1},
                {"q": "beach", "box": {"south": 35, "west": -10, "north": 60, "east": 30}, "zoom": 4.5},
            ]
        }
    )

    box: BoundingBox | None = Field(None, description="What is in view; unset: the whole world.")
    zoom: float = Field(
        1.0,
        ge=0,
        le=24,
        description="Of a Web Mercator map: at 0 the world is 512 pixels wide, at each next one twice that. A cell is "
        "64 pixels wide, more where the box would hold very many.",
    )


class PlaceCell(BaseModel):
    """Photos that were taken near each other."""

    count: int = Field(examples=[318])
    lat: float = Field(description="The middle of them, degrees WGS84.", examples=[38.7167])
    lon: float = Field(examples=[-9.1333])
    box: BoundingBox = Field(description="Just holds them, and no photo of another cell.")
    photo_id: str = Field(description="One of them.", examples=["0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"])
    thumbnail_url: str = Field(examples=["/api/v1/images/0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e/thumbnail"])
    name: str | None = Field(description="The place that most of them say.", examples=["Lisbon, Portugal"])
    places: int = Field(description="How many different places they say.", examples=[3])


class MapTiles(BaseModel):
    """Pictures to draw below the photos, from a server of the operator's choice (`map_tiles` in the settings)."""

    url: str = Field(examples=["https://tiles.example/{z}/{x}/{y}.png"])
    attribution: str = Field(examples=["© OpenStreetMap contributors"])


class Places(BaseModel):
    cells: list[PlaceCell] = Field(description="Those with most photos first.")
    found: int = Field(description="Photos in the cells, all together.", examples=[5124])
    located: int = Field(description="Photos of the search that have a place, wherever it is.", examples=[6031])
    bounds: BoundingBox | None = Field(description="Just holds all of these; null when there is none.")
    exact: bool = Field(
        description="False: the search finds more than 50,000 photos with a place, and counts are told from as many "
        "drawn of what is in view."
    )
    tiles: MapTiles | None = Field(description="Null: the map is drawn from what comes with Loupe.")
    took_ms: float = Field(examples=[8.1])
