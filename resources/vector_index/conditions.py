"""What a search may be narrowed by: a small tree of conditions over payload keys, and the flat form a page uses.

Belongs here: the tree, and `SearchFilters` that builds one. Not here: how a home of the index asks its engine
(`dialect.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from resources.errors import LoupeError

__all__ = [
    "FLAGS",
    "KEYWORD_KEYS",
    "RANGE_KEYS",
    "And",
    "AnyOf",
    "Condition",
    "Exists",
    "Flag",
    "HasVector",
    "Ids",
    "InBox",
    "Like",
    "Named",
    "Near",
    "Not",
    "Offline",
    "Or",
    "Range",
    "SearchFilters",
    "wall_clock_s",
]

KEYWORD_KEYS = frozenset(
    {
        "sha256",
        "pixel_hash",
        "names",
        "caption_words",
        "stars",
        "taken_month",
        "taken_parts",
        "folders",
        "root_ids",
        "format",
        "orientation_kind",
        "camera",
        "camera_make",
        "camera_model",
        "lens",
        "tags",
        "keywords",
        "collections",
        "people",
        "country_code",
        "country",
        "region",
        "city",
        "color_label",
        "stack_id",
        "stack_kind",
        "warnings",
    }
)
RANGE_KEYS = frozenset(
    {
        "taken_at",
        "added_at",
        "iso",
        "f_number",
        "exposure_s",
        "focal_length_mm",
        "focal_length_35mm",
        "rating",
        "width",
        "height",
        "size_bytes",
    }
)
# Keys of which a text may mean several values; their values are few enough to be looked through.
TEXT_KEYS = KEYWORD_KEYS - {"sha256", "pixel_hash", "names", "stack_id", "root_ids", "taken_month", "taken_parts"}
# `stack_member`: in a stack and not its cover. `motion`: a short video stands behind the picture.
FLAGS = frozenset(["has_gps", "embedded", "motion", "stack_member"])


@dataclass(frozen=True)
class AnyOf:
    """The key holds one of these values; for a list, one of its elements does. Exact, case counts."""

    key: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        _known(self.key, KEYWORD_KEYS)


@dataclass(frozen=True)
class Like:
    """The key holds a value that one of these texts means, case and accents aside.

    `whole`: the text is the value. `glob`: so it is, `*` standing for anything. `words`: every word of the text, in any
    form, is a word of the value, in any order ("x-t5" means "FUJIFILM X-T5"). `path`: the text is the value or its last
    folders ("2021/summer" means "/photos/2021/Summer"), `*` as in `glob`. `stem`: the same English word in any form.
    """

    key: str
    texts: tuple[str, ...]
    how: Literal["whole", "glob", "words", "path", "stem"] = "whole"

    def __post_init__(self) -> None:
        _known(self.key, TEXT_KEYS)


@dataclass(frozen=True)
class Named:
    """One of the photo's files has this name, with or without its ending, case and accents aside.

    With `*` the pieces between the stars must all be in its names, a piece before the first star at their start.
    """

    pattern: str


@dataclass(frozen=True)
class Range:
    """The key holds a number within these bounds; a photo without the key does not match."""

    key: str
    gte: float | None = None
    lte: float | None = None
    gt: float | None = None
    lt: float | None = None

    def __post_init__(self) -> None:
        _known(self.key, RANGE_KEYS)
        # The engine ends with a panic on what is no number.
        if not all(bound is None or math.isfinite(bound) for bound in (self.gte, self.lte, self.gt, self.lt)):
            raise LoupeError("INVALID_REQUEST", f"The bounds of '{self.key}' are too large.", key=self.key)


@dataclass(frozen=True)
class Flag:
    """One of `FLAGS` is true."""

    name: str

    def __post_init__(self) -> None:
        _known(self.name, FLAGS)


@dataclass(frozen=True)
class Exists:
    """The key holds a value: not absent, not an empty list."""

    key: str

    def __post_init__(self) -> None:
        _known(self.key, KEYWORD_KEYS | RANGE_KEYS | {"location", "caption", "title", "description"})


@dataclass(frozen=True)
class HasVector:
    """The photo can be searched by content in this index."""


@dataclass(frozen=True)
class Offline:
    """No watched folder in which it has a file can be reached now (`reach.py`)."""


@dataclass(frozen=True)
class Ids:
    """The photo is one of these."""

    photo_ids: tuple[str, ...]


@dataclass(frozen=True)
class Near:
    """Taken within `radius_m` metres of a place, degrees WGS84."""

    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True)
class InBox:
    """Taken inside a box on the map, degrees WGS84. `west > east` crosses the date line."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True)
class And:
    """All hold; an empty one always does."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """At least one holds; an empty one never does."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = AnyOf | Like | Named | Range | Flag | Exists | HasVector | Offline | Ids | Near | InBox | And | Or | Not


def _known(key: str, keys: frozenset[str] | set[str]) -> None:
    if key not in keys:
        raise LoupeError("INVALID_REQUEST", f"Photos cannot be filtered by '{key}'.", key=key, known=sorted(keys))


def wall_clock_s(moment: datetime) -> float:
    """Seconds since 1970 of a wall clock, whatever its zone was: what the payload's `taken_at` holds."""
    return (moment.replace(tzinfo=None) - datetime(1970, 1, 1)) / timedelta(seconds=1)


@dataclass(frozen=True)
class SearchFilters:
    """Everything set must hold. `where` adds any tree of conditions.

    Dates are wall-clock dates of the place; `taken_from` and `taken_to` are inclusive, a date meaning its whole day.
    Sequences of names match any of their values, except `tags`, all of which are required; case and accents do not
    count in names, but in `folder` and `root_id`. `iso` in ISO, focal
    lengths in millimetres, `folder` an absolute path that stands for everything below it, `countries` names or
    two-letter codes.

    Of a stack only the cover is found, by what any of its photos is; `stacks="all"` finds every photo by itself. Photos
    that are named (`photo_ids`) are found either way.
    """

    taken_from: date | datetime | None = None
    taken_to: date | datetime | None = None
    undated: bool | None = None
    cameras: Sequence[str] = ()
    lenses: Sequence[str] = ()
    formats: Sequence[str] = ()
    orientations: Sequence[str] = ()
    iso_min: float | None = None
    iso_max: float | None = None
    f_number_min: float | None = None
    f_number_max: float | None = None
    focal_length_min: float | None = None
    focal_length_max: float | None = None
    rating_min: int | None = None
    tags: Sequence[str] = ()
    tags_any: Sequence[str] = ()
    keywords: Sequence[str] = ()
    collections: Sequence[str] = ()
    people: Sequence[str] = ()
    color_labels: Sequence[str] = ()
    countries: Sequence[str] = ()
    regions: Sequence[str] = ()
    cities: Sequence[str] = ()
    folder: str | None = None
    root_id: str | None = None
    has_gps: bool | None = None
    offline: bool | None = None
    embedded: bool | None = None
    motion: bool | None = None
    in_stack: bool | None = None
    stacks: Literal["covers", "all"] = "covers"
    near: Near | None = None
    inside: InBox | None = None
    photo_ids: Sequence[str] | None = None
    where: Condition | None = None

    def condition(self) -> Condition | None:
        """The tree, or None when nothing is set."""
        parts: list[Condition] = []
        low = None if self.taken_from is None else wall_clock_s(_start(self.taken_from))
        if isinstance(self.taken_to, datetime):
            parts += _range("taken_at", gte=low, lte=wall_clock_s(self.taken_to))
        else:
            # Nothing comes after the last day there is.
            ends = self.taken_to is not None and self.taken_to < date.max
            after = wall_clock_s(_start(self.taken_to) + timedelta(days=1)) if self.taken_to and ends else None
            parts += _range("taken_at", gte=low, lt=after)
        if self.undated is not None:
            parts.append(Not(Exists("taken_at")) if self.undated else Exists("taken_at"))
        for key, values in (
            ("camera", self.cameras),
            ("lens", self.lenses),
            ("format", self.formats),
            ("orientation_kind", self.orientations),
            ("tags", self.tags_any),
            ("keywords", self.keywords),
            ("collections", self.collections),
            ("people", self.people),
            ("color_label", self.color_labels),
            ("region", self.regions),
            ("city", self.cities),
        ):
            if values:
                parts.append(Like(key, tuple(values)))
        parts += [AnyOf("folders", (_folder(self.folder),))] if self.folder else []
        parts += [AnyOf("root_ids", (self.root_id,))] if self.root_id else []
        parts += [Like("tags", (tag,)) for tag in self.tags]
        if self.countries:
            countries = tuple(self.countries)
            parts.append(Or((Like("country", countries), Like("country_code", countries))))
        parts += _range("iso", gte=self.iso_min, lte=self.iso_max)
        parts += _range("f_number", gte=self.f_number_min, lte=self.f_number_max)
        parts += _range("focal_length_mm", gte=self.focal_length_min, lte=self.focal_length_max)
        parts += _range("rating", gte=self.rating_min)
        yes_or_no: tuple[tuple[Condition, bool | None], ...] = (
            (Flag("has_gps"), self.has_gps),
            (Offline(), self.offline),
            (Flag("embedded"), self.embedded),
            (Flag("motion"), self.motion),
        )
        for part, wanted in yes_or_no:
            if wanted is not None:
                parts.append(part if wanted else Not(part))
        if self.in_stack is not None:
            parts.append(Exists("stack_id") if self.in_stack else Not(Exists("stack_id")))
        if self.stacks == "covers" and self.photo_ids is None:
            parts.append(Not(Flag("stack_member")))
        parts += [place for place in (self.near, self.inside) if place is not None]
        if self.photo_ids is not None:
            parts.append(Ids(tuple(self.photo_ids)))
        if self.where is not None:
            parts.append(self.where)
        return And(tuple(parts)) if parts else None


def _start(day: date | datetime) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, time())


def _folder(path: str) -> str:
    return path.rstrip("/") or "/"


def _range(key: str, gte: float | None = None, lte: float | None = None, lt: float | None = None) -> list[Condition]:
    return [] if gte is None and lte is None and lt is None else [Range(key, gte=gte, lte=lte, lt=lt)]
