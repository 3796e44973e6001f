"""Forgetting photos whose every file has been missing for long, and what was computed of pictures nobody shows now.

What a person said of them (tags, collections, captions, ratings, hiding) stays: a photo's id comes from its content, so
that it has its own again if the file comes back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from resources.manifest import files, outbox, projections
from resources.manifest.database import Transaction

__all__ = ["Purged", "purge_missing"]

_COMPUTED = ("embeddings", "captions")


@dataclass(frozen=True)
class Purged:
    """What was forgotten. `pixel_hashes` are pictures that no photo shows any more: their files can be deleted."""

    files: int
    photos: int
    pixel_hashes: tuple[str, ...]


def purge_missing(tx: Transaction, before: datetime, partition_keys: Collection[str] | None = None) -> Purged:
    """Forget files that went missing before `before` (UTC), and photos that have no other file. `partition_keys` limits
    that to files of these folders.

    So are photos that were seen before then to have no file at all: their folder is watched no more, or their file
    became another photo.
    """
    chosen = {"partition_key": sorted(partition_keys or ())}
    with tx.relation(chosen, {"partition_key": pa.string()}) as given:
        here = "" if partition_keys is None else f" AND f.partition_key IN (SELECT partition_key FROM {given})"
        return _purge(tx, f"f.missing_since < $before{here}", before)


def _purge(tx: Transaction, gone: str, before: datetime) -> Purged:
    _note_without_files(tx)
    photos = [
        row[0]
        for row in tx.execute(
            f"""SELECT p.photo_id FROM photos p WHERE (p.document_id IN (SELECT photo_id FROM files f WHERE {gone})
                OR p.document_id IN (SELECT document_id FROM documents_without_files WHERE since < $before))
            AND NOT EXISTS (FROM files f WHERE f.photo_id = p.document_id AND NOT coalesce({gone}, false))""",
            {"before": before},
        ).fetchall()
    ]
    count = int(tx.value(f"SELECT count(*) FROM files f WHERE {gone}", {"before": before}))
    tx.execute(f"DELETE FROM files AS f WHERE {gone}", {"before": before})
    if not photos:
        return Purged(count, 0, ())
    with tx.relation({"photo_id": photos}, {"photo_id": pa.string()}) as given:
        tx.execute(f"DELETE FROM stacks WHERE photo_id IN (SELECT photo_id FROM {given})")
        tx.execute(f"DELETE FROM photos WHERE photo_id IN (SELECT photo_id FROM {given})")
    projections.forget_photos(tx, photos)
    nobody = "NOT EXISTS (FROM photos p WHERE p.sha256 = v.sha256)"
    unseen = [row[0] for row in tx.execute(f"SELECT DISTINCT v.pixel_hash FROM previews v WHERE {nobody}").fetchall()]
    tx.execute(f"DELETE FROM previews AS v WHERE {nobody}")
    with tx.relation({"pixel_hash": unseen}, {"pixel_hash": pa.string()}) as given:
        lost = f"""x.pixel_hash IN (SELECT pixel_hash FROM {given})
            AND NOT EXISTS (FROM previews v WHERE v.pixel_hash = x.pixel_hash)"""
        hashes = [row[0] for row in tx.execute(f"SELECT x.pixel_hash FROM {given} x WHERE {lost}").fetchall()]
        for table in _COMPUTED:
            tx.execute(f"DELETE FROM {table} AS x WHERE {lost}")
    outbox.push(tx, photos, "purged")
    return Purged(count, len(photos), tuple(sorted(hashes)))


def _note_without_files(tx: Transaction) -> None:
    """Bring `documents_without_files` up to what is; those that are in it already keep their time."""
    tx.execute(
        """DELETE FROM documents_without_files AS d WHERE EXISTS (FROM files f WHERE f.photo_id = d.document_id)
        OR NOT EXISTS (FROM photos p WHERE p.document_id = d.document_id)"""
    )
    tx.execute(
        """INSERT INTO documents_without_files SELECT DISTINCT p.document_id, $now::TIMESTAMP FROM photos p
        WHERE NOT EXISTS (FROM files f WHERE f.photo_id = p.document_id)
        AND NOT EXISTS (FROM documents_without_files d WHERE d.document_id = p.document_id)""",
        {"now": files.lost_at(tx)},
    )
