"""The similarity map that the index's model has drawn, in memory: one drawing, loaded anew when another one is made.

Not here: what is in a drawing (`resources/photo_map`), replies.
"""

from __future__ import annotations

import threading

import numpy as np

from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import projections
from resources.manifest.projections import Drawing
from resources.photo_map import Points, open_points
from search_api.live_index import LiveIndex
from search_api.schemas.search import MapArea

__all__ = ["PhotoMap"]


class PhotoMap:
    """For the thread pool: a first look at a drawing reads its file."""

    def __init__(self, library: Library, live: LiveIndex) -> None:
        self._library = library
        self._live = live
        self._lock = threading.Lock()
        self._kept: Points | None = None

    def at(self, generation: str | None = None) -> Points:
        """The map as it is now. Raises `MAP_CHANGED` when it is not `generation`, `MAP_NOT_DRAWN`, `INDEX_LOADING`."""
        kept = self._kept
        if generation and kept and kept.drawing.generation == generation and kept.path.exists():
            return kept  # whatever was drawn since: what has this name never changes
        drawing = self.drawing()
        if generation not in (None, drawing.generation):
            raise LoupeError(
                "MAP_CHANGED", "The map was drawn anew meanwhile. Load it again.", generation=drawing.generation
            )
        with self._lock:
            kept = self._kept
            if kept is None or kept.drawing != drawing or not kept.path.exists():
                kept = self._kept = open_points(self._library.manifest, self._library.home, drawing)
            return kept

    def drawing(self) -> Drawing:
        """Which map there is. Raises `MAP_NOT_DRAWN`, `INDEX_LOADING`."""
        _ = self._live.index
        model = self._live.model
        if model is None:
            raise self._live.why_no_encoder()
        with self._library.manifest.read() as tx:
            found = projections.drawing(tx, model.name)
        if found is None:
            raise LoupeError("MAP_NOT_DRAWN", f"The map of '{model.name}' was not drawn yet.", model=model.name)
        return found

    def inside(self, area: MapArea) -> list[str]:
        """The photos in the area that a person can see, by id. Raises as `at`."""
        points = self.at(area.generation)
        with self._library.manifest.read() as tx:
            hidden = points.rows_of(projections.hidden_ids(tx, points.drawing.model))
        rows = np.flatnonzero(points.cluster == area.cluster) if area.polygon is None else points.inside(area.polygon)
        return points.ids_at(np.setdiff1d(rows, hidden))
