"""Table `models`: which models have made results here, which are in use, and which were before.

`added_at` is when a model was last made the one in use, so the newest of the others is the one before it.
"""

from __future__ import annotations

from typing import Any

from resources.clock import utc_now
from resources.manifest import outbox, results
from resources.manifest.database import Transaction
from resources.manifest.results import ResultKey

__all__ = ["forget", "in_use", "key_of", "list_all", "previous", "use"]


def use(tx: Transaction, kind: str, name: str, revision: str, preprocess_version: str, dim: int | None) -> bool:
    """Make this the model of its kind (clip or captioner). Returns whether that changed anything.

    Photos that show another caption by it are told to search; what a new image-text model finds is another index.
    """
    current = in_use(tx, kind)
    key = ResultKey(name, revision, preprocess_version)
    if current and key_of(current) == key:
        return False
    tx.execute("UPDATE models SET in_use = false WHERE kind = ?", [kind])
    forget(tx, kind, key)
    row = {"name": name, "revision": revision, "preprocess_version": preprocess_version, "kind": kind, "dim": dim}
    tx.insert("models", [row | {"in_use": True, "added_at": utc_now()}])
    if kind == "captioner" and current:
        outbox.push(tx, results.photos_described_by(tx, key), "caption")
    return True


def forget(tx: Transaction, kind: str, key: ResultKey) -> None:
    """Delete the model's row; its results are not touched."""
    tx.execute(
        "DELETE FROM models WHERE kind = ? AND name = ? AND revision = ? AND preprocess_version = ?",
        [kind, key.model, key.revision, key.preprocess_version],
    )


def in_use(tx: Transaction, kind: str) -> dict[str, Any] | None:
    return tx.one("SELECT * FROM models WHERE kind = ? AND in_use", [kind])


def previous(tx: Transaction, kind: str) -> dict[str, Any] | None:
    """The model that was in use before the one that is; None when there was none or it was pruned."""
    return tx.one("SELECT * FROM models WHERE kind = ? AND NOT in_use ORDER BY added_at DESC, name LIMIT 1", [kind])


def key_of(row: dict[str, Any]) -> ResultKey:
    """What keys the results of this row's model."""
    return ResultKey(row["name"], row["revision"], row["preprocess_version"])


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """Every model that has made results here, with how many."""
    return tx.rows(
        """SELECT m.*, (SELECT count(*) FROM embeddings e WHERE e.model = m.name AND e.revision = m.revision
                AND e.preprocess_version = m.preprocess_version) AS embeddings,
            (SELECT count(*) FROM captions c WHERE c.model = m.name AND c.revision = m.revision
                AND c.preprocess_version = m.preprocess_version) AS captions
        FROM models m ORDER BY m.kind, m.added_at"""
    )
