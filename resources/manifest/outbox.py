"""Table `index_outbox`: the changes that search must show, in the order in which they were committed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.manifest.database import Transaction

__all__ = ["SAME_VECTOR", "after", "edits_after", "newest_seq", "push", "trim"]


# What a person did to some photos and looks for now.
_EDITS = ("tags", "collections", "rating", "caption", "hidden", "purged")
# Changes of what is said of a photo: its picture is what it was, and so is the vector of it.
SAME_VECTOR = frozenset([*_EDITS, "paths", "stack"])


def push(tx: Transaction, photo_ids: Iterable[str], change: str) -> int:
    """Say that these photos changed. Returns how many rows were added."""
    ids = sorted(set(photo_ids))
    with tx.relation({"photo_id": ids}, {"photo_id": pa.string()}) as given:  # a row each would cost a dict each
        tx.execute(
            f"INSERT INTO index_outbox (photo_id, change, committed_at) SELECT photo_id, ?, ? FROM {given}",
            [change, utc_now()],
        )
    return len(ids)


def after(tx: Transaction, seq: int, limit: int) -> list[dict[str, Any]]:
    """At most `limit` rows above `seq`, in order."""
    return tx.rows("SELECT seq, photo_id, change FROM index_outbox WHERE seq > ? ORDER BY seq LIMIT ?", [seq, limit])


def edits_after(tx: Transaction, seq: int, limit: int) -> list[dict[str, Any]]:
    """As `after`, but only what persons changed."""
    return tx.rows(
        f"SELECT seq, photo_id FROM index_outbox WHERE seq > ? AND change IN {_EDITS} ORDER BY seq LIMIT ?",
        [seq, limit],
    )


def newest_seq(tx: Transaction) -> int:
    """The last number given out, 0 before the first; trimmed rows count."""
    return int(
        tx.value("SELECT coalesce(last_value, 0) FROM duckdb_sequences() WHERE sequence_name = 'index_outbox_seq'") or 0
    )


def trim(tx: Transaction, keep: int = 100_000) -> None:
    """Drop old rows. An index that is further behind than `keep` rows is rebuilt from `photos` instead."""
    tx.execute("DELETE FROM index_outbox WHERE seq <= ?", [newest_seq(tx) - keep])
