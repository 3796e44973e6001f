"""The embedded home: one Qdrant shard in this process, in a folder of its own.

A shard belongs to one process; `opening.py` holds the lock that says so. Compaction is not done here: the engine's
`optimize()` keeps the interpreter lock and stops queries for as long as it takes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_edge as edge
import structlog

from resources.errors import LoupeError
from resources.home import free_bytes, storage_error, write_atomically
from resources.vector_index.conditions import Condition
from resources.vector_index.dialects import EdgeDialect
from resources.vector_index.points import IndexModel, IndexStats, PhotoPoint, Ranked, StoredPhoto, Vector
from resources.vector_index.qdrant_index import DENSE, WORDS, QdrantIndex, indexed_keys, read_payload, stored_payload
from resources.vector_index.words import SparseWords, document

__all__ = ["EmbeddedIndex", "ShardDamagedError"]

log = structlog.get_logger(__name__)

# Points in one engine call. The engine answers no query during a call (about 0.1 ms a point), so it stays short.
_POINTS_PER_CALL = 100
# The engine maps sparse files, and a page that finds no room ends the process (SIGBUS) instead of raising. So with less
# than this left nothing is begun. Measured at 512 dimensions: a new shard takes 77 MB, 1,000 photos 6 MB, a log 32 MB.
_ROOM_BYTES = 128 << 20
# An apply that was killed may have deleted this many points more than the last recorded count knows of.
_MOST_UNRECORDED_DELETES = 1000


class ShardDamagedError(Exception):
    """The files cannot be opened, or hold less than was written. The index is a cache: it is built again."""


class EmbeddedIndex(QdrantIndex):
    """`VectorIndex` over a shard at `folder/shard`. Safe to use from several threads."""

    def __init__(self, folder: Path, model: IndexModel | None, on_close: Callable[[], None] | None = None) -> None:
        """Open or create. The caller owns the index folder. Raises `ShardDamagedError` and `DISK_FULL`."""
        super().__init__(folder.name, model)
        self._folder = folder
        self._on_close = on_close
        self._dialect = EdgeDialect(DENSE if model else None, self.spelled)
        self._state = threading.Condition()
        self._users = 0
        self._changes = threading.RLock()
        self._shard: edge.EdgeShard | None = _load(folder, model)
        self._applied_seq, self._applied_mark = _read_applied(folder, self._shard)

    # Changes

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self._changes:
            yield

    @property
    def applied_seq(self) -> int | None:
        return self._applied_seq

    @property
    def applied_mark(self) -> str:
        return self._applied_mark

    def set_applied_seq(self, seq: int | None, mark: str = "") -> None:
        with self._using() as shard:
            try:
                shard.flush()
                content = {"seq": seq, "mark": mark, "points": shard.count(edge.CountRequest(exact=True))}
                write_atomically(self._folder / "applied.json", json.dumps(content).encode())
            except OSError as error:
                raise storage_error(error, self._folder) from error
            self._applied_seq, self._applied_mark = seq, mark
            self._changed()

    def upsert(self, points: Iterable[PhotoPoint]) -> int:
        given = list(points)
        for start in range(0, len(given), _POINTS_PER_CALL):
            _require_room(self._folder)
            engine_points = [_engine_point(point) for point in given[start : start + _POINTS_PER_CALL]]
            with self._using() as shard:
                shard.update(edge.UpdateOperation.upsert_points(engine_points))
        self._changed()
        return len(given)

    def delete(self, photo_ids: Sequence[str]) -> None:
        if photo_ids:
            _require_room(self._folder)
            with self._using() as shard:
                shard.update(edge.UpdateOperation.delete_points(list(photo_ids)))
            self._changed()

    # Queries

    def count(self, condition: Condition | None = None) -> int:
        with self._using() as shard:
            return shard.count(edge.CountRequest(exact=True, filter=self._dialect.filter(condition)))

    def get(self, photo_ids: Sequence[str], vectors: bool = False) -> dict[str, StoredPhoto]:
        if not photo_ids:
            return {}
        with_vector = [DENSE] if vectors and self._model else False
        with self._using() as shard:
            records = shard.retrieve(list(photo_ids), with_payload=True, with_vector=with_vector)
        found = {}
        for record in records:
            payload = read_payload(record.payload)
            held: Any = record.vector
            vector = np.asarray(held[DENSE], dtype=np.float32) if held and DENSE in held else None
            found[str(record.id)] = StoredPhoto(str(record.id), payload, vector)
        return found

    def values(self, key: str, limit: int = 100, condition: Condition | None = None) -> list[tuple[str, int]]:
        # "Exact" counts each value by itself, a hundred times slower; one segment counts exactly either way.
        request = edge.FacetRequest(key, limit=limit, exact=False, filter=self._dialect.filter(condition))
        with self._using() as shard:
            hits = shard.facet(request).hits
        return sorted(((str(hit.value), hit.count) for hit in hits), key=lambda pair: (-pair[1], pair[0]))

    def _search(self, query: Vector | SparseWords, using: str, limit: int, condition: Condition | None) -> list[Ranked]:
        vector: Any = (
            edge.SparseVector(list(query.indices), list(query.values))
            if isinstance(query, SparseWords)
            else np.ascontiguousarray(query, dtype=np.float32)
        )
        request = edge.QueryRequest(
            limit=limit, query=edge.Query.Nearest(vector, using=using), filter=self._dialect.filter(condition)
        )
        with self._using() as shard:
            return [Ranked(str(hit.id), hit.score) for hit in shard.query(request)]

    def _ordered(self, key: str, descending: bool, limit: int, condition: Condition | None) -> list[tuple[float, str]]:
        order = edge.OrderBy(key, edge.Direction.Desc if descending else edge.Direction.Asc)
        request = edge.ScrollRequest(
            limit=limit, filter=self._dialect.filter(condition), order_by=order, with_payload=False
        )
        with self._using() as shard:
            records, _ = shard.scroll(request)
        return [(float(record.order_value), str(record.id)) for record in records if record.order_value is not None]

    def _walk(self, after: str | None, limit: int, condition: Condition | None) -> list[str]:
        start = None if after is None else str(UUID(int=UUID(after).int + 1))
        request = edge.ScrollRequest(
            offset=start, limit=limit, filter=self._dialect.filter(condition), with_payload=False
        )
        with self._using() as shard:
            return [str(record.id) for record in shard.scroll(request)[0]]

    def stats(self) -> IndexStats:
        files = [path.stat() for path in self._folder.rglob("*") if path.is_file()]
        return IndexStats(
            home="embedded",
            generation=self.generation,
            model=self.model,
            points=self.point_count(),
            embedded=self.embedded_count(),
            applied_seq=self.applied_seq,
            # Blocks, not length: the engine's files are sparse.
            bytes=sum(stat.st_blocks * 512 for stat in files),
        )

    # Opening and closing

    def make_current(self) -> None:
        write_atomically(self._folder.parent / "current", self.generation.encode())

    def close(self) -> None:
        with self._state:
            shard, self._shard = self._shard, None
            while self._users:
                self._state.wait()
        if shard is not None:
            try:
                shard.flush()
                shard.close()
            finally:
                if self._on_close:
                    self._on_close()

    @contextmanager
    def _using(self) -> Iterator[edge.EdgeShard]:
        """The open shard; `close` waits for those inside. Raises `INDEX_LOADING` after it."""
        with self._state:
            shard = self._shard
            if shard is None:
                raise LoupeError("INDEX_LOADING", "The index was closed. Try again in a moment.")
            self._users += 1
        try:
            yield shard
        finally:
            with self._state:
                self._users -= 1
                self._state.notify_all()


def _require_room(folder: Path) -> None:
    """Raises `DISK_FULL` while the engine could run out of it in the middle of a write."""
    free = free_bytes(folder)
    if free < _ROOM_BYTES:
        raise LoupeError(
            "DISK_FULL",
            f"The search index needs {_ROOM_BYTES >> 20} MB of free space, and {free >> 20} MB are left for {folder}. "
            "Free some and run the same command again.",
            free_bytes=free,
        )


def _engine_point(point: PhotoPoint) -> edge.Point:
    words = document(point.words)
    vector: dict[str, Any] = {WORDS: edge.SparseVector(list(words.indices), list(words.values))} if words else {}
    if point.vector is not None:
        vector[DENSE] = np.ascontiguousarray(point.vector, dtype=np.float32)
    return edge.Point(point.photo_id, vector, stored_payload(point))


def _config(model: IndexModel | None) -> edge.EdgeConfig:
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(model.dim, edge.Distance.Cosine)} if model else None,
        sparse_vectors={WORDS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
    )


_SCHEMAS: dict[str, Callable[[], Any]] = {
    "keyword": edge.KeywordIndexParams,
    "names": lambda: edge.KeywordIndexParams(prefix=True),
    "float": edge.FloatIndexParams,
    "geo": edge.GeoIndexParams,
}


def _load(folder: Path, model: IndexModel | None) -> edge.EdgeShard:
    """Open the shard, or create it. Raises `ShardDamagedError` and `DISK_FULL`.

    Damaged files may end the process instead of raising (a mapped file cut short is a bus error). The marker counts
    the openings that never came back, which a kill or a power cut leaves as well: after the second a process of its
    own tries first.
    """
    marker, path = folder / "opening", folder / "shard"
    _require_room(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tried = len(marker.read_bytes()) if marker.exists() else 0
    if tried >= 2 and _ends_its_process(path):
        raise ShardDamagedError("the engine crashes on its files")
    with marker.open("ab") as stream:
        stream.write(b".")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        if (path / "edge_config.json").exists() and (folder / "complete").exists():
            shard = edge.EdgeShard.load(str(path), _config(model))
            _index_payload(shard)
        else:  # new, or killed while being created
            _remove(path)
            path.mkdir(parents=True)
            shard = edge.EdgeShard.create(str(path), _config(model))
            _index_payload(shard)
            shard.flush()
            (folder / "complete").touch()
    except OSError as error:
        raise storage_error(error, folder) from error
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        raise ShardDamagedError(str(error)) from error  # the engine raises plain Exception, its panics BaseException
    finally:
        marker.unlink(missing_ok=True)
    return shard


_OPENING = "import sys, qdrant_edge; qdrant_edge.EdgeShard.load(sys.argv[1])"
_KILLED_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def _ends_its_process(path: Path) -> bool:
    """Whether opening the shard crashes, tried where it costs nobody. An error that is raised is no crash."""
    done = subprocess.run([sys.executable, "-c", _OPENING, str(path)], capture_output=True, check=False)
    return done.returncode < 0 and -done.returncode not in _KILLED_FROM_OUTSIDE


def _index_payload(shard: edge.EdgeShard) -> None:
    """Create the payload indexes that are not there: without them ordering fails and filters are slow."""
    held = shard.info().payload_schema
    for key, kind in indexed_keys().items():
        if key not in held:
            shard.update(edge.UpdateOperation.create_field_index(key, _SCHEMAS[kind]()))


def _read_applied(folder: Path, shard: edge.EdgeShard) -> tuple[int | None, str]:
    try:
        content = json.loads((folder / "applied.json").read_bytes())
        seq, mark, recorded = content["seq"], str(content["mark"]), int(content["points"])
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        shard.close()
        raise ShardDamagedError(f"applied.json: {error}") from error
    points = shard.count(edge.CountRequest(exact=True))
    if recorded and (points == 0 or points < recorded - _MOST_UNRECORDED_DELETES):
        shard.close()
        raise ShardDamagedError(f"{points} photos are left of {recorded}")
    return seq, mark


def _remove(path: Path) -> None:
    import shutil

    if path.exists():
        shutil.rmtree(path)
