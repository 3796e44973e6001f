"""Writing an export: a folder with one file a table, Parquet or JSON Lines, and a README.json that says what is in it.

The manifest's tables are written by the database itself and without passing through Python, so memory stays bounded at
any size; they come from a copy of the manifest, so that nobody waits meanwhile. Vectors follow in batches.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.exchange.export_tables import EXPORT_VERSION, TABLES, ExportTable, tables_of
from resources.folders import to_text
from resources.library import Library
from resources.manifest import Database, Transaction, VectorStore, models, roots
from resources.manifest.exports import QUERIES

__all__ = ["README", "ExportFormat", "ExportReport", "export_library"]

ExportFormat = Literal["parquet", "jsonl"]
README = "README.json"

_OPTIONS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "jsonl": "FORMAT json, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%f'",
}


@dataclass(frozen=True)
class ExportReport:
    """What was written: rows by table, and the bytes of all files."""

    folder: str
    format: ExportFormat
    tables: dict[str, int]
    total_bytes: int


def export_library(
    library: Library,
    folder: Path,
    *,
    file_format: ExportFormat = "parquet",
    only: Iterable[str] = (),
    vectors: bool = False,
) -> ExportReport:
    """Write the library's tables into `folder`, which is new or empty; it appears when all is written.

    Raises `EXPORT_EXISTS`, `INVALID_REQUEST` (an unknown table, a place inside a watched folder), `DISK_FULL`,
    `EXPORT_FAILED`.
    """
    tables = tables_of(only, vectors=vectors)
    folder = _usable(library, folder)
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        described = _write_tables(library, partial, tables, file_format)
        if any(table.name == "vectors" for table in tables):
            described.append(_write_vectors(library, partial, file_format))
        content = _readme(library, tables, described, file_format)
        (partial / README).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        total_bytes = sum(path.stat().st_size for path in partial.iterdir())
        if folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
    except (OSError, duckdb.Error, LoupeError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise _failed(error, folder) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    rows = {each["name"]: each["rows"] for each in described}
    return ExportReport(to_text(str(folder)), file_format, rows, total_bytes)


def _usable(library: Library, folder: Path) -> Path:
    folder = Path(os.path.abspath(folder.expanduser()))
    name = to_text(str(folder))
    if name != str(folder):
        raise LoupeError("INVALID_REQUEST", f"'{name}' cannot be written to: its name is no UTF-8.")
    if folder.is_symlink() or folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise LoupeError(
            "EXPORT_EXISTS", f"There is something at '{name}'. Name a folder that does not exist yet.", path=name
        )
    with library.manifest.read() as tx:
        watched = [root["path"] for root in roots.list_all(tx)]
    for root in watched:
        if name == root or name.startswith(root.rstrip("/") + "/"):
            raise LoupeError(
                "INVALID_REQUEST", f"'{name}' lies inside the watched folder '{root}', where Loupe writes nothing."
            )
    return folder


def _failed(error: Exception, folder: Path) -> LoupeError:
    text = str(error)
    if "No space left" in text or getattr(error, "code", None) == "DISK_FULL":
        return LoupeError("DISK_FULL", f"No space is left for '{folder}'. Free some, or export to another disk.")
    if isinstance(error, LoupeError):
        return error
    return LoupeError("EXPORT_FAILED", f"'{folder}' could not be written: {text.splitlines()[0]}", path=str(folder))


def _write_tables(
    library: Library, folder: Path, tables: list[ExportTable], file_format: ExportFormat
) -> list[dict[str, Any]]:
    copy = Database(folder / "manifest.duckdb")
    try:
        library.manifest.copy_to(copy.path, lambda tx: None)
        with copy.read() as tx:
            return [
                _describe(tx, table, query, _copy(tx, query, folder, table, file_format))
                for table in tables
                if (query := QUERIES.get(table.name))
            ]
    finally:
        for left in folder.glob("manifest.*"):
            left.unlink()


def _copy(
    tx: Transaction | duckdb.DuckDBPyConnection,
    query: str,
    folder: Path,
    table: ExportTable,
    file_format: ExportFormat,
) -> tuple[str, int]:
    """Write what `query` answers. Returns the file's name and how many rows it has."""
    name = f"{table.name}.{file_format}"
    target = str(folder / name).replace("'", "''")
    row = tx.execute(f"COPY ({query}) TO '{target}' ({_OPTIONS[file_format]})").fetchone()
    return name, int(row[0]) if row else 0


def _describe(
    tx: Transaction | duckdb.DuckDBPyConnection, table: ExportTable, query: str, written: tuple[str, int]
) -> dict[str, Any]:
    types = [(row[0], row[1]) for row in tx.execute(f"DESCRIBE {query}").fetchall()]
    return {
        "name": table.name,
        "file": written[0],
        "rows": written[1],
        "made_by": table.made_by,
        "meaning": table.meaning,
        "columns": [
            {"name": name, "type": kind} | ({"meaning": table.columns[name]} if table.columns[name] else {})
            for name, kind in types
        ],
    }


def _write_vectors(library: Library, folder: Path, file_format: ExportFormat) -> dict[str, Any]:
    text = pa.string()
    schema = pa.schema(
        [(name, text) for name in ("pixel_hash", "model", "revision", "preprocess_version")]
        + [("vector", pa.list_(pa.float32()))]
    )
    reader = pa.RecordBatchReader.from_batches(schema, _vector_batches(library, schema))
    query = "SELECT * FROM vectors"
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.register("vectors", reader)
        written = _copy(connection, query, folder, TABLES["vectors"], file_format)
        connection.unregister("vectors")
        connection.register("vectors", schema.empty_table())
        return _describe(connection, TABLES["vectors"], query, written)


def _vector_batches(library: Library, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with library.manifest.read() as tx:
        known = [row for row in models.list_all(tx) if row["kind"] == "clip"]
    for model in known:
        key = [model["name"], model["revision"], model["preprocess_version"]]
        for batch in VectorStore(library.home, *key).batches():
            columns = [
                batch.column("pixel_hash"),
                *(pa.repeat(value, batch.num_rows) for value in key),
                batch.column("vector"),
            ]
            yield pa.record_batch(columns, schema=schema)


def _readme(
    library: Library, tables: list[ExportTable], described: list[dict[str, Any]], file_format: ExportFormat
) -> dict[str, Any]:
    with library.manifest.read() as tx:
        used = models.list_all(tx)
        schema = tx.value("SELECT max(version) FROM schema_migrations")
    return {
        "format": "loupe-export",
        "version": EXPORT_VERSION,
        "written_at": utc_now().isoformat(timespec="seconds") + "Z",
        "loupe": version("loupe-photos"),
        "manifest_schema": schema,
        "file_format": file_format,
        "models": [
            {name: row[name] for name in ("kind", "name", "revision", "preprocess_version", "dim", "in_use")}
            for row in used
        ],
        "tables": described,
    }
