"""The points of a map as an Arrow IPC stream: written once for each drawing, sent as it stands, and kept in memory.

One row a photo, by id: `photo_id` (16 bytes, the UUID), `x`, `y` (float32, within -1..1), `cluster` (int32, -1 for
none), in batches so that a reader can draw before the end has come. A file is derived from the manifest: one that is
gone is written again. Rows are named by their number in the file.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from resources.home import Home, storage_error, write_atomically
from resources.manifest import Manifest, projections
from resources.manifest.projections import Drawing

__all__ = ["Points", "open_points", "stream_of", "sweep_points", "write_points"]

_BATCH_ROWS = 100_000
_ID_BYTES = 16
_BLOCK_POINTS = 250_000


@dataclass(frozen=True)
class Points:
    """A drawing in memory: 28 bytes a photo. `ids` are the UUIDs' bytes, in order; `x`, `y` float32, all `[n]`."""

    drawing: Drawing
    path: Path
    ids: npt.NDArray[np.bytes_]
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    cluster: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, photo_ids: Collection[str]) -> npt.NDArray[np.int64]:
        """The rows of those photos that are on the map, in order."""
        if not len(self) or not photo_ids:
            return np.zeros(0, dtype=np.int64)
        wanted = np.unique(np.frombuffer(_packed(list(photo_ids)), dtype=f"S{_ID_BYTES}"))
        rows = np.minimum(np.searchsorted(self.ids, wanted), len(self) - 1)
        found: npt.NDArray[np.int64] = rows[self.ids[rows] == wanted].astype(np.int64)
        return found

    def ids_at(self, rows: npt.NDArray[np.int64]) -> list[str]:
        """The photo ids of these rows."""
        return [_unpacked(bytes(each)) for each in self.ids[rows]]

    def inside(self, polygon: Sequence[tuple[float, float]]) -> npt.NDArray[np.int64]:
        """The rows of points inside a closed line through these corners; where it crosses itself, by even and odd."""
        corners = np.asarray(polygon, dtype=np.float64)
        low, high = corners.min(axis=0), corners.max(axis=0)
        near = np.flatnonzero((self.x >= low[0]) & (self.x <= high[0]) & (self.y >= low[1]) & (self.y <= high[1]))
        blocks = [near[start : start + _BLOCK_POINTS] for start in range(0, len(near), _BLOCK_POINTS)]
        return np.concatenate([block[self._in(block, corners)] for block in blocks] or [near])

    def _in(self, rows: npt.NDArray[np.int64], corners: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        x, y = self.x[rows].astype(np.float64), self.y[rows].astype(np.float64)
        inside = np.zeros(len(rows), dtype=bool)
        for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if ay != by:
                between = (ay > y) != (by > y)
                inside ^= between & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
        return inside


def write_points(home: Home, table: pa.Table, drawing: Drawing, keep: Collection[str] = ()) -> Path:
    """Write what `projections.points` says; files of drawings that are neither this nor among `keep` go.

    Raises `DISK_FULL` or `HOME_NOT_WRITABLE`.
    """
    ids = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_ID_BYTES), table.num_rows, [None, pa.py_buffer(_packed(table.column("photo_id").to_pylist()))]
    )
    written = pa.table({"photo_id": ids, **{name: table.column(name) for name in ("x", "y", "cluster")}})
    path = _path(home, drawing.generation)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, stream_of(written, {"generation": drawing.generation, "model": drawing.model}))
    except OSError as error:
        raise storage_error(error, path.parent) from error
    sweep_points(home, {drawing.generation, *keep})
    return path


def sweep_points(home: Home, keep: Collection[str]) -> None:
    """Delete the files of all drawings but those of these generations."""
    for path in home.maps.glob("*.arrow"):
        if path.stem not in keep:
            path.unlink(missing_ok=True)


def open_points(manifest: Manifest, home: Home, drawing: Drawing) -> Points:
    """The points of a drawing, from its file, which is written first when it is not there."""
    path = _path(home, drawing.generation)
    if not path.exists():
        with manifest.read() as tx:
            # Another drawing may have come since: what is there now is what the file must say.
            drawing = projections.drawing(tx, drawing.model) or drawing
            table, keep = projections.points(tx, drawing.model), projections.generations(tx)
        path = write_points(home, table, drawing, keep)
    with pa.ipc.open_stream(path.read_bytes()) as reader:
        whole = reader.read_all()
    packed = b"".join(
        chunk.buffers()[1].slice(chunk.offset * _ID_BYTES, len(chunk) * _ID_BYTES).to_pybytes()
        for chunk in whole.column("photo_id").chunks
        if len(chunk)
    )
    return Points(
        drawing,
        path,
        np.frombuffer(packed, dtype=f"S{_ID_BYTES}"),
        *(whole.column(name).to_numpy() for name in ("x", "y", "cluster")),
    )


def stream_of(table: pa.Table, metadata: dict[str, str] | None = None) -> bytes:
    """The table as an Arrow IPC stream, not compressed: the readers of browsers know no codecs."""
    if metadata:
        table = table.replace_schema_metadata(metadata)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=_BATCH_ROWS)
    return sink.getvalue()


def _path(home: Home, generation: str) -> Path:
    return home.maps / f"{generation}.arrow"


def _packed(photo_ids: list[Any]) -> bytes:
    return bytes.fromhex("".join(photo_ids).replace("-", ""))


def _unpacked(value: bytes) -> str:
    text = value.ljust(_ID_BYTES, b"\0").hex()  # numpy drops zeros at the end
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
