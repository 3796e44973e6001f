"""Reading an export into a library: its photos are matched with those here, and what belongs to them is taken over.

Nothing is taken away, and the same export again changes nothing. Of two words about one photo the later stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.exchange.export_tables import EXPORT_VERSION
from resources.exchange.library_export import README
from resources.folders import to_text
from resources.library import Library
from resources.manifest import (
    Transaction,
    VectorStore,
    collections,
    given_ratings,
    matching,
    outbox,
    results,
    stacks,
    tags,
    written_captions,
)
from resources.manifest.results import ResultKey

__all__ = ["ImportReport", "MatchReport", "import_export"]

# The columns that are read, with their types; of `photos` those that it is matched by.
_READ = {
    "photos": {
        "photo_id": "TEXT",
        "document_id": "TEXT",
        "page": "INTEGER",
        "sha256": "TEXT",
        "pixel_hash": "TEXT",
        "perceptual_hash": "TEXT",
        "file_name": "TEXT",
        "paths": "TEXT[]",
    },
    "files": {
        "document_id": "TEXT",
        "root_path": "TEXT",
        "rel_path": "TEXT",
        "size_bytes": "BIGINT",
        "missing_since": "TIMESTAMP",
    },
    "tags": {"photo_id": "TEXT", "tag": "TEXT", "created_at": "TIMESTAMP"},
    "ratings": {"photo_id": "TEXT", "rating": "INTEGER", "given_at": "TIMESTAMP"},
    "written_captions": {"photo_id": "TEXT", "text": "TEXT", "written_at": "TIMESTAMP"},
    "computed_captions": {
        "pixel_hash": "TEXT",
        "model": "TEXT",
        "revision": "TEXT",
        "preprocess_version": "TEXT",
        "text": "TEXT",
        "created_at": "TIMESTAMP",
    },
    "collections": {"collection_id": "TEXT", "name": "TEXT", "created_at": "TIMESTAMP"},
    "collection_photos": {"collection_id": "TEXT", "photo_id": "TEXT", "added_at": "TIMESTAMP"},
    "stack_separations": {"choice_id": "TEXT", "photo_id": "TEXT", "part": "INTEGER", "decided_at": "TIMESTAMP"},
    "stack_covers": {"photo_id": "TEXT", "decided_at": "TIMESTAMP"},
    "vectors": {
        "pixel_hash": "TEXT",
        "model": "TEXT",
        "revision": "TEXT",
        "preprocess_version": "TEXT",
        "vector": "FLOAT[]",
    },
}
# What no Loupe writes, by table.
_IMPOSSIBLE = {
    "photos": "photo_id IS NULL OR document_id IS NULL OR page IS NULL",
    "tags": "photo_id IS NULL OR created_at IS NULL "
    f"OR coalesce(length(trim(tag)) NOT BETWEEN 1 AND {tags.MOST_TAG_CHARS}, true)",
    "ratings": "photo_id IS NULL OR given_at IS NULL OR rating NOT BETWEEN -1 AND 5",
    "written_captions": "photo_id IS NULL OR written_at IS NULL "
    f"OR coalesce(length(trim(text)) NOT BETWEEN 1 AND {written_captions.MOST_CAPTION_CHARS}, true)",
    "computed_captions": "pixel_hash IS NULL OR model IS NULL OR revision IS NULL OR preprocess_version IS NULL "
    "OR text IS NULL OR created_at IS NULL",
    "collections": "collection_id IS NULL OR name IS NULL",
    "collection_photos": "collection_id IS NULL OR photo_id IS NULL OR added_at IS NULL",
    "stack_separations": "choice_id IS NULL OR photo_id IS NULL OR part IS NULL OR decided_at IS NULL",
    "stack_covers": "photo_id IS NULL OR decided_at IS NULL",
    "vectors": "pixel_hash IS NULL OR model IS NULL OR revision IS NULL OR preprocess_version IS NULL "
    "OR coalesce(len(vector) = 0, true)",
}
_VECTOR_BATCH = 5000
_UNIT_TOLERANCE = 1e-2
_MOST_LISTED = 1000


@dataclass(frozen=True)
class MatchReport:
    """Which rows found a photo. `unmatched` and `ambiguous` list the first thousand, each with its `name`."""

    rows: int
    by: dict[str, int]
    unmatched_count: int
    ambiguous_count: int
    unmatched: list[dict[str, Any]] = field(default_factory=list)
    ambiguous: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, tx: Transaction) -> MatchReport:
        """As `matching` left it in this transaction."""
        by = matching.counts(tx)
        ambiguous, unmatched = by.pop("ambiguous"), by.pop("unmatched")
        listed = matching.unsettled(tx, _MOST_LISTED)
        return cls(sum(by.values()) + ambiguous + unmatched, by, unmatched, ambiguous, *listed)


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do. `changes` counts what was new or other here."""

    dry_run: bool
    matched: MatchReport
    changes: dict[str, int]
    notes: tuple[str, ...] = ()


def import_export(library: Library, folder: Path, *, dry_run: bool = False) -> ImportReport:
    """Take over what the export in `folder` says of photos that are here.

    All of it or, when something is wrong with the export, nothing; vectors come after the rest. Raises
    `EXPORT_INVALID`, `EXPORT_TOO_NEW`.
    """
    sources = _sources(folder)
    manifest = library.manifest
    try:
        with manifest.read() if dry_run else manifest.write() as tx:
            report = _take_over(tx, sources)
        vectors = _take_vectors(library, sources["vectors"], dry_run) if "vectors" in sources else None
    except duckdb.Error as error:
        sentence = str(error).splitlines()[0]
        raise LoupeError(
            "EXPORT_INVALID", f"The export in '{to_text(str(folder))}' cannot be read: {sentence}"
        ) from error
    changes = report.changes if vectors is None else {**report.changes, "vectors": vectors}
    return ImportReport(dry_run, report.matched, changes)


def _sources(folder: Path) -> dict[str, str]:
    """By table: a query that reads its file."""
    name = to_text(str(folder))
    try:
        content = json.loads((folder / README).read_text(encoding="utf-8"))
        listed = {str(table["name"]): Path(str(table["file"])).name for table in content["tables"]}
        known, number, file_format = (
            content["format"] == "loupe-export",
            int(content["version"]),
            content["file_format"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoupeError("EXPORT_INVALID", f"'{name}' is no export of Loupe: it has no {README} of one.") from error
    if not known or file_format not in ("parquet", "jsonl") or "photos" not in listed:
        raise LoupeError("EXPORT_INVALID", f"'{name}' is no export of Loupe: its {README} is another's.")
    if number > EXPORT_VERSION:
        raise LoupeError(
            "EXPORT_TOO_NEW",
            f"'{name}' was written by a newer Loupe (version {number}, this one reads {EXPORT_VERSION}).",
        )
    found = {}
    for table, columns in _READ.items():
        if table in listed:
            path = folder / listed[table]
            if not path.is_file():
                raise LoupeError("EXPORT_INVALID", f"'{name}' lacks the file '{listed[table]}'.")
            found[table] = _reading(path, columns, file_format)
    return found


def _reading(path: Path, columns: dict[str, str], file_format: str) -> str:
    text = str(path).replace("'", "''")
    if file_format == "parquet":
        cast = ", ".join(f"{name}::{kind} AS {name}" for name, kind in columns.items())
        return f"(SELECT {cast} FROM read_parquet('{text}'))"
    typed = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    return f"(SELECT * FROM read_json('{text}', format = 'newline_delimited', columns = {{{typed}}}))"


def _take_over(tx: Transaction, sources: dict[str, str]) -> ImportReport:
    for table, source in sources.items():
        if impossible := _IMPOSSIBLE.get(table):
            wrong = tx.value(f"SELECT count(*) FROM {source} WHERE {impossible}")
            if wrong:
                raise LoupeError(
                    "EXPORT_INVALID", f"The export's table '{table}' has {wrong:,} rows that cannot be right."
                )
    matching.match_photos(tx, sources["photos"], sources.get("files"))
    matched = MatchReport.of(tx)
    changes: dict[str, int] = {}

    def translated(table: str) -> str:
        return matching.translated(tx, sources[table])

    if "tags" in sources:
        changes["tags"] = tags.merge(tx, translated("tags"))[0]
    if "ratings" in sources:
        changes["ratings"] = given_ratings.merge(tx, translated("ratings"))
    if "written_captions" in sources:
        changes["written_captions"] = written_captions.merge(tx, translated("written_captions"))
    if "computed_captions" in sources:
        changes["computed_captions"] = results.merge_captions(tx, sources["computed_captions"])
    if "collections" in sources and "collection_photos" in sources:
        created, added = collections.merge(
            tx,
            f"""(SELECT c.name, m.photo_id, coalesce(m.added_at, c.created_at) AS added_at
            FROM {sources["collections"]} c LEFT JOIN {translated("collection_photos")} m USING (collection_id))""",
        )
        changes |= {"collections": len(created), "collection_photos": added}
    if "stack_separations" in sources:
        changes["stack_separations"] = stacks.merge_separations(tx, translated("stack_separations"))
    if "stack_covers" in sources:
        changes["stack_covers"] = stacks.merge_covers(tx, translated("stack_covers"))
    return ImportReport(False, matched, changes)


def _take_vectors(library: Library, source: str, dry_run: bool) -> int:
    """Take over the vectors of pictures that are here and lack one by the same model. Returns how many."""
    taken = 0
    for key, vectors in _vector_batches(source):
        with library.manifest.read() as tx:
            content = results.content_showing(tx, list(vectors))
            wanted = set(content) - results.known(tx, "embeddings", key, list(content)) if content else set()
        if wanted and not dry_run:
            VectorStore(library.home, key.model, key.revision, key.preprocess_version).put(
                {pixel_hash: vectors[pixel_hash] for pixel_hash in wanted}
            )
            now = utc_now()
            with library.manifest.write() as tx:
                rows = [
                    {"pixel_hash": each, "sha256": content[each], "dim": len(vectors[each]), "created_at": now}
                    for each in sorted(wanted)
                ]
                results.put(tx, "embeddings", key, rows)
                outbox.push(tx, results.photos_showing(tx, sorted(wanted)), "photo")
        taken += len(wanted)
    return taken


def _vector_batches(source: str) -> Iterator[tuple[ResultKey, dict[str, Any]]]:
    """Vectors by pixel hash, of one model at a time, read in batches."""
    keys = ("model", "revision", "preprocess_version")
    with duckdb.connect() as connection:
        wrong = connection.execute(f"SELECT count(*) FROM {source} WHERE {_IMPOSSIBLE['vectors']}").fetchone()
        if wrong and wrong[0]:
            raise LoupeError(
                "EXPORT_INVALID", f"The export's table 'vectors' has {wrong[0]:,} rows that cannot be right."
            )
        models = connection.execute(f"SELECT DISTINCT {', '.join(keys)} FROM {source} ORDER BY ALL").fetchall()
        for model in models:
            reader = connection.execute(
                f"SELECT pixel_hash, vector FROM {source} WHERE {' AND '.join(f'{name} = ?' for name in keys)}",
                list(model),
            )
            while rows := reader.fetchmany(_VECTOR_BATCH):
                vectors = {pixel_hash: np.asarray(vector, dtype=np.float32) for pixel_hash, vector in rows}
                lengths = {len(vector) for vector in vectors.values()}
                norms = np.array([np.linalg.norm(vector) for vector in vectors.values()])
                if len(lengths) > 1 or not np.all(np.abs(norms - 1) < _UNIT_TOLERANCE):
                    raise LoupeError("EXPORT_INVALID", f"The export holds vectors of {model[0]} that cannot be right.")
                yield ResultKey(*model), vectors
