"""Where the photos of a search were taken: positions from the manifest, which photos from the index.

Positions stay in memory and are loaded anew when the manifest has changed. Not here: counting them by cells
(`resources/place_map.py`), replies.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from resources.lasting import Lasting
from resources.library import Library
from resources.manifest import outbox, photos
from resources.place_map import Located, Rows
from resources.vector_index import And, Condition, Flag, Ids, InBox, SearchFilters, VectorIndex

__all__ = ["FoundPlaces", "PlaceMap"]

# To walk so many ids takes a fifth of a second; of more, as many are a good draw: ids are hashes.
_MOST_WALKED = 50_000
_KEPT = 8
# Loading takes a twentieth of the time at most.
_LASTING = Lasting(20.0, at_least_s=2.0, at_most_s=60.0)
_COVERS = SearchFilters().condition()


@dataclass(frozen=True)
class FoundPlaces:
    """Rows of `located` that were found, each standing for `weight` photos: 1 when they are all. `total` photos with a
    place are found, in view or not."""

    located: Located
    rows: Rows
    total: int
    weight: float = 1.0


class PlaceMap:
    """For the thread pool: a first look reads the position of every photo."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._located: Located | None = None
        self._seq = -1
        self._good_until = 0.0
        # By index, how far it and the positions were, which photos were offline, and condition.
        self._found: OrderedDict[tuple[str, int | None, int, Condition, Condition], FoundPlaces] = OrderedDict()

    def found(self, index: VectorIndex, condition: Condition | None, box: InBox | None) -> FoundPlaces:
        """The photos with a place that `condition` leaves; of more than 50,000 a draw, of those in `box`.

        Raises `MANIFEST_BUSY`.
        """
        located = self.located()
        if condition is None:
            return _all(located, located.everywhere())
        if condition == _COVERS:
            return _all(located, located.found())
        if isinstance(condition, Ids):
            return _all(located, located.rows_of(condition.photo_ids))
        # Of folders that come and go the outbox says nothing.
        key = index.generation, index.applied_seq, self._seq, index.offline(), condition
        with self._lock:
            kept = self._found.get(key)
        if kept is None:
            ids, weight = _walked(index, condition)
            kept = FoundPlaces(located, located.rows_of(ids), round(len(ids) * weight), weight)
            with self._lock:
                self._found[key] = kept
                while len(self._found) > _KEPT:
                    self._found.popitem(last=False)
        if kept.weight == 1.0 or box is None:
            return kept
        ids, weight = _walked(index, And((condition, box)))
        return FoundPlaces(located, located.rows_of(ids), kept.total, weight)

    def located(self) -> Located:
        """All positions, some seconds old at most, longer in a large library that changes."""
        with self._lock:
            if self._located is not None and time.monotonic() < self._good_until:
                return self._located
            with self._library.manifest.read() as tx:
                began = time.monotonic()  # not before: a backup may hold the manifest
                seq = outbox.newest_seq(tx)
                table = photos.located(tx) if self._located is None or seq != self._seq else None
            if table is not None:
                self._located, self._seq = Located.of(table), seq
            now = time.monotonic()
            self._good_until = now + _LASTING.seconds(now - began)
            assert self._located is not None
            return self._located


def _all(located: Located, rows: Rows) -> FoundPlaces:
    return FoundPlaces(located, rows, len(rows))


def _walked(index: VectorIndex, condition: Condition) -> tuple[list[str], float]:
    """Ids of located photos, the first 50,001 at most, and for how many each stands."""
    ids = index.ids(None, _MOST_WALKED + 1, And((condition, Flag("has_gps"))))
    if len(ids) <= _MOST_WALKED:
        return ids, 1.0
    # How much of the space of ids was walked: by its upper 48 bits, which are all chance.
    return ids, (1 << 48) / max(UUID(ids[-1]).int >> 80, 1)
