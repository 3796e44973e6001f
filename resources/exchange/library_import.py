"""Reading an export into a library: its photos are matched with those here, and what belongs to them is taken over.

Nothing is taken away, and the same export again changes nothing. Of two words about one photo the later stays.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.exchange.export_tables import EXPORT_VERSION
from resources.exchange.library_export import README
from resources.folders import to_text
from resources.library import Library, result_key
from resources.manifest import (
    Transaction,
    VectorStore,
    collections,
    duplicates,
    given_ratings,
    hidden,
    matching,
    outbox,
    results,
    saved_searches,
    stacks,
    tags,
    written_captions,
)
from resources.manifest.results import ResultKey

__all__ = ["Change", "ImportReport", "MatchReport", "import_export"]

Change = Literal[
    "tags",
    "ratings",
    "written_captions",
    "computed_captions",
    "collections",
    "collection_photos",
    "collection_covers",
    "saved_searches",
    "stack_separations",
    "stack_covers",
    "not_duplicates",
    "hidden",
    "vectors",
]

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
        "photo_id": "TEXT",
        "pixel_hash": "TEXT",
        "model": "TEXT",
        "revision": "TEXT",
        "preprocess_version": "TEXT",
        "text": "TEXT",
        "created_at": "TIMESTAMP",
    },
    "collections": {"collection_id": "TEXT", "name": "TEXT", "cover_photo_id": "TEXT", "created_at": "TIMESTAMP"},
    "collection_photos": {"collection_id": "TEXT", "photo_id": "TEXT", "added_at": "TIMESTAMP"},
    "saved_searches": {"name": "TEXT", "request": "TEXT", "created_at": "TIMESTAMP", "updated_at": "TIMESTAMP"},
    "stack_separations": {"choice_id": "TEXT", "photo_id": "TEXT", "part": "INTEGER", "decided_at": "TIMESTAMP"},
    "stack_covers": {"photo_id": "TEXT", "decided_at": "TIMESTAMP"},
    "not_duplicates": {"photo_id": "TEXT", "other_photo_id": "TEXT", "decided_at": "TIMESTAMP"},
    "hidden": {"sha256": "TEXT", "photo_id": "TEXT", "hidden_at": "TIMESTAMP"},
    "vectors": {
        "pixel_hash": "TEXT",
        "model": "TEXT",
        "revision": "TEXT",
        "preprocess_version": "TEXT",
        "vector": "FLOAT[]",
    },
}
# What may be NULL, by table; and what else no Loupe writes.
_OPTIONAL = {
    "photos": {"sha256", "pixel_hash", "perceptual_hash", "file_name", "paths"},
    "files": {"document_id", "missing_since"},
    "collections": {"cover_photo_id"},
    "ratings": {"rating"},
}
_WRONG = {
    "tags": f"length(trim(tag)) NOT BETWEEN 1 AND {tags.MOST_TAG_CHARS}",
    "ratings": "rating NOT BETWEEN -1 AND 5",
    "saved_searches": f"""length(trim(name)) NOT BETWEEN 1 AND {collections.MOST_NAME_CHARS}
        OR coalesce(CASE WHEN json_valid(request) THEN json_type(request) END, '') <> 'OBJECT'""",
    "written_captions": f"length(trim(text)) NOT BETWEEN 1 AND {written_captions.MOST_CAPTION_CHARS}",
    "vectors": "len(vector) = 0",
}
_VECTOR_BATCH = 5000
# Photos whose words are taken over in one transaction, during which nobody else uses the manifest.
_PHOTO_BATCH = 50_000
_UNIT_TOLERANCE = 1e-2
_MOST_LISTED = 1000
_PHOTO_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
    changes: dict[Change, int]
    notes: tuple[str, ...] = ()


def import_export(library: Library, folder: Path, *, dry_run: bool = False) -> ImportReport:
    """Take over what the export in `folder` says of photos that are here.

    An export that is wrong anywhere changes nothing, but for vectors, which are looked at last. Photos are taken by
    thousands, so that the library can be used meanwhile; one that was stopped is finished by the next. Raises
    `EXPORT_INVALID`, `EXPORT_TOO_NEW`.
    """
    sources = _sources(folder)
    try:
        _check(sources)
        with library.manifest.read() as tx:
            matching.match_photos(tx, sources["photos"], sources.get("files"))
            matched, pairs = MatchReport.of(tx), matching.pairs(tx)
        changes = _take_over(library, sources, pairs, dry_run)
        if "vectors" in sources:
            changes["vectors"] = _take_vectors(library, sources["vectors"], dry_run)
    except duckdb.Error as error:
        sentence = str(error).splitlines()[0]
        raise LoupeError(
            "EXPORT_INVALID", f"The export in '{to_text(str(folder))}' cannot be read: {sentence}"
        ) from error
    return ImportReport(dry_run, matched, changes)


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


def _check(sources: dict[str, str]) -> None:
    """Read all of it once. Raises `EXPORT_INVALID` for what no Loupe wrote."""
    with duckdb.connect() as connection:
        for table, source in sources.items():
            needed = [name for name in _READ[table] if name not in _OPTIONAL.get(table, ())]
            wrong = " OR ".join([*(f"{name} IS NULL" for name in needed), _WRONG.get(table, "false")])
            found = connection.execute(f"SELECT count(*) FILTER ({wrong}) FROM {source}").fetchone()
            if found and found[0]:
                raise LoupeError(
                    "EXPORT_INVALID", f"The export's table '{table}' has {found[0]:,} rows that cannot be right."
                )


def _take_over(library: Library, sources: dict[str, str], pairs: pa.Table, dry_run: bool) -> dict[Change, int]:
    manifest = library.manifest
    changes: Counter[Change] = Counter()
    for start in range(0, max(1, pairs.num_rows), _PHOTO_BATCH):
        with manifest.read() if dry_run else manifest.write() as tx:
            matching.know(tx, pairs.slice(start, _PHOTO_BATCH))
            changes.update(_of_photos(tx, sources))
    apart: set[str] = set()
    with manifest.read() if dry_run else manifest.write() as tx:
        matching.know(tx, pairs)
        changes.update(_of_sets(tx, sources, apart))
    if apart and not dry_run:
        from resources.duplicates import regroup

        clip = library.clip()
        regroup(manifest, library.home, result_key(clip) if clip else None, apart)
    return dict(changes)


def _of_photos(tx: Transaction, sources: dict[str, str]) -> dict[Change, int]:
    merges: dict[Change, Callable[[Transaction, str], int]] = {
        "tags": lambda tx, given: tags.merge(tx, given)[0],
        "ratings": given_ratings.merge,
        "written_captions": written_captions.merge,
        "computed_captions": results.merge_captions,
    }
    return {
        table: merge(tx, matching.translated(tx, sources[table])) for table, merge in merges.items() if table in sources
    }


def _of_sets(tx: Transaction, sources: dict[str, str], apart: set[str]) -> dict[Change, int]:
    """What names several photos. `apart` gets those that are newly called different."""
    changes: dict[Change, int] = {}
    if "collections" in sources and "collection_photos" in sources:
        created, added = collections.merge(
            tx,
            f"""(SELECT c.name, m.photo_id, coalesce(m.added_at, c.created_at) AS added_at
            FROM {sources["collections"]} c
            LEFT JOIN {matching.translated(tx, sources["collection_photos"])} m USING (collection_id))""",
        )
        covers = collections.merge_covers(
            tx,
            matching.translated(
                tx,
                f"""(SELECT name, cover_photo_id AS photo_id FROM {sources["collections"]}
                WHERE cover_photo_id IS NOT NULL)""",
            ),
        )
        changes |= {"collections": len(created), "collection_photos": added, "collection_covers": covers}
    if "saved_searches" in sources:
        changes["saved_searches"] = _take_searches(tx, sources["saved_searches"])
    choices: dict[Change, Callable[[Transaction, str], int]] = {
        "stack_separations": stacks.merge_separations,
        "stack_covers": stacks.merge_covers,
    }
    for table, merge in choices.items():
        if table in sources:
            changes[table] = merge(tx, matching.translated(tx, sources[table]))
    if "not_duplicates" in sources:
        one = matching.translated(tx, sources["not_duplicates"])
        both = matching.translated(
            tx, f"(SELECT other_photo_id AS photo_id, photo_id AS other_photo_id, decided_at FROM {one})"
        )
        new = duplicates.merge_different(tx, both)
        apart.update(photo_id for pair in new for photo_id in pair)
        changes["not_duplicates"] = len(new)
    if "hidden" in sources:
        changes["hidden"] = hidden.merge(tx, sources["hidden"])
    return changes


def _take_searches(tx: Transaction, source: str) -> int:
    """Photos that a search names are named by their ids here. Returns how many searches are new or other."""
    rows = tx.rows(f"SELECT name, request, created_at, updated_at FROM {source} ORDER BY name")
    ours = matching.ours_of(tx, {found for row in rows for found in _PHOTO_ID.findall(row["request"])})
    for row in rows:
        request = _PHOTO_ID.sub(lambda found: ours.get(found[0], found[0]), row["request"])
        row["request"] = json.loads(request)
    return saved_searches.merge(tx, rows)


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
