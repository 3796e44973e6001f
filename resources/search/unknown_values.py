"""Why filters leave nothing: names that no photo of the library has, and the whole names that may be meant."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from resources.search.requests import SearchWarning
from resources.vector_index import Like, SearchFilters, VectorIndex

__all__ = ["unknown_values"]

_MOST_WARNED = 5
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
    """A warning for each name in `filters` that no photo has, five at most: filters by name take whole ones."""
    return islice(_unknown(index, filters), _MOST_WARNED)


def _unknown(index: VectorIndex, filters: SearchFilters) -> Iterator[SearchWarning]:
    for field, keys, called in _NAMED:
        for value in getattr(filters, field):
            if not any(index.spelled(Like(key, (value,))) for key in keys):
                near = index.spelled(Like(keys[0], (f"*{value}*",), "glob"))[:_MOST_NAMED]
                meant = f" Whole names are asked for: {', '.join(near)}." if near else ""
                yield SearchWarning("FILTER_VALUE_UNKNOWN", f"No photo has the {called} '{value}'.{meant}", (value,))
