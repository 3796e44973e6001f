"""What a search asks and what it answers."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from resources.search.query_language import MOST_CHARACTERS
from resources.search.query_tree import AllOf, Exclude, Node, OneOf, Op, Where
from search_api.schemas.photos import PhotoCard

__all__ = [
    "MAX_LIMIT",
    "BoundingBox",
    "BrowseQuery",
    "BrowsedFolder",
    "Circle",
    "Draw",
    "Facet",
    "Facets",
    "FilterTree",
    "Filters",
    "FlatFilters",
    "FolderLevel",
    "LanguageQuery",
    "MapArea",
    "PeriodCount",
    "RandomPhotos",
    "RandomQuery",
    "SearchQuery",
    "SearchReply",
    "SimpleQuery",
    "SuggestedText",
    "Suggestions",
    "TextQuery",
    "Timeline",
    "TimelineQuery",
    "Warned",
    "WeightedPhoto",
    "WeightedText",
]

MAX_LIMIT = 500
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Names = Annotated[list[Name], Field(max_length=100)]
ImageWeight = Annotated[
    float,
    Field(ge=-100, le=100, description="Relative to the other parts of the query; below zero: less like it."),
]
Coordinate = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Cursor = Annotated[
    str, StringConstraints(max_length=2000), Field(description="That of the page before, in the place of `offset`.")
]
Weight = Annotated[float, Field(gt=0, le=100, description="Relative to the other parts of the query.", examples=[1.0])]


class Circle(BaseModel):
    """Within `radius_m` metres of a place, degrees WGS84."""

    model_config = ConfigDict(extra="forbid")
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    radius_m: float = Field(gt=0, le=20_100_000)


class BoundingBox(BaseModel):
    """A box on the map, degrees WGS84; `west > east` crosses the date line."""

    model_config = ConfigDict(extra="forbid")
    south: float = Field(ge=-90, le=90)
    west: float = Field(ge=-180, le=180)
    north: float = Field(ge=-90, le=90)
    east: float = Field(ge=-180, le=180)


class MapArea(BaseModel):
    """A part of the similarity map: what a line on it encloses, or one of its groups."""

    model_config = ConfigDict(extra="forbid")
    generation: str = Field(
        max_length=64,
        description="The drawing that is meant; 409 `MAP_CHANGED` when there is another by now.",
        examples=["5f2c9a0b1d7e4a36"],
    )
    polygon: list[tuple[Coordinate, Coordinate]] | None = Field(
        None,
        min_length=3,
        max_length=2_000,
        description="Corners (x, y) of the line, in the map's coordinates; it is closed by itself.",
        examples=[[(-0.5, 0.1), (-0.1, 0.1), (-0.3, 0.6)]],
    )
    cluster: int | None = Field(None, ge=0, description="The number of a group, in the place of a line.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> MapArea:
        if (self.polygon is None) == (self.cluster is None):
            raise ValueError("give one of polygon and cluster")
        return self


class FlatFilters(BaseModel):
    """Everything set must hold. Lists of names match any of them, `tags` all of them.

    Names are whole ones, as facets give them; case and accents do not count.
    """

    model_config = ConfigDict(extra="forbid")

    taken_from: datetime.date | None = Field(
        None, description="First day, of the place's calendar.", examples=["2023-06-01"]
    )
    taken_to: datetime.date | None = Field(None, description="Last day, inclusive.", examples=["2023-08-31"])
    undated: bool | None = Field(None, description="Only photos without (true) or with (false) a date.")
    cameras: Names = Field(
        [],
        description="Whole names of make and model, as `GET /browse/facets` gives them. By words of a name: "
        "`GET /search?q=camera:nikon`.",
        examples=[["FUJIFILM X-T4"]],
    )
    lenses: Names = Field(
        [],
        description="Whole names, as `GET /browse/facets` gives them. By words of a name: `GET /search?q=lens:35mm`.",
        examples=[["XF23mmF2 R WR"]],
    )
    formats: Names = Field([], examples=[["JPEG", "HEIC"]])
    orientations: list[Literal["landscape", "portrait", "square"]] = []
    iso_min: float | None = Field(None, ge=0)
    iso_max: float | None = Field(None, ge=0)
    f_number_min: float | None = Field(None, ge=0)
    f_number_max: float | None = Field(None, ge=0)
    focal_length_min: float | None = Field(None, ge=0, description="Millimetres.")
    focal_length_max: float | None = Field(None, ge=0, description="Millimetres.")
    rating_min: int | None = Field(None, ge=0, le=5)
    tags: Names = []
    tags_any: Names = []
    keywords: Names = []
    collections: Names = []
    people: Names = []
    color_labels: Names = Field([], description="In the editor's words.", examples=[["Red"]])
    countries: Names = Field([], description="Names or two-letter codes.", examples=[["Portugal", "ES"]])
    regions: Names = []
    cities: Names = []
    folder: str | None = Field(
        None, max_length=4096, description="Absolute path; everything below it.", examples=["/home/me/Pictures/2023"]
    )
    root_id: str | None = Field(None, max_length=64)
    has_gps: bool | None = None
    offline: bool | None = None
    motion: bool | None = Field(None, description="Only photos with (true) or without (false) a short video.")
    in_stack: bool | None = Field(None, description="Only photos that stand in a stack (true) or alone (false).")
    stacks: Literal["covers", "all"] = Field(
        "covers", description="`covers`: a stack is found as its cover; `all`: every photo of it by itself."
    )


class Filters(FlatFilters):
    """Everything set must hold. Lists of names match any of them, `tags` all of them."""

    near: Circle | None = None
    inside: BoundingBox | None = None
    area: MapArea | None = None


class BrowseQuery(FlatFilters):
    """Photos by date. Sequences are given by naming the parameter again."""

    sort: Literal["newest", "oldest"] = "newest"
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    offset: int = Field(0, ge=0, le=1_000_000)
    cursor: Cursor | None = None


class TimelineQuery(FlatFilters):
    """Which photos to count. Sequences are given by naming the parameter again."""

    by: Literal["year", "month", "day"] = Field("month", description="Days are counted over 36 months at most.")


Scalar = bool | int | float | Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class FilterTree(BaseModel):
    """Conditions joined by and, or, not: one of `and`, `or`, `not`, or a `field` with its `value`.

    Fields, operators and values are those of the query language; of several values any will do.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"field": "camera", "value": "X-T5"},
                {
                    "and": [
                        {"field": "rating", "op": ">=", "value": 4},
                        {
                            "or": [
                                {"field": "tag", "value": ["sea", "lake"]},
                                {"field": "near", "value": [48.85, 2.35, "5km"]},
                            ]
                        },
                        {"not": {"field": "has", "value": "gps"}},
                    ]
                },
            ]
        },
    )
    all_of: list[FilterTree] | None = Field(None, alias="and", max_length=100)
    one_of: list[FilterTree] | None = Field(None, alias="or", max_length=100)
    exclude: FilterTree | None = Field(None, alias="not")
    field: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    op: Op = Field("=", description="Numbers and dates can be compared.")
    value: Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> FilterTree:
        said = [part for part in (self.all_of, self.one_of, self.exclude, self.field) if part is not None]
        if len(said) != 1 or (self.value is not None) != (self.field is not None):
            raise ValueError("give one of and, or, not, or a field with its value")
        return self

    def node(self) -> Node:
        """As the tree that a query is read into."""
        if self.all_of is not None:
            return AllOf(tuple(part.node() for part in self.all_of))
        if self.one_of is not None:
            return OneOf(tuple(part.node() for part in self.one_of))
        if self.exclude is not None:
            return Exclude(self.exclude.node())
        values = self.value if isinstance(self.value, list) else [self.value]
        return Where(self.field or "", tuple(map(_as_text, values)), self.op)


def _as_text(value: Scalar | None) -> str:
    return f"{value:.12f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


class WeightedText(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Text = Field(examples=["red car"])
    weight: Weight = 1.0


class WeightedPhoto(BaseModel):
    model_config = ConfigDict(extra="forbid")
    photo_id: UUID
    weight: Weight = 1.0


class SearchQuery(BaseModel):
    """A search. Without text and photos it browses what the filters leave, newest first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"text": "red car by the lake", "limit": 50},
                {
                    "texts": [{"text": "sunset", "weight": 2}, {"text": "beach"}],
                    "negative_texts": [{"text": "people"}],
                    "filters": {"taken_from": "2023-06-01", "cameras": ["Apple iPhone 14 Pro"]},
                },
                {"q": 'beach camera:"X-T5" -people after:2021'},
                {"text": "a boat", "filter": {"not": {"field": "has", "value": "gps"}}},
                {"photos": [{"photo_id": "0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"}], "text": "at night"},
            ]
        },
    )

    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = Field(
        None, description="The same as one entry of `texts` with weight 1.", examples=["red car by the lake"]
    )
    q: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)] | None = Field(
        None,
        description="A query in the query language: words, phrases and fields. It is added to the rest.",
        examples=['beach camera:"X-T5" -people after:2021'],
    )
    texts: list[WeightedText] = Field([], max_length=20)
    negative_texts: list[WeightedText] = Field([], max_length=20, description="What photos should not show.")
    photos: list[WeightedPhoto] = Field([], max_length=20, description="More like these; they are left out themselves.")
    negative_photos: list[WeightedPhoto] = Field([], max_length=20, description="Less like these.")
    image_weights: list[ImageWeight] = Field(
        [], max_length=8, description="Of the pictures that are sent along (`/search/image`); 1 each where unset."
    )
    filters: Filters = Filters()
    filter: FilterTree | None = Field(None, description="More that must hold, as a tree.")
    mode: Literal["hybrid", "meaning", "words"] = Field(
        "hybrid", description="`meaning`: by what pictures show; `words`: by captions, tags, names; `hybrid`: both."
    )
    sort: Literal["relevance", "newest", "oldest"] | None = Field(
        None, description="Unset: relevance with a query, newest without."
    )
    cut: bool = Field(
        True,
        description="False: nobody asks how many photos are relevant, which takes ranking more of them. "
        "`relevant` is absent and photos come in their plain order, sooner.",
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    offset: int = Field(0, ge=0, le=1_000_000)
    cursor: Cursor | None = None


class SimpleQuery(BaseModel):
    """A search in an address."""

    model_config = ConfigDict(extra="forbid")
    mode: Literal["hybrid", "meaning", "words"] = "hybrid"
    sort: Literal["relevance", "newest", "oldest"] | None = None
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    offset: int = Field(0, ge=0, le=1_000_000)
    cursor: Cursor | None = None


class LanguageQuery(SimpleQuery):
    q: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)] = Field(
        "", description="A query in the query language.", examples=["beach rating:>=4"]
    )


class Draw(BaseModel):
    """How many photos to draw."""

    model_config = ConfigDict(extra="forbid")
    count: int = Field(1, ge=1, le=200)
    seed: int | None = Field(None, ge=0, lt=1 << 63, description="The same photos for the same number.")


class RandomQuery(Draw):
    """Which photos to draw from."""

    q: Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)] = Field(
        "",
        description="Fields of the query language; words count as far as they are relevant.",
        examples=["rating:>=4"],
    )


class TextQuery(SimpleQuery):
    text: Text = Field(description="Free text, taken as it is.", examples=["a red car"])


class Warned(BaseModel):
    """Something a person should know about the answer, which is right as far as it goes."""

    code: str = Field(examples=["MODEL_LOADING"])
    message: str


class SearchReply(BaseModel):
    hits: list[PhotoCard]
    total: int = Field(description="How many photos can be paged through.")
    total_exact: bool = Field(description="False: at least `total` photos match.")
    relevant: int | None = Field(
        description="How many of them stand out from the rest of the library: by relevance they are the first, and "
        "the others are ranked, not alike. Absent when browsing, and without a cut."
    )
    relevant_exact: bool = Field(
        True, description="False: there may be more; they follow with further pages, and the numbers grow."
    )
    photos: int = Field(description="Photos in the library that can be found.")
    searchable: int = Field(description="Of these, found by content.")
    mode: Literal["hybrid", "meaning", "words", "browse"] = Field(description="How it was searched in the end.")
    generation: str = Field(description="The index that answered: another one after a change of model.")
    warnings: list[Warned] = []
    offset: int = Field(description="As asked for; 0 with a cursor.")
    limit: int
    cursor: str | None = Field(
        None,
        description="Asks for the next page, each photo once though the library grows; absent on the last one. "
        "Kept for a while: `CURSOR_EXPIRED` says to begin again.",
    )
    took_ms: float = Field(examples=[12.4])


class Facet(BaseModel):
    """A value to filter by and how many photos have it."""

    value: str
    label: str | None = Field(None, description="Shorter, for a person.")
    count: int


class PeriodCount(BaseModel):
    """How many photos were taken in a year, month or day."""

    period: str = Field(examples=["2021-06"])
    count: int


class Timeline(BaseModel):
    """Photos by date, earliest first; periods without photos are left out."""

    by: Literal["year", "month", "day"]
    periods: list[PeriodCount]
    undated: int = Field(description="Photos without a date.")
    total: int


class BrowsedFolder(BaseModel):
    """A folder with what it and all below it hold."""

    path: str = Field(description="Absolute.", examples=["/home/me/Pictures/2023"])
    name: str = Field(examples=["2023"])
    count: int
    has_folders: bool = Field(description="There are folders in it.")


class FolderLevel(BaseModel):
    parent: str | None
    folders: list[BrowsedFolder] = Field(description="By path.")


class SuggestedText(BaseModel):
    """What may be meant: `insert` stands in the place of `length` characters from `start`."""

    kind: Literal["field", "value", "word"]
    label: str
    insert: str
    start: int
    length: int
    field: str | None = None
    count: int | None = Field(None, description="Photos that have it.")


class RandomPhotos(BaseModel):
    photos: list[PhotoCard]


class Suggestions(BaseModel):
    suggestions: list[SuggestedText]


class Facets(BaseModel):
    """What the photos can be narrowed by, most frequent first. A stack counts once."""

    total: int = Field(0, description="Photos that were counted: of a ranking those that are relevant.")
    months: list[PeriodCount] = Field([], description="When they were taken, earliest first.")
    undated: int = 0
    orientations: list[Facet] = []
    ratings: list[Facet] = []
    keywords: list[Facet] = []
    collections: list[Facet] = []
    stack_kinds: list[Facet] = []
    cameras: list[Facet]
    lenses: list[Facet]
    formats: list[Facet]
    folders: list[Facet] = Field(description="Folders inside the watched ones, by path.")
    tags: list[Facet]
    people: list[Facet] = []
    color_labels: list[Facet] = []
    countries: list[Facet] = []
    regions: list[Facet] = []
    cities: list[Facet] = []
