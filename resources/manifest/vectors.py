"""Image vectors, one DuckDB file per model, so that backups stay small and pruning a model deletes a file.

A vector is keyed by the pixels it was computed from and by what computed it. It is written before the manifest says
that it is done: the two files cannot commit together, and a vector without its manifest row is only computed again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from resources.home import Home
from resources.manifest.database import Database, Transaction

__all__ = ["VectorFile", "VectorStore"]

_TABLE = """CREATE TABLE IF NOT EXISTS vectors (
    pixel_hash TEXT NOT NULL, revision TEXT NOT NULL, preprocess_version TEXT NOT NULL, vector BLOB NOT NULL)"""


class _VectorDatabase(Database):
    DAMAGED = "VECTORS_DAMAGED"
    MENDED_BY = "`loupe verify --repair` sets it aside, and the model makes its vectors again."


class VectorStore:
    """Vectors of one `(model, revision, preprocess_version)`: float32, unit norm, `[dim]`."""

    def __init__(self, home: Home, model: str, revision: str, preprocess_version: str) -> None:
        self.path = home.path / f"vectors-{re.sub(r'[^A-Za-z0-9._-]+', '-', model)}.duckdb"
        self._key = (revision, preprocess_version)
        self._database = _VectorDatabase(self.path)

    def put(self, vectors: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Store vectors by pixel hash; those already here stay as they are."""
        if not vectors:
            return
        columns: dict[str, list[Any]] = {
            "pixel_hash": list(vectors),
            "vector": [np.ascontiguousarray(vector, dtype=np.float32).tobytes() for vector in vectors.values()],
        }
        with (
            self._open(write=True) as tx,
            tx.relation(columns, {"pixel_hash": pa.string(), "vector": pa.binary()}) as given,
        ):
            tx.execute(
                f"""INSERT INTO vectors SELECT pixel_hash, ?, ?, vector FROM {given} g
                WHERE NOT EXISTS (FROM vectors v WHERE v.pixel_hash = g.pixel_hash
                    AND v.revision = ? AND v.preprocess_version = ?)""",
                [*self._key, *self._key],
            )

    def get(self, pixel_hashes: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """The vectors of these pixel hashes; those not stored are absent from the answer."""
        if not pixel_hashes or not self.path.exists():
            return {}
        with (
            self._open() as tx,
            tx.relation({"pixel_hash": list(pixel_hashes)}, {"pixel_hash": pa.string()}) as wanted,
        ):
            # By row number: otherwise every vector of the file is read.
            rows = tx.execute(
                f"""SELECT pixel_hash, vector FROM vectors WHERE rowid IN (
                    SELECT v.rowid FROM vectors v JOIN {wanted} USING (pixel_hash)
                    WHERE v.revision = ? AND v.preprocess_version = ?)""",
                self._key,
            ).fetchall()
        return {pixel_hash: np.frombuffer(blob, dtype=np.float32) for pixel_hash, blob in rows}

    def batches(self, size: int = 10_000) -> Iterator[pa.RecordBatch]:
        """All vectors by pixel hash: batches of `pixel_hash` and `vector` (list of float32), each read by itself.

        No lock is held between batches; what is put meanwhile may or may not be among them.
        """
        after = ""
        while self.path.exists():
            with self._open() as tx:
                table = tx.arrow(
                    """SELECT pixel_hash, vector FROM vectors WHERE revision = ? AND preprocess_version = ?
                    AND pixel_hash > ? ORDER BY pixel_hash LIMIT ?""",
                    [*self._key, after, size],
                )
            if table.num_rows == 0:
                return
            hashes, blobs = (table.column(name).combine_chunks() for name in ("pixel_hash", "vector"))
            vectors = [np.frombuffer(blob.as_buffer(), dtype=np.float32) for blob in blobs]
            yield pa.record_batch({"pixel_hash": hashes, "vector": pa.array(vectors, type=pa.list_(pa.float32()))})
            after = hashes[-1].as_py()

    def stored(self, size: int = 20_000) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
        """All vectors in the order in which they are stored: pixel hashes and `[m, dim]`, read `size` rows at a time.

        No lock is held between blocks; what is put or deleted meanwhile may be missing, or come twice.
        """
        if not self.path.exists():
            return
        with self._open() as tx:
            end = tx.value("SELECT max(rowid) FROM vectors")
        for start in range(0, -1 if end is None else end + 1, size):
            with self._open() as tx:
                table = tx.arrow(
                    """SELECT pixel_hash, vector FROM vectors WHERE rowid >= ? AND rowid < ?
                    AND revision = ? AND preprocess_version = ?""",
                    [start, start + size, *self._key],
                )
            if table.num_rows:
                vectors = [np.frombuffer(blob.as_buffer(), np.float32) for blob in table.column("vector")]
                yield table.column("pixel_hash").to_pylist(), np.stack(vectors)

    def count(self) -> int:
        """How many vectors are stored."""
        if not self.path.exists():
            return 0
        with self._open() as tx:
            return int(
                tx.value("SELECT count(*) FROM vectors WHERE revision = ? AND preprocess_version = ?", self._key)
            )

    def clear(self) -> None:
        """Delete the vectors of this model; the file stays, with those of others."""
        if self.path.exists():
            with self._open(write=True) as tx:
                tx.execute("DELETE FROM vectors WHERE revision = ? AND preprocess_version = ?", self._key)

    def files(self) -> list[Path]:
        """The file and its write-ahead log, those that are there."""
        return [path for path in (self.path, self.path.with_name(f"{self.path.name}.wal")) if path.exists()]

    def delete_file(self) -> int:
        """Delete the file with every vector in it, of all revisions. Returns the bytes freed."""
        return self._database.delete()

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[Transaction]:
        with self._database.write() if write else self._database.read() as tx:
            tx.execute(_TABLE)  # the file may be new, or cut off before its first commit
            yield tx


class VectorFile:
    """A whole file of vectors, of every revision in it: how backups read, write and compare it.

    Keys are Arrow tables of `KEYS` columns; rows have a `vector` (float32, as bytes) besides.
    """

    KEYS = ("pixel_hash", "revision", "preprocess_version")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = _VectorDatabase(path)

    @classmethod
    def all_in(cls, home: Home) -> list[VectorFile]:
        """Those of every model, by name."""
        return [cls(path) for path in sorted(home.path.glob("vectors-*.duckdb"))]

    def keys(self) -> pa.Table:
        """The keys of every vector, in the order in which they are stored."""
        with self._open() as tx:
            return tx.arrow(f"SELECT {_KEYS} FROM vectors ORDER BY rowid")

    def rows(self, keys: pa.Table) -> pa.Table:
        """The rows of these keys; those that are not stored are absent from the answer."""
        with self._open() as tx, tx.table(keys) as wanted:
            # By row number: a join would read every vector of the file, 30 times as much for 10,000 of 300,000.
            found = f"SELECT v.rowid FROM vectors v JOIN {wanted} USING ({_KEYS})"
            return tx.arrow(f"SELECT {_KEYS}, vector FROM vectors WHERE rowid IN ({found})")

    def load(self, parquet: Path) -> int:
        """Add the rows of a Parquet file as they are; the caller knows that none of them is here. Returns how many."""
        with self._open(write=True) as tx:
            # One statement for all of them: in steps the file would be half as large again, and take twice as long.
            columns = f"SELECT {_KEYS}, vector FROM read_parquet(?)"
            return int(tx.value(f"INSERT INTO vectors {columns}", [str(parquet)]))

    def delete(self, keys: pa.Table) -> None:
        """Remove the rows of these keys."""
        with self._open(write=True) as tx, tx.table(keys) as given:
            tx.execute(
                f"""DELETE FROM vectors AS v USING {given} g WHERE v.pixel_hash = g.pixel_hash
                AND v.revision = g.revision AND v.preprocess_version = g.preprocess_version"""
            )

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[Transaction]:
        with self._database.write() if write else self._database.read() as tx:
            tx.execute(_TABLE)
            yield tx


_KEYS = ", ".join(VectorFile.KEYS)
