"""Why filters leave nothing: names that no photo of the library has, and the whole names that may be meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resources.search.requests import SearchWarning
from resources.vector_index import Condition, Like, Or, SearchFilters, VectorIndex
from resources.vector_index.words import folded

__all__ = ["unknown_values"]

_MOST_VALUES = 20_000
_MOST_NAMED = 3
# Where the values of a filter stand, and what one of them is called.
_NAMED = (
    *(("cameras", ("camera",), "camera"), ("lenses", ("lens",), "lens"), ("formats", ("format",), "format")),
    *(("tags", ("tags",), "tag"), ("tags_any", ("tags",), "tag"), ("keywords", ("keywords",), "keyword")),
    *(("collections", ("collections",), "collection"), ("people", ("people",), "person")),
    *(("color_labels", ("color_label",), "label"), ("countries", ("country", "country_code"), "country")),
    *(("regions", ("region",), "region"), ("cities", ("city",), "town")),
)


def unknown_values(index: VectorIndex, filters: SearchFilters) -> Iterator[SearchWarning]:
    """A warning for each name in `filters` that no photo has: filters by name take whole ones."""
    for field, keys, called in _NAMED:
        for value in getattr(filters, field):
            if index.counted(_any_of(keys, value)) == 0:
                near = _containing(index, keys[0], value)
                meant = f" Whole names are asked for: {', '.join(near)}." if near else ""
                yield SearchWarning("FILTER_VALUE_UNKNOWN", f"No photo has the {called} '{value}'.{meant}", (value,))


def _any_of(keys: Sequence[str], value: str) -> Condition:
    return Or(tuple(Like(key, (value,)) for key in keys))


def _containing(index: VectorIndex, key: str, value: str) -> list[str]:
    """The most frequent values that this is a part of."""
    part = folded(value)
    return [name for name, _ in index.valued(key, _MOST_VALUES, None) if part in folded(name)][:_MOST_NAMED]
