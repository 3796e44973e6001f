"""Photos that a person removed from the library: `photos.hidden_at`, and table `hidden_content` by their bytes.

The files stay where they are. Remembering the content keeps a hidden photo from coming back under another name, even
after its rows were purged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.manifest import outbox, photos, stacks
from resources.manifest.database import Transaction

__all__ = [
    "content",
    "count",
    "hidden_of",
    "hide",
    "list_all",
    "merge",
    "other_pictures",
    "require",
    "show",
    "shown_of",
]

# Bits of 64 that may differ between difference hashes of one picture; other pictures differ by about half of them.
_NEAR_BITS = 10


def hide(tx: Transaction, photo_ids: Sequence[str]) -> list[str]:
    """Remove these photos, every page of a document, from the library. Returns the photos that were visible before."""
    ids = shown_of(tx, photo_ids)
    if not ids:
        return []
    now = utc_now()
    with tx.relation({"photo_id": ids}, {"photo_id": pa.string()}) as given:
        tx.execute(f"UPDATE photos SET hidden_at = ? WHERE photo_id IN (SELECT photo_id FROM {given})", [now])
        tx.execute(
            f"""INSERT INTO hidden_content SELECT p.sha256, p.document_id, ? FROM photos p JOIN {given} USING (photo_id)
            WHERE p.page = 1 AND NOT EXISTS (FROM hidden_content h WHERE h.sha256 = p.sha256)""",
            [now],
        )
    stacks.disturb(tx, ids)
    outbox.push(tx, ids, "hidden")
    return ids


def shown_of(tx: Transaction, photo_ids: Sequence[str]) -> list[str]:
    """The photos that `hide` would remove."""
    return _of_documents(tx, photo_ids, "p.hidden_at IS NULL")


def hidden_of(tx: Transaction, photo_ids: Sequence[str]) -> list[str]:
    """The photos that `show` would bring back."""
    return _of_documents(tx, photo_ids, "p.hidden_at IS NOT NULL")


def merge(tx: Transaction, given: str) -> int:
    """Hide the content that the relation `given` (sha256, photo_id, hidden_at) names, also what is not here yet.

    Returns how much of it was not hidden.
    """
    before = int(tx.value("SELECT count(*) FROM hidden_content"))
    here = tx.execute(
        f"""SELECT DISTINCT p.photo_id FROM photos p JOIN {given} g USING (sha256)
        WHERE p.hidden_at IS NULL AND p.page = 1"""
    ).fetchall()
    hide(tx, [row[0] for row in here])
    tx.execute(
        f"""INSERT INTO hidden_content SELECT sha256, min(photo_id), min(hidden_at) FROM {given} g
        WHERE NOT EXISTS (FROM hidden_content h WHERE h.sha256 = g.sha256) GROUP BY sha256"""
    )
    return int(tx.value("SELECT count(*) FROM hidden_content")) - before


def show(tx: Transaction, photo_ids: Sequence[str]) -> list[str]:
    """Bring hidden photos back. Returns those that were hidden."""
    ids = hidden_of(tx, photo_ids)
    with tx.relation({"photo_id": sorted({*ids, *photo_ids})}, {"photo_id": pa.string()}) as given:
        tx.execute(f"UPDATE photos SET hidden_at = NULL WHERE photo_id IN (SELECT photo_id FROM {given})")
        tx.execute(
            f"""DELETE FROM hidden_content WHERE photo_id IN (SELECT photo_id FROM {given})
            OR sha256 IN (SELECT p.sha256 FROM photos p JOIN {given} USING (photo_id))"""
        )
    stacks.disturb(tx, ids)
    outbox.push(tx, ids, "hidden")
    return ids


def content(tx: Transaction, hashes: Sequence[str]) -> dict[str, Any]:
    """Of these SHA-256: those that a person removed, and when."""
    with tx.relation({"sha256": sorted(set(hashes))}, {"sha256": pa.string()}) as given:
        return dict(
            tx.execute(
                f"SELECT h.sha256, min(h.hidden_at) FROM hidden_content h JOIN {given} USING (sha256) GROUP BY h.sha256"
            ).fetchall()
        )


def other_pictures(tx: Transaction, pictures: Sequence[tuple[str, int]]) -> set[str]:
    """Of `(photo_id, perceptual_hash)`: the hidden photos that are known to show another picture than this."""
    columns: dict[str, list[Any]] = {
        "photo_id": [photo_id for photo_id, _ in pictures],
        "perceptual_hash": [picture for _, picture in pictures],
    }
    with tx.relation(columns, {"photo_id": pa.string(), "perceptual_hash": pa.uint64()}) as given:
        rows = tx.execute(
            f"""SELECT p.photo_id FROM photos p JOIN {given} g USING (photo_id) JOIN previews v USING (sha256, page)
            WHERE p.hidden_at IS NOT NULL AND bit_count(xor(v.perceptual_hash, g.perceptual_hash)) > {_NEAR_BITS}"""
        ).fetchall()
    return {row[0] for row in rows}


def require(tx: Transaction, photo_ids: Sequence[str]) -> None:
    """Raise `PHOTO_NOT_FOUND` when one of these neither exists nor is remembered as removed."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        remembered = tx.execute(f"SELECT photo_id FROM hidden_content JOIN {given} USING (photo_id)").fetchall()
    photos.require(tx, set(photo_ids) - {row[0] for row in remembered})


def count(tx: Transaction) -> int:
    """How many photos are hidden; a document of several pages is one, as in `list_all`."""
    return int(tx.value("SELECT count(*) FROM photos WHERE hidden_at IS NOT NULL AND page = 1"))


def list_all(tx: Transaction, limit: int | None = None, offset: int = 0) -> list[dict[str, Any]]:
    """Hidden photos, removed last first, with the paths (absolute, as stored) of their present files.

    `paths` are the photo's own, copies too; `beside` what belongs to these alone: sidecars that no file of another
    photo has, and the video of a Live Photo where no photo of its name stays.
    """
    return tx.rows(
        """WITH listed AS (
            SELECT photo_id, file_name, hidden_at, sha256 FROM photos WHERE hidden_at IS NOT NULL AND page = 1
            ORDER BY hidden_at DESC, photo_id LIMIT ? OFFSET ?
        ), own AS (
            SELECT l.photo_id, f.root_id, f.rel_path, f.sidecar
            FROM listed l JOIN files f ON f.photo_id = l.photo_id AND f.missing_since IS NULL
        ), shared AS (
            SELECT f.root_id, f.sidecar FROM files f LEFT JOIN photos p USING (photo_id)
            WHERE f.sidecar IS NOT NULL AND f.missing_since IS NULL AND p.hidden_at IS NULL
        ), found AS (
            SELECT photo_id, root_id, rel_path, false AS beside FROM own
            UNION SELECT photo_id, root_id, sidecar, true FROM own o
                WHERE sidecar IS NOT NULL AND NOT EXISTS (
                    FROM shared s WHERE s.root_id = o.root_id AND s.sidecar = o.sidecar)
            UNION SELECT l.photo_id, f.root_id, f.rel_path, true
                FROM listed l JOIN files f ON f.motion_of = l.photo_id AND f.missing_since IS NULL
                WHERE NOT EXISTS (
                    FROM files n JOIN photos p USING (photo_id)
                    WHERE n.stack_key = f.stack_key AND n.missing_since IS NULL AND p.hidden_at IS NULL)
        ), placed AS (
            SELECT f.photo_id, f.beside, r.path || '/' || f.rel_path AS path FROM found f JOIN roots r USING (root_id)
        )
        SELECT l.*, coalesce(list(f.path ORDER BY f.path) FILTER (NOT f.beside), []) AS paths,
            coalesce(list(f.path ORDER BY f.path) FILTER (f.beside), []) AS beside
        FROM listed l LEFT JOIN placed f USING (photo_id)
        GROUP BY ALL ORDER BY l.hidden_at DESC, l.photo_id""",
        [(1 << 62) if limit is None else limit, offset],
    )


def _of_documents(tx: Transaction, photo_ids: Sequence[str], which: str) -> list[str]:
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(
            f"""SELECT p.photo_id FROM photos p WHERE {which} AND p.document_id IN
                (SELECT document_id FROM photos JOIN {given} USING (photo_id)) ORDER BY p.photo_id"""
        ).fetchall()
    return [row[0] for row in rows]
