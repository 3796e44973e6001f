"""Table `previews`: which bytes are decoded, and to which pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from resources.manifest.database import Transaction

__all__ = ["forget", "newest", "put"]


def put(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the preview rows, replacing those of the same bytes."""
    if not rows:
        return
    unique = {row["sha256"]: row for row in rows}
    with tx.relation({"sha256": list(unique)}, {"sha256": pa.string()}) as given:
        tx.execute(f"DELETE FROM previews WHERE sha256 IN (SELECT sha256 FROM {given})")
    tx.insert("previews", list(unique.values()))


def forget(tx: Transaction, pixel_hashes: Iterable[str]) -> None:
    """Delete the rows of these pictures: their files are pending again."""
    with tx.relation({"pixel_hash": sorted(pixel_hashes)}, {"pixel_hash": pa.string()}) as given:
        tx.execute(f"DELETE FROM previews WHERE pixel_hash IN (SELECT pixel_hash FROM {given})")


def newest(tx: Transaction, limit: int) -> list[str]:
    """Pixel hashes of the photos decoded last."""
    rows = tx.execute(
        "SELECT pixel_hash FROM previews GROUP BY pixel_hash ORDER BY max(decoded_at) DESC, pixel_hash LIMIT ?", [limit]
    ).fetchall()
    return [row[0] for row in rows]
