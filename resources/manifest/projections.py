"""Table `projections`: where each photo lies on the similarity map."""

from __future__ import annotations

from collections.abc import Sequence

from resources.clock import utc_now
from resources.manifest.database import Transaction

__all__ = ["coverage", "drop", "replace"]


def replace(tx: Transaction, model: str, photo_ids: Sequence[str], xy: Sequence[tuple[float, float]]) -> None:
    """Make these the map of `model`; earlier places go."""
    now = utc_now()
    tx.execute("DELETE FROM projections WHERE model = ?", [model])
    tx.insert(
        "projections",
        [
            {"model": model, "photo_id": photo_id, "x": x, "y": y, "created_at": now}
            for photo_id, (x, y) in zip(photo_ids, xy, strict=True)
        ],
    )


def drop(tx: Transaction, model: str) -> None:
    """Delete the map of `model`."""
    tx.execute("DELETE FROM projections WHERE model = ?", [model])


def coverage(tx: Transaction, model: str) -> tuple[int, int]:
    """How many embedded photos have a place on the map, and how many are embedded."""
    row = tx.execute(
        """SELECT count(*) FILTER (EXISTS (FROM projections j WHERE j.photo_id = p.photo_id AND j.model = $model)),
            count(*)
        FROM photos p JOIN previews v USING (sha256, page)
        WHERE p.hidden_at IS NULL AND EXISTS (FROM embeddings e WHERE e.pixel_hash = v.pixel_hash AND e.model = $model)
          AND EXISTS (FROM files f WHERE f.photo_id = p.document_id AND f.missing_since IS NULL)""",
        {"model": model},
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)
