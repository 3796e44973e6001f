"""Questions whose right answer is zero: what asset checks and `loupe verify` ask of the manifest."""

from __future__ import annotations

from typing import Any

from resources.manifest.database import Transaction
from resources.manifest.results import ResultKey

__all__ = ["duplicate_rows", "embedded_dims", "pixel_hashes", "unaccounted_files"]

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
}


def duplicate_rows(tx: Transaction) -> dict[str, int]:
    """By table: how many keys stand more than once (nothing but the writer's anti-join keeps them unique)."""
    return {
        table: int(tx.value(f"SELECT count(*) FROM (FROM {table} SELECT 1 GROUP BY {key} HAVING count(*) > 1)"))
        for table, key in _KEYS.items()
    }


def unaccounted_files(tx: Transaction, pending: int) -> int:
    """Present files that are neither a photo of their content, nor failed, nor skipped, nor among the `pending`."""
    left = tx.value(
        """SELECT count(*) FROM files f WHERE f.missing_since IS NULL AND f.skip_reason IS NULL
            AND NOT (f.sha256 IS NOT NULL AND f.photo_id IS NOT NULL
                AND EXISTS (FROM previews p WHERE p.sha256 = f.sha256)
                AND EXISTS (FROM photos p WHERE p.photo_id = f.photo_id AND p.sha256 = f.sha256))
            AND NOT EXISTS (FROM failures x WHERE x.root_id = f.root_id AND x.rel_path = f.rel_path
                AND x.stage = 'decoded_images' AND x.size_bytes = f.size_bytes AND x.mtime_ns = f.mtime_ns)
            AND (SELECT state FROM roots r WHERE r.root_id = f.root_id) <> 'offline'"""
    )
    return max(0, int(left) - pending)


def embedded_dims(tx: Transaction, key: ResultKey) -> dict[int, int]:
    """How many embeddings of this model claim each length."""
    rows: list[Any] = tx.execute(
        "SELECT dim, count(*) FROM embeddings WHERE model = ? AND revision = ? AND preprocess_version = ? GROUP BY dim",
        [key.model, key.revision, key.preprocess_version],
    ).fetchall()
    return dict(rows)


def pixel_hashes(tx: Transaction) -> set[str]:
    """Every pixel hash that has a preview row."""
    return {row[0] for row in tx.execute("SELECT DISTINCT pixel_hash FROM previews").fetchall()}
