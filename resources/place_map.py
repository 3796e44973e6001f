"""Where photos were taken, in memory, and how many in each cell of a map.

Belongs here: positions as arrays and their counting. Not here: place names (`places.py`), which photos a search finds.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from resources.vector_index import InBox

__all__ = ["Cell", "Located", "Rows", "cells_of"]

Rows = npt.NDArray[np.int64]

# Cells are squares of a Web Mercator map, 2 ** zoom times 512 pixels wide, on which a cell takes this many.
_MAP_PX, _CELL_PX = 512, 64
# Cells of which the middles are nearer than this are drawn as one where that is possible.
_JOINED_CELLS = 0.6
# More than a large screen shows at once; a wider view than its zoom says gets larger cells.
_MOST_CELLS = 2048
# Where Web Mercator ends: it is a square up to here.
_MOST_LATITUDE = 85.051129
_DEGREE_PARTS = 1e6


@dataclass(frozen=True)
class Cell:
    """Photos that were taken near each other: `lat`, `lon` is the middle of them, the box just holds them.

    `name` is the place that most of them say, `places` how many different ones they say; `photo_id` is one of them.
    """

    count: int
    lat: float
    lon: float
    box: InBox
    photo_id: str
    name: str | None
    places: int


@dataclass(frozen=True)
class Located:
    """Every photo with a place, by id; 45 bytes each.

    `ids` are 16 bytes each, `lat` and `lon` degrees WGS84 (float64), `x` and `y` the same on a Web Mercator map from 0
    to 1 (float32), `name` the number of its name in `names` (-1: none), `is_found` False for what its stack's cover
    stands for.
    """

    ids: npt.NDArray[np.bytes_]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    name: npt.NDArray[np.int32]
    names: tuple[str, ...]
    is_found: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, table: pa.Table) -> Located:
        """What `manifest.photos.located` tells."""
        packed = b"".join(table.column("id").to_pylist())
        lat, lon = (table.column(name).to_numpy().astype(np.float64) for name in ("lat", "lon"))
        named = table.column("name").combine_chunks().dictionary_encode()
        radians = np.radians(np.clip(lat, -_MOST_LATITUDE, _MOST_LATITUDE))
        return cls(
            ids=np.frombuffer(packed, dtype="S16"),
            lat=lat,
            lon=lon,
            x=((lon + 180) / 360).astype(np.float32),
            y=(0.5 - np.arcsinh(np.tan(radians)) / (2 * math.pi)).astype(np.float32),
            name=named.indices.fill_null(-1).to_numpy().astype(np.int32),
            names=tuple(named.dictionary.to_pylist()),
            is_found=table.column("is_found").to_numpy().astype(np.bool_),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def found(self) -> Rows:
        """The rows that a search without any condition finds."""
        return np.flatnonzero(self.is_found)

    def everywhere(self) -> Rows:
        """All rows."""
        return np.arange(len(self))

    def rows_of(self, photo_ids: Collection[str]) -> Rows:
        """The rows of those photos that have a place, in order."""
        if not len(self) or not photo_ids:
            return np.zeros(0, dtype=np.int64)
        packed = bytes.fromhex("".join(photo_ids).replace("-", ""))
        wanted = np.unique(np.frombuffer(packed, dtype="S16"))
        rows = np.minimum(np.searchsorted(self.ids, wanted), len(self) - 1)
        found: Rows = rows[self.ids[rows] == wanted].astype(np.int64)
        return found

    def inside(self, rows: Rows, box: InBox) -> Rows:
        """Those of `rows` that lie in the box."""
        lat, lon = self.lat[rows], self.lon[rows]
        across = (lon >= box.west) & (lon <= box.east)
        if box.west > box.east:
            across = (lon >= box.west) | (lon <= box.east)
        return rows[across & (lat >= box.south) & (lat <= box.north)]

    def bounds(self, rows: Rows) -> InBox | None:
        """The box that just holds these; None for no row. It never crosses the date line."""
        if not len(rows):
            return None
        lat, lon = self.lat[rows], self.lon[rows]
        return _outward(lat.min(), lon.min(), lat.max(), lon.max())


def cells_of(located: Located, rows: Rows, box: InBox | None, zoom: float) -> list[Cell]:
    """The cells of a map at `zoom` (0: the world on 512 pixels) that hold any of `rows` inside `box`, most first.

    Each photo is in one cell, and no box holds photos of two, so a search by it finds what is counted.
    """
    inside = rows if box is None else located.inside(rows, box)
    if not len(inside):
        return []
    across = 1 << _level(box, zoom)
    column = np.minimum((located.x[inside] * across).astype(np.int64), across - 1)
    line = np.clip((located.y[inside] * across).astype(np.int64), 0, across - 1)
    key = line * across + column
    order = np.argsort(key, kind="stable")
    inside, key = inside[order], key[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    counts = np.diff(starts, append=len(key))
    lat, lon = located.lat[inside], located.lon[inside]
    edges = np.stack(
        [
            np.minimum.reduceat(lat, starts),
            np.minimum.reduceat(lon, starts),
            np.maximum.reduceat(lat, starts),
            np.maximum.reduceat(lon, starts),
        ],
        axis=1,
    )
    sums = np.stack([np.add.reduceat(each, starts) for each in (lat, lon)], axis=1)
    middles = np.stack([np.add.reduceat(each[inside], starts) / counts for each in (located.x, located.y)], axis=1)
    group = _joined(middles * across, counts, edges)
    names, places = _names(located.name[inside], np.repeat(group, counts), len(starts))
    found = []
    for lead in np.unique(group):
        cells = np.flatnonzero(group == lead)
        count = int(counts[cells].sum())
        middle = sums[cells].sum(axis=0) / count
        found.append(
            Cell(
                count=count,
                lat=float(middle[0]),
                lon=float(middle[1]),
                box=_outward(*edges[cells, :2].min(axis=0).tolist(), *edges[cells, 2:].max(axis=0).tolist()),
                photo_id=str(UUID(bytes=bytes(located.ids[inside[starts[lead]]]).ljust(16, b"\0"))),
                name=located.names[names[lead]] if names[lead] >= 0 else None,
                places=int(places[lead]),
            )
        )
    return sorted(found, key=lambda cell: (-cell.count, cell.photo_id))


def _joined(middles: npt.NDArray[np.float64], counts: Rows, edges: npt.NDArray[np.float64]) -> Rows:
    """Of each cell the one that stands for it: what a line of the grid parts in the midst belongs together.

    `middles` in cells. Only what a box can tell from all other cells is joined, so that a box still finds what is
    counted. Larger ones take smaller ones.
    """
    group = np.arange(len(counts))
    boxes = edges.copy()
    for at in np.argsort(-counts, kind="stable"):
        if group[at] != at:
            continue
        near = np.hypot(*(middles - middles[at]).T) < _JOINED_CELLS
        for other in np.flatnonzero(near & (group == np.arange(len(group)))):
            if other == at or counts[other] > counts[at]:
                continue
            low, high = np.minimum(boxes[at], boxes[other])[:2], np.maximum(boxes[at], boxes[other])[2:]
            meets = (boxes[:, :2] <= high).all(axis=1) & (boxes[:, 2:] >= low).all(axis=1)
            if set(group[meets].tolist()) <= {int(at), int(other)}:
                group[group == other] = at
                boxes[group == at] = np.concatenate([low, high])
    return group


def _level(box: InBox | None, zoom: float) -> int:
    """How often the map is halved for its cells: as `zoom` says, less often where the box would hold too many."""
    wanted = math.floor(zoom + math.log2(_MAP_PX / _CELL_PX))
    height = 180.0 if box is None else max(box.north - box.south, 1e-6)
    width = 360.0 if box is None else max((box.east - box.west) % 360 or 360.0, 1e-6)
    # In degrees of the equator, where cells are widest: towards the poles a box of as many degrees holds more cells.
    middle = 0.0 if box is None else min(abs(box.north), abs(box.south), 80.0)
    share = (width / 360) * min(1.0, height / 360 / math.cos(math.radians(middle)))
    return max(0, min(wanted, math.floor(math.log(_MOST_CELLS / share, 4))))


def _names(name: npt.NDArray[np.int32], cell: Rows, cells: int) -> tuple[npt.NDArray[np.int64], Rows]:
    """Of each cell the name that most of its photos say (-1: none), and how many names they say."""
    said = name >= 0
    most = np.full(cells, -1, dtype=np.int64)
    if not said.any():
        return most, np.zeros(cells, dtype=np.int64)
    width = int(name.max()) + 1
    pairs, counts = np.unique(cell[said] * width + name[said], return_counts=True)
    at = pairs // width
    by_count = np.lexsort((pairs, counts))  # the last of each cell has the most
    most[at[by_count]] = pairs[by_count] % width
    return most, np.bincount(at, minlength=cells)


def _outward(south: float, west: float, north: float, east: float) -> InBox:
    """A box of rounded degrees (a tenth of a metre) around this one: engines leave out what lies on an edge."""
    return InBox(
        max(math.floor(south * _DEGREE_PARTS - 1) / _DEGREE_PARTS, -90.0),
        max(math.floor(west * _DEGREE_PARTS - 1) / _DEGREE_PARTS, -180.0),
        min(math.ceil(north * _DEGREE_PARTS + 1) / _DEGREE_PARTS, 90.0),
        min(math.ceil(east * _DEGREE_PARTS + 1) / _DEGREE_PARTS, 180.0),
    )
