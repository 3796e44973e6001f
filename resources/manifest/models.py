"""Table `models`: which models have made results here and which are in use."""

from __future__ import annotations

from typing import Any

from resources.clock import utc_now
from resources.manifest.database import Transaction

__all__ = ["in_use", "list_all", "use"]


def use(tx: Transaction, kind: str, name: str, revision: str, preprocess_version: str, dim: int | None) -> bool:
    """Make this the model of its kind (clip or captioner). Returns whether that changed anything."""
    current = in_use(tx, kind)
    key = (name, revision, preprocess_version)
    if current and (current["name"], current["revision"], current["preprocess_version"]) == key:
        return False
    tx.execute("UPDATE models SET in_use = false WHERE kind = ?", [kind])
    tx.execute(
        "DELETE FROM models WHERE kind = ? AND name = ? AND revision = ? AND preprocess_version = ?",
        [kind, *key],
    )
    tx.execute("INSERT INTO models VALUES (?, ?, ?, ?, ?, true, ?)", [*key, kind, dim, utc_now()])
    return True


def in_use(tx: Transaction, kind: str) -> dict[str, Any] | None:
    return tx.one("SELECT * FROM models WHERE kind = ? AND in_use", [kind])


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """Every model that has made results here, with how many."""
    return tx.rows(
        """SELECT m.*, (SELECT count(*) FROM embeddings e WHERE e.model = m.name AND e.revision = m.revision
                AND e.preprocess_version = m.preprocess_version) AS embeddings,
            (SELECT count(*) FROM captions c WHERE c.model = m.name AND c.revision = m.revision
                AND c.preprocess_version = m.preprocess_version) AS captions
        FROM models m ORDER BY m.kind, m.added_at"""
    )
