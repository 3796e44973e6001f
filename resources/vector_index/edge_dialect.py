"""Conditions in the words of the embedded engine."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge

from resources.vector_index.conditions import InBox, Near, Range
from resources.vector_index.dialect import Dialect

__all__ = ["EdgeDialect"]


class EdgeDialect(Dialect):
    """The embedded engine's filters."""

    def _all(self, parts: list[Any]) -> edge.Filter:
        return edge.Filter(must=parts)

    def _any(self, parts: list[Any]) -> edge.Filter:
        return edge.Filter(should=parts)

    def _not(self, part: Any) -> edge.Filter:
        return edge.Filter(must_not=[part])

    def _any_of(self, key: str, values: list[str]) -> edge.FieldCondition:
        return edge.FieldCondition(key, match=edge.MatchAny(values))

    def _starts(self, key: str, text: str) -> edge.FieldCondition:
        return edge.FieldCondition(key, match=edge.MatchPrefix(text))

    def _contains(self, key: str, text: str) -> edge.FieldCondition:
        return edge.FieldCondition(key, match=edge.MatchSubstring(text))

    def _range(self, bounds: Range) -> edge.FieldCondition:
        limits = edge.RangeFloat(gte=bounds.gte, lte=bounds.lte, gt=bounds.gt, lt=bounds.lt)
        return edge.FieldCondition(bounds.key, range=limits)

    def _empty(self, key: str) -> edge.IsEmptyCondition:
        return edge.IsEmptyCondition(key)

    def _has_vector(self, name: str) -> edge.HasVectorCondition:
        return edge.HasVectorCondition(name)

    def _ids(self, photo_ids: list[str]) -> edge.HasIdCondition:
        return edge.HasIdCondition(set(photo_ids))

    def _near(self, near: Near) -> edge.FieldCondition:
        circle = edge.GeoRadius(edge.GeoPoint(lon=near.lon, lat=near.lat), near.radius_m)
        return edge.FieldCondition("location", geo_radius=circle)

    def _inside(self, box: InBox) -> edge.FieldCondition:
        corners = edge.GeoPoint(lon=box.west, lat=box.north), edge.GeoPoint(lon=box.east, lat=box.south)
        return edge.FieldCondition("location", geo_bounding_box=edge.GeoBoundingBox(*corners))
