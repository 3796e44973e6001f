"""Questions whose right answer is zero, asked by asset checks and `loupe verify`, and what mends the answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pyarrow as pa

from resources.manifest.database import Transaction
from resources.manifest.previews import IS_READ
from resources.manifest.results import ResultKey

__all__ = [
    "drop_duplicates",
    "duplicate_rows",
    "embedded_by_model",
    "forget_embeddings",
    "pixel_hashes",
    "present_files",
    "read_everything",
    "unaccounted_files",
]

# A row too many of these says nothing that its twin does not.
_SAFE_TO_DROP = ("files", "previews", "embeddings", "captions", "failures", "stacks", "collection_photos", "tags")

_KEYS = {
    "files": "root_id, rel_path",
    "photos": "photo_id",
    "previews": "sha256, page",
    "embeddings": "pixel_hash, model, revision, preprocess_version",
    "captions": "pixel_hash, model, revision, preprocess_version",
    "failures": "root_id, rel_path, stage, page",
    "stacks": "photo_id",
    "collection_photos": "collection_id, photo_id",
    "tags": "photo_id, tag",
    "written_captions": "photo_id",
    "given_ratings": "photo_id",
    "hidden_content": "sha256",
    "documents_without_files": "document_id",
}


def duplicate_rows(tx: Transaction) -> dict[str, int]:
    """By table: how many keys stand more than once (nothing but the writer's anti-join keeps them unique)."""
    return {
        table: int(tx.value(f"SELECT count(*) FROM (FROM {table} SELECT 1 GROUP BY {key} HAVING count(*) > 1)"))
        for table, key in _KEYS.items()
    }


# Which of several rows says most, where they may differ: a file's that is there and was read.
_KEPT_FIRST = {"files": "missing_since NULLS FIRST, photo_id NULLS LAST, sha256 NULLS LAST, first_seen_at, rowid"}


def drop_duplicates(tx: Transaction) -> int:
    """Keep one row of each key of the tables where that loses nothing. Returns how many rows went."""
    return sum(
        len(
            tx.execute(
                f"""DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} QUALIFY row_number() OVER (
                    PARTITION BY {_KEYS[table]} ORDER BY {_KEPT_FIRST.get(table, "rowid")}) > 1) RETURNING 1"""
            ).fetchall()
        )
        for table in _SAFE_TO_DROP
    )


def unaccounted_files(tx: Transaction, pending: int) -> int:
    """Present files that are neither a photo of their content, nor failed, nor skipped, nor among the `pending`."""
    left = tx.value(
        f"""SELECT count(*) FROM files f WHERE f.missing_since IS NULL AND f.skip_reason IS NULL
            AND NOT (f.sha256 IS NOT NULL AND f.photo_id IS NOT NULL
                AND EXISTS (FROM previews v WHERE v.sha256 = f.sha256 AND {IS_READ})
                AND EXISTS (FROM photos p WHERE p.photo_id = f.photo_id AND p.sha256 = f.sha256))
            AND NOT EXISTS (FROM failures x WHERE x.root_id = f.root_id AND x.rel_path = f.rel_path
                AND x.stage = 'decoded_images' AND x.size_bytes = f.size_bytes AND x.mtime_ns = f.mtime_ns)
            AND (SELECT state FROM roots r WHERE r.root_id = f.root_id) <> 'offline'"""
    )
    return max(0, int(left) - pending)


def read_everything(tx: Transaction) -> dict[str, int]:
    """Rows by table, after every block of the file was read and its checksum compared by DuckDB."""
    tables = [row[0] for row in tx.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()]
    return {
        table: int(tx.execute(f'SELECT count(*), bit_xor(hash(t)) FROM "{table}" t').fetchall()[0][0])
        for table in tables
    }


def present_files(tx: Transaction) -> pa.Table:
    """Every file that should stand on disk: `root_path`, `rel_path`, `partition_key`, `size_bytes`, `mtime_ns`,
    `sha256`; of roots that were reachable when they were last looked at, skipped files left out."""
    return tx.arrow(
        """SELECT r.path AS root_path, f.rel_path, f.partition_key, f.size_bytes, f.mtime_ns, f.sha256
        FROM files f JOIN roots r USING (root_id)
        WHERE f.missing_since IS NULL AND f.skip_reason IS NULL AND r.state <> 'offline'
        ORDER BY r.path, f.rel_path"""
    )


def embedded_by_model(tx: Transaction) -> dict[tuple[ResultKey, int], set[str]]:
    """Pixel hashes that the manifest calls embedded, by model and length of its vectors."""
    found: dict[tuple[ResultKey, int], set[str]] = {}
    rows = tx.execute("SELECT model, revision, preprocess_version, dim, pixel_hash FROM embeddings").fetchall()
    for model, revision, preprocess_version, dim, pixel_hash in rows:
        found.setdefault((ResultKey(model, revision, preprocess_version), dim), set()).add(pixel_hash)
    return found


def forget_embeddings(tx: Transaction, key: ResultKey, hashes: Iterable[str]) -> None:
    """Delete these results of a model, and that they were compared by them: they are pending again."""
    with tx.relation({"pixel_hash": sorted(hashes)}, {"pixel_hash": pa.string()}) as given:
        tx.execute(
            f"""DELETE FROM embeddings WHERE model = ? AND revision = ? AND preprocess_version = ?
            AND pixel_hash IN (SELECT pixel_hash FROM {given})""",
            [key.model, key.revision, key.preprocess_version],
        )
        tx.execute(
            f"DELETE FROM compared_pictures WHERE made_by = ? AND pixel_hash IN (SELECT pixel_hash FROM {given})",
            [key.made_by],
        )


def pixel_hashes(tx: Transaction, partition_keys: Collection[str] | None = None) -> set[str]:
    """Every pixel hash that has a preview row, or only those of files in these partitions."""
    of_files = "WHERE sha256 IN (SELECT sha256 FROM files WHERE list_contains(?, partition_key))"
    rows = (
        tx.execute("SELECT DISTINCT pixel_hash FROM previews")
        if partition_keys is None
        else tx.execute(f"SELECT DISTINCT pixel_hash FROM previews {of_files}", [list(partition_keys)])
    )
    return {row[0] for row in rows.fetchall()}
