"""What the photos of a search have in common: values with their counts, the months they were taken in, their folders.

Counts are of what a search finds: a stack once. Not here: what a search finds (`photo_search.py`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from resources.errors import LoupeError
from resources.vector_index import AnyOf, Condition, VectorIndex
from resources.vector_index.condition_parts import also

__all__ = ["FACETS", "Bucket", "FacetCounts", "FolderCount", "facets", "folders_below", "random_photos", "timeline"]

By = Literal["year", "month", "day"]
_MOST_FOLDERS = 100_000
_MOST_MONTHS_BY_DAY = 36


@dataclass(frozen=True)
class _Facet:
    key: str
    most: int


# Name -> where its values stand and how many of them are given at most, the most frequent first.
FACETS: Mapping[str, _Facet] = {
    "cameras": _Facet("camera", 100),
    "lenses": _Facet("lens", 100),
    "formats": _Facet("format", 100),
    "orientations": _Facet("orientation_kind", 10),
    "ratings": _Facet("stars", 10),
    "tags": _Facet("tags", 500),
    "keywords": _Facet("keywords", 500),
    "people": _Facet("people", 500),
    "color_labels": _Facet("color_label", 100),
    "countries": _Facet("country", 300),
    "regions": _Facet("region", 500),
    "cities": _Facet("city", 500),
    "collections": _Facet("collections", 500),
    "folders": _Facet("folders", 2000),
    "stack_kinds": _Facet("stack_kind", 10),
}


@dataclass(frozen=True)
class Bucket:
    """How many photos were taken in a year ("2021"), month ("2021-06") or day ("2021-06-15")."""

    period: str
    count: int


@dataclass(frozen=True)
class FacetCounts:
    """`values` with their counts by the names of `FACETS`, `months` earliest first, and photos without a date."""

    total: int
    undated: int
    months: list[Bucket]
    values: Mapping[str, list[tuple[str, int]]]


@dataclass(frozen=True)
class FolderCount:
    """A folder with how many photos it and all below it hold."""

    path: str
    count: int
    has_folders: bool


def facets(index: VectorIndex, condition: Condition | None) -> FacetCounts:
    """What the photos that `condition` leaves have in common."""
    found = index.counts(condition)
    return FacetCounts(
        found.total,
        found.undated,
        [Bucket(month, count) for month, count in sorted(found.values["taken_month"])],
        {name: found.values[facet.key][: facet.most] for name, facet in FACETS.items()},
    )


def timeline(index: VectorIndex, condition: Condition | None, by: By = "month") -> tuple[list[Bucket], int]:
    """How many photos each year, month or day holds, earliest first, and how many have no date.

    Raises `INVALID_REQUEST` by day when there are more than 36 months with photos: narrow them first.
    """
    # Little dearer than the months alone, and kept for whoever asks for the facets too.
    all_counts = facets(index, condition)
    months, undated = all_counts.months, all_counts.undated
    if by == "month":
        return months, undated
    if by == "year":
        counted: Counter[str] = Counter()
        for each in months:
            counted[each.period[:4]] += each.count
        return [Bucket(year, count) for year, count in sorted(counted.items())], undated
    if len(months) > _MOST_MONTHS_BY_DAY:
        raise LoupeError(
            "INVALID_REQUEST",
            f"Days can be counted over {_MOST_MONTHS_BY_DAY} months; narrow the dates.",
            months=len(months),
        )
    found = []
    for each in months:
        parts = index.valued("taken_parts", 100, also(condition, AnyOf("taken_month", (each.period,))))
        days = sorted((int(part[1:]), count) for part, count in parts if part[0] == "d")
        found += [Bucket(f"{each.period}-{day:02}", count) for day, count in days]
    return found, undated


def folders_below(index: VectorIndex, condition: Condition | None, parent: str | None) -> list[FolderCount]:
    """The folders in `parent`, by name. None: where the library begins, the first folder that is no mere way to one."""
    counted = dict(index.valued("folders", _MOST_FOLDERS, condition))
    inside: dict[str, list[str]] = {}
    for path in counted:
        if path != "/":
            inside.setdefault(path.rpartition("/")[0] or "/", []).append(path)
    if parent is None:
        top = "/"
        while len(inside.get(top, ())) == 1:
            top = inside[top][0]
        # A library of one folder begins with it, not inside it.
        found = [top] if not inside.get(top) or (top == "/" and not counted) else inside[top]
        found = [path for path in found if path in counted]
    else:
        found = inside.get(parent.rstrip("/") or "/", [])
    return [FolderCount(path, counted[path], path in inside) for path in sorted(found)]


def random_photos(index: VectorIndex, condition: Condition | None, count: int, seed: int | None = None) -> list[str]:
    """Ids of `count` different photos that `condition` leaves, drawn evenly; the same for the same seed and library."""
    drawn = random.Random(seed)
    found: dict[str, None] = {}
    for _ in range(2 * count):  # ids are hashes, so the photo behind a random id is a random photo
        start = str(UUID(int=drawn.getrandbits(128)))
        found.update(dict.fromkeys(index.ids(start, 1, condition) or index.ids(None, 1, condition)))
        if len(found) == count:
            return list(found)
    every = index.ids(None, 10 * count, condition)  # there are few: shuffle them
    rest = [photo_id for photo_id in every if photo_id not in found]
    drawn.shuffle(rest)
    return [*found, *rest][:count]
