"""Table `tags`: words that a person gave to photos."""

from __future__ import annotations

from collections.abc import Sequence

from resources.clock import utc_now
from resources.manifest import outbox
from resources.manifest.database import Transaction

__all__ = ["add"]


def add(tx: Transaction, photo_ids: Sequence[str], tag: str) -> int:
    """Tag these photos. Returns how many did not have the tag."""
    have = {row[0] for row in tx.execute("SELECT photo_id FROM tags WHERE tag = ?", [tag]).fetchall()}
    new = sorted(set(photo_ids) - have)
    now = utc_now()
    tx.insert("tags", [{"photo_id": photo_id, "tag": tag, "created_at": now} for photo_id in new])
    outbox.push(tx, new, "tags")
    return len(new)
