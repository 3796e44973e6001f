"""The embedded home: one Qdrant shard in this process, in a folder of its own.

A shard belongs to one process; `opening.py` holds the lock that says so. Here a copy of the shard is made and taken
over; another process compacts it (`compaction.py`), as the engine's `optimize()` keeps the interpreter lock and stops
queries for as long as it takes.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil
import qdrant_edge as edge
import structlog

from resources.errors import LoupeError
from resources.home import disk_bytes, free_bytes, process_lives, storage_error, write_atomically
from resources.vector_index.condition_parts import MEMBER, split_covers, split_left_out, values_named
from resources.vector_index.conditions import And, Condition, Ids, Not
from resources.vector_index.edge_dialect import EdgeDialect
from resources.vector_index.points import IndexModel, IndexStats, PhotoPoint, RankedList, StoredPhoto, Vector
from resources.vector_index.qdrant_index import (
    ALL_VALUES,
    DENSE,
    WORDS,
    QdrantIndex,
    indexed_keys,
    stored_payload,
    threshold,
)
from resources.vector_index.sparse_files import copy_tree, read_tree
from resources.vector_index.words import SparseWords, document

__all__ = ["Compacted", "CompactedCopy", "EmbeddedIndex", "ShardDamagedError", "compacting_file"]

log = structlog.get_logger(__name__)

# Points in one engine call. The engine answers no query during a call (about 0.1 ms a point), so it stays short.
_POINTS_PER_CALL = 100
# The engine maps sparse files, and a page that finds no room ends the process (SIGBUS) instead of raising. So with less
# than this left nothing is begun. Measured at 512 dimensions: a new shard takes 77 MB, 1,000 photos 6 MB, a log 32 MB.
_ROOM_BYTES = 128 << 20
# An apply that was killed may have deleted this many points more than the last recorded count knows of.
_MOST_UNRECORDED_DELETES = 1000
# Candidates that a search of the graph keeps: recall in docs/decisions/compaction.md. It falls with each photo that a
# filter leaves out, so one that does more than show covers and leave out some photos and stacks is not given to it.
# Who asks for more than are found sooner by looking at each is answered without the graph.
_EFFORTS = (256, 1024, 2048)
_MOST_LEFT_OUT = 100
_MOST_BY_GRAPH = 2000
# With a filter the graph may be asked without it, for so much more than there has to pass as the engine's estimate of
# how many pass is off at most; a photo that is found so costs as much as looking at so many that pass.
_SIFT_MORE, _SIFT_COST = 1.5, 24


def _effort(limit: int) -> int:
    """Candidates that the graph keeps: the same for many depths, so that pages of a search come from the same ones."""
    return next((effort for effort in _EFFORTS if limit <= effort), limit)


# What the engine raises where it did not expect to fail.
_PANIC = "PanicException"

# Folders of shards: that of the first, and of those that took over from it.
_FIRST, _COPY = "shard", "shard-"


class ShardDamagedError(Exception):
    """The files cannot be opened, or hold less than was written. The index is a cache: it is built again."""


@dataclass(frozen=True)
class Compacted:
    """The last compaction of a shard: when it was taken over (UTC, ISO 8601), its photos, and how long it took."""

    at: str
    points: int
    seconds: float


@dataclass(frozen=True)
class _Applied:
    """What `applied.json` says: one file, so that a shard and how far it is always change together.

    `tail` counts the points that were written since the shard was compacted, one that is written twice twice.
    """

    seq: int | None = None
    mark: str = ""
    points: int = 0
    shard: str = _FIRST
    tail: int = 0
    compacted: Compacted | None = None

    @classmethod
    def read(cls, folder: Path) -> _Applied:
        """What is recorded; nothing of a folder that was never whole. Raises `ShardDamagedError`."""
        try:
            said = json.loads((folder / "applied.json").read_bytes())
            compacted = said.get("compacted")
            return cls(
                seq=said["seq"],
                mark=str(said["mark"]),
                points=int(said["points"]),
                shard=Path(said.get("shard", _FIRST)).name,
                # One that was written before there was compaction is a tail as a whole.
                tail=int(said.get("tail", said["points"])),
                compacted=Compacted(**compacted) if compacted else None,
            )
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ShardDamagedError(f"applied.json: {error}") from error

    def write(self, folder: Path) -> None:
        try:
            write_atomically(folder / "applied.json", json.dumps(asdict(self)).encode())
        except OSError as error:
            raise storage_error(error, folder) from error


@dataclass(eq=False)
class _Opened:
    """An open shard and how many calls are inside it."""

    shard: edge.EdgeShard
    path: Path
    users: int = field(default=0)


class EmbeddedIndex(QdrantIndex):
    """`VectorIndex` over a shard in `folder`. Safe to use from several threads."""

    def __init__(self, folder: Path, model: IndexModel | None, on_close: Callable[[], None] | None = None) -> None:
        """Open or create. The caller owns the index folder. Raises `ShardDamagedError` and `DISK_FULL`."""
        super().__init__(folder.name, model)
        self._folder = folder
        self._on_close = on_close
        self._dialect = EdgeDialect(DENSE if model else None, self.spelled, self.offline)
        self._state = threading.Condition()
        self._changes = threading.RLock()
        self._begun_anew = 0
        self._applied = _Applied.read(folder)
        self._written = self._applied.tail
        _sweep(folder, self._applied.shard)
        path = folder / self._applied.shard
        self._opened: _Opened | None = _Opened(_load(folder, path, model), path)
        try:
            _check_points(self._applied, self._opened.shard)
        except ShardDamagedError:
            self._opened.shard.close()
            raise

    # Changes

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self._changes:
            yield

    @property
    def applied_seq(self) -> int | None:
        return self._applied.seq

    @property
    def applied_mark(self) -> str:
        return self._applied.mark

    def set_applied_seq(self, seq: int | None, mark: str = "") -> None:
        with self._changes:
            self._begun_anew += seq is None
            with self._using() as shard:
                points = _flushed(shard, self._folder)
            self._record(replace(self._applied, seq=seq, mark=mark, points=points, tail=min(self._written, points)))
            self._changed()

    def _record(self, applied: _Applied) -> None:
        applied.write(self._folder)
        self._applied = applied

    def upsert(self, points: Iterable[PhotoPoint]) -> int:
        given = list(points)
        for start in range(0, len(given), _POINTS_PER_CALL):
            _require_room(self._folder)
            engine_points = [_engine_point(point) for point in given[start : start + _POINTS_PER_CALL]]
            with self._using() as shard:
                shard.update(edge.UpdateOperation.upsert_points(engine_points))
        self._written += len(given)
        self._changed()
        return len(given)

    def delete(self, photo_ids: Sequence[str]) -> None:
        if photo_ids:
            _require_room(self._folder)
            with self._using() as shard:
                shard.update(edge.UpdateOperation.delete_points(list(photo_ids)))
            self._changed()

    # Compaction

    @property
    def tail(self) -> int:
        """Points at most that are in no graph, so that each search looks at all of them."""
        return min(self._written, self._applied.points)

    @property
    def compacted(self) -> Compacted | None:
        """The last compaction; None before the first."""
        return self._applied.compacted

    @property
    def looks_at_each(self) -> bool:
        return self.compacted is None

    @property
    def folder(self) -> Path:
        return self._folder

    def shard_bytes(self) -> int:
        """What the files of the shard take on the disk."""
        with self._using():
            assert self._opened is not None
            return disk_bytes(self._opened.path)

    def copy_shard(self) -> CompactedCopy:
        """Copy the shard as it stands between two changes: changes wait meanwhile, searches do not.

        Raises `DISK_FULL`, and `INDEX_LOADING` when the index was never whole.
        """
        with self._changes, self._using() as shard:
            opened = self._opened
            if self._applied.seq is None or opened is None:
                raise LoupeError("INDEX_LOADING", "The index is being built.")
            _flushed(shard, self._folder)
            path = self._folder / f"{_COPY}{os.urandom(4).hex()}"
            try:
                copy_tree(opened.path, path)
            except BaseException as error:
                shutil.rmtree(path, ignore_errors=True)
                if isinstance(error, OSError):
                    raise storage_error(error, self._folder) from error
                raise
            return CompactedCopy(self, path, self._applied, self._begun_anew)

    def take_over(self, copy: CompactedCopy, compacted: Compacted) -> bool:
        """Search and change `copy` instead, from one call to the next; the shard before is deleted.

        Called under `changing`, with a copy that is at least as far as this. False, and nothing changed, when this was
        begun anew since it was copied. Raises `INDEX_LOADING` when it was closed meanwhile.
        """
        if self._begun_anew != copy.begun_anew:
            return False
        with self._state:
            before = self._opened
            if before is None:
                raise LoupeError("INDEX_LOADING", "The index was closed.")
            # From here on the next opening finds the copy, whatever happens to this process.
            self._record(replace(copy.position, shard=copy.path.name, tail=copy.written, compacted=compacted))
            self._written, self._opened = copy.written, copy.hand_over()
            self._state.wait_for(lambda: before.users == 0)
        self._changed()
        before.shard.close()
        shutil.rmtree(before.path, ignore_errors=True)
        return True

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
            payload = self._payload(record.payload)
            held: Any = record.vector
            vector = np.asarray(held[DENSE], dtype=np.float32) if held and DENSE in held else None
            found[str(record.id)] = StoredPhoto(str(record.id), payload, vector)
        return found

    def _facet(self, key: str, limit: int, condition: Condition | None) -> list[tuple[str, int]]:
        # "Exact" counts each value by itself, a hundred times slower; a segment counts exactly either way. Of several
        # segments, which there are after a compaction, each cuts its list before they are added up.
        asked = limit if self.compacted is None else max(limit, ALL_VALUES)
        request = edge.FacetRequest(key, limit=asked, exact=False, filter=self._dialect.filter(condition))
        with self._using() as shard:
            hits = shard.facet(request).hits
        return [(str(hit.value), hit.count) for hit in hits]

    def _search(
        self, query: Vector | SparseWords, using: str, limit: int, condition: Condition | None, least: float | None
    ) -> RankedList:
        if isinstance(query, SparseWords):
            sparse = edge.SparseVector(list(query.indices), list(query.values))
            return self._asked(sparse, using, limit, condition, least, by_graph=False)
        vector = np.ascontiguousarray(query, dtype=np.float32)
        covers, filtered = split_covers(condition)
        left_out, filtered = split_left_out(filtered)
        linked = limit <= _MOST_BY_GRAPH and values_named(left_out) <= _MOST_LEFT_OUT
        if linked and filtered is not None and self.compacted is not None:
            open_ = [Not(MEMBER)] * covers + ([Not(left_out)] if left_out else [])
            sifted = self._sifted(vector, using, limit, And(tuple(open_)) if open_ else None, filtered, least)
            if sifted is not None:
                return sifted
        return self._asked(vector, using, limit, condition, least, by_graph=linked and filtered is None)

    def _sifted(
        self, vector: Vector, using: str, limit: int, open_: Condition | None, filtered: Condition, least: float | None
    ) -> RankedList | None:
        """The best that pass a filter of those that the graph finds without it.

        None where it would take longer than looking at all that pass, and where too few pass of those that are found.
        """
        with self._using() as shard:
            passing = shard.count(edge.CountRequest(exact=False, filter=self._dialect.filter(filtered)))
        depth = math.ceil(_SIFT_MORE * limit * self.point_count() / max(passing, 1))
        if depth > min(_MOST_BY_GRAPH, passing / _SIFT_COST):
            return None
        candidates = self._asked(vector, using, depth, open_, least, by_graph=True)
        if not candidates:
            return candidates
        found = self._asked(vector, using, limit, And((Ids(tuple(candidates.ids)), filtered)), least, by_graph=False)
        return found if len(found) == limit or len(candidates) < depth else None

    def _asked(
        self, query: Any, using: str, limit: int, condition: Condition | None, least: float | None, *, by_graph: bool
    ) -> RankedList:
        request = edge.QueryRequest(
            limit=limit,
            query=edge.Query.Nearest(query, using=using),
            filter=self._dialect.filter(condition),
            score_threshold=threshold(least),
            params=edge.SearchParams(hnsw_ef=_effort(limit), exact=not by_graph),
        )
        with self._using() as shard:
            hits = shard.query(request)
        return RankedList([hit.score for hit in hits], lambda at: str(hits[at].id))

    def _ordered(self, key: str, descending: bool, limit: int, condition: Condition | None) -> RankedList:
        order = edge.OrderBy(key, edge.Direction.Desc if descending else edge.Direction.Asc)
        request = edge.ScrollRequest(
            limit=limit, filter=self._dialect.filter(condition), order_by=order, with_payload=False
        )
        with self._using() as shard:
            records, _ = shard.scroll(request)
        held = [(float(value), record) for record in records if (value := record.order_value) is not None]
        return RankedList([value for value, _ in held], lambda at: str(held[at][1].id))

    def _walk(self, after: str | None, limit: int, condition: Condition | None) -> list[str]:
        start = None if after is None else str(UUID(int=UUID(after).int + 1))
        request = edge.ScrollRequest(
            offset=start, limit=limit, filter=self._dialect.filter(condition), with_payload=False
        )
        with self._using() as shard:
            return [str(record.id) for record in shard.scroll(request)[0]]

    def stats(self) -> IndexStats:
        return IndexStats(
            home="embedded",
            generation=self.generation,
            model=self.model,
            points=self.point_count(),
            embedded=self.embedded_count(),
            applied_seq=self.applied_seq,
            bytes=disk_bytes(self._folder),
        )

    # Opening and closing

    def read_ahead(self, stopped: Callable[[], bool]) -> None:
        opened = self._opened
        if opened is None:
            return
        began, room, read = time.monotonic(), psutil.virtual_memory().available // 2, 0
        for part in opened.path.glob("segments/*/payload_*"):
            read += read_tree(part, room - read, stopped)
        log.info("index read into memory", megabytes=round(read / 1e6), seconds=round(time.monotonic() - began, 1))

    def make_current(self) -> None:
        write_atomically(self._folder.parent / "current", self.generation.encode())

    def close(self) -> None:
        with self._state:
            opened, self._opened = self._opened, None
            if opened is not None:
                self._state.wait_for(lambda: opened.users == 0)
        if opened is not None:
            try:
                opened.shard.flush()
                opened.shard.close()
            finally:
                if self._on_close:
                    self._on_close()

    @contextmanager
    def _using(self) -> Iterator[edge.EdgeShard]:
        """The open shard; `close` and `take_over` wait for those inside. Raises `INDEX_LOADING` after it was closed."""
        with self._state:
            opened = self._opened
            if opened is None:
                raise LoupeError("INDEX_LOADING", "The index was closed. Try again in a moment.")
            opened.users += 1
        try:
            yield opened.shard
        except BaseException as error:
            if type(error).__name__ == _PANIC:  # no Exception, so nobody would catch it
                raise RuntimeError(f"The index engine failed: {error}") from error
            raise
        finally:
            with self._state:
                opened.users -= 1
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


class CompactedCopy(EmbeddedIndex):
    """A copy of the shard of `origin` at `path`, brought up to the manifest beside it until it takes over.

    How far it is it keeps to itself: of a copy that did not take over nothing remains.
    """

    def __init__(self, origin: EmbeddedIndex, path: Path, applied: _Applied, begun_anew: int) -> None:
        QdrantIndex.__init__(self, origin.generation, origin.model)
        self.path = path
        self.begun_anew = begun_anew
        self._folder = path.parent
        self._on_close = None
        self._dialect = EdgeDialect(DENSE if origin.model else None, self.spelled, self.offline)
        self._state = threading.Condition()
        self._changes = threading.RLock()
        self._begun_anew = 0
        self._applied = applied
        self._written = 0
        self._opened = None
        self._handed_over = False

    @property
    def written(self) -> int:
        """Points written since it was compacted."""
        return self._written

    @property
    def position(self) -> _Applied:
        return self._applied

    def open(self) -> None:
        """Open what another process compacted. Raises `ShardDamagedError`."""
        try:
            shard = edge.EdgeShard.load(str(self.path))
        except Exception as error:
            raise ShardDamagedError(str(error)) from error
        self._opened = _Opened(shard, self.path)
        _check_points(self._applied, shard)

    def hand_over(self) -> _Opened:
        """The open shard, which is another's from now on."""
        with self._state:
            opened, self._opened = self._opened, None
        assert opened is not None
        self._handed_over = True
        return opened

    def discard(self) -> None:
        """Close and delete it, unless it was handed over."""
        if not self._handed_over:
            try:
                self.close()
            except Exception as error:  # a disk that is full: it goes anyway
                log.warning("compacted copy not closed", reason=str(error))
            shutil.rmtree(self.path, ignore_errors=True)

    def _record(self, applied: _Applied) -> None:
        self._applied = applied


def _engine_point(point: PhotoPoint) -> edge.Point:
    words = document(point.words)
    vector: dict[str, Any] = {WORDS: edge.SparseVector(list(words.indices), list(words.values))} if words else {}
    if point.vector is not None:
        vector[DENSE] = np.ascontiguousarray(point.vector, dtype=np.float32)
    return edge.Point(point.photo_id, vector, stored_payload(point))


def _config(model: IndexModel | None) -> edge.EdgeConfig:
    """What the shard stores. Nothing of a graph: one that was compacted keeps what it was compacted with."""
    return edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(model.dim, edge.Distance.Cosine)} if model else None,
        sparse_vectors={WORDS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
    )


# Of a compacted shard these stay in their files. In memory, where the engine would hold them, they take 300 MB and
# 4 s for 100,000 photos whenever a shard is opened, during which the engine keeps the interpreter lock.
_IN_FILES = edge.Memory.Cold
_SCHEMAS: dict[str, Callable[[], Any]] = {
    "keyword": lambda: edge.KeywordIndexParams(memory=_IN_FILES),
    "names": lambda: edge.KeywordIndexParams(prefix=True, memory=_IN_FILES),
    "float": lambda: edge.FloatIndexParams(memory=_IN_FILES),
    "geo": lambda: edge.GeoIndexParams(memory=_IN_FILES),
}


def _load(folder: Path, path: Path, model: IndexModel | None) -> edge.EdgeShard:
    """Open the shard, or create it. Raises `ShardDamagedError` and `DISK_FULL`.

    Damaged files may end the process instead of raising (a mapped file cut short is a bus error). The marker counts
    the openings that never came back, which a kill or a power cut leaves as well: after the second a process of its
    own tries first.
    """
    marker = folder / "opening"
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
            shutil.rmtree(path, ignore_errors=True)
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


def _check_points(applied: _Applied, shard: edge.EdgeShard) -> None:
    if not applied.points:
        return
    points = shard.count(edge.CountRequest(exact=True))
    if points == 0 or points < applied.points - _MOST_UNRECORDED_DELETES:
        raise ShardDamagedError(f"{points} photos are left of {applied.points}")


def _flushed(shard: edge.EdgeShard, folder: Path) -> int:
    """Make all changes durable. Returns how many points there are."""
    try:
        shard.flush()
    except OSError as error:
        raise storage_error(error, folder) from error
    return int(shard.count(edge.CountRequest(exact=True)))


def compacting_file(folder: Path) -> Path:
    """Which process compacts a copy in this generation's folder: what `this_process` says of it."""
    return folder / "compacting.json"


def _sweep(folder: Path, shard: str) -> None:
    """Remove what a compaction that was cut off left behind, and end it if it goes on without its owner."""
    if not folder.is_dir():
        return
    try:
        said = json.loads(compacting_file(folder).read_text())
    except (OSError, ValueError):
        said = {}
    if process_lives(said):
        log.info("ending a compaction without an owner", pid=said["pid"])
        try:
            process = psutil.Process(int(said["pid"]))
            process.kill()
            process.wait(10)
        except psutil.Error as error:
            log.warning("compaction not ended", reason=str(error))
    compacting_file(folder).unlink(missing_ok=True)
    if not (folder / "complete").exists():
        return
    for path in folder.iterdir():
        if path.name != shard and (path.name == _FIRST or path.name.startswith(_COPY)):
            shutil.rmtree(path, ignore_errors=True)
