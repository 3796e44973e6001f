"""Conditions in the words of a Qdrant server."""

from __future__ import annotations

from typing import Any

from qdrant_client import models as server

from resources.vector_index.conditions import InBox, Near, Range
from resources.vector_index.dialect import Dialect

__all__ = ["ServerDialect"]


class ServerDialect(Dialect):
    """The server's filters."""

    def _all(self, parts: list[Any]) -> server.Filter:
        return server.Filter(must=parts)

    def _any(self, parts: list[Any]) -> server.Filter:
        return server.Filter(should=parts)

    def _not(self, part: Any) -> server.Filter:
        return server.Filter(must_not=[part])

    def _any_of(self, key: str, values: list[str]) -> server.FieldCondition:
        return server.FieldCondition(key=key, match=server.MatchAny(any=values))

    def _starts(self, key: str, text: str) -> server.FieldCondition:
        return server.FieldCondition(key=key, match=server.MatchPrefix(prefix=text))

    def _contains(self, key: str, text: str) -> server.FieldCondition:
        return server.FieldCondition(key=key, match=server.MatchSubstring(substring=text))

    def _range(self, bounds: Range) -> server.FieldCondition:
        limits = server.Range(gte=bounds.gte, lte=bounds.lte, gt=bounds.gt, lt=bounds.lt)
        return server.FieldCondition(key=bounds.key, range=limits)

    def _empty(self, key: str) -> server.IsEmptyCondition:
        return server.IsEmptyCondition(is_empty=server.PayloadField(key=key))

    def _has_vector(self, name: str) -> server.HasVectorCondition:
        return server.HasVectorCondition(has_vector=name)

    def _ids(self, photo_ids: list[str]) -> server.HasIdCondition:
        return server.HasIdCondition(has_id=list(photo_ids))

    def _near(self, near: Near) -> server.FieldCondition:
        circle = server.GeoRadius(center=server.GeoPoint(lon=near.lon, lat=near.lat), radius=near.radius_m)
        return server.FieldCondition(key="location", geo_radius=circle)

    def _inside(self, box: InBox) -> server.FieldCondition:
        corners = server.GeoBoundingBox(
            top_left=server.GeoPoint(lon=box.west, lat=box.north),
            bottom_right=server.GeoPoint(lon=box.east, lat=box.south),
        )
        return server.FieldCondition(key="location", geo_bounding_box=corners)
