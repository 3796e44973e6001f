"""Table `folder_signatures`: cheap fingerprints by which the sensor sees that a folder changed and has settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.manifest import roots
from resources.manifest.database import Transaction

__all__ = ["by_key", "inventoried", "look_again", "observe", "overtaken", "relabel"]


def by_key(tx: Transaction) -> dict[str, dict[str, Any]]:
    """Every partition's row."""
    return {row["partition_key"]: row for row in tx.rows("SELECT * FROM folder_signatures")}


def observe(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the rows of these partitions (all columns)."""
    if not rows:
        return
    with tx.relation({"key": [row["partition_key"] for row in rows]}, {"key": pa.string()}) as given:
        tx.execute(f"DELETE FROM folder_signatures WHERE partition_key IN (SELECT key FROM {given})")
    tx.insert("folder_signatures", list(rows))


def inventoried(tx: Transaction, signatures: Mapping[str, tuple[str, str]]) -> None:
    """Note the (cheap, full) signatures that an inventory saw, by partition key."""
    columns = {
        "key": list(signatures),
        "cheap": [pair[0] for pair in signatures.values()],
        "full_one": [pair[1] for pair in signatures.values()],
    }
    with tx.relation(columns, dict.fromkeys(columns, pa.string())) as given:
        tx.execute(
            f"""UPDATE folder_signatures AS s SET inventoried_signature = g.cheap, full_signature = g.full_one,
                full_checked_at = ? FROM {given} g WHERE s.partition_key = g.key""",
            [utc_now()],
        )


def overtaken(
    tx: Transaction,
    seen_roots: Sequence[Mapping[str, Any]],
    seen: Mapping[str, Mapping[str, Any]],
    root_ids: Mapping[str, str],
) -> set[str]:
    """Of the partitions `root_ids` (by key, of their roots) those of which an earlier look says nothing any more.

    Somebody removed or moved the root, or inventoried the partition, since roots and signatures were `seen`.
    """
    paths = {root["root_id"]: root["path"] for root in roots.rows(tx)}
    here = {root["root_id"] for root in seen_roots if paths.get(root["root_id"]) == root["path"]}
    now = by_key(tx)

    def checked_at(rows: Mapping[str, Mapping[str, Any]], key: str) -> Any:
        return rows[key]["full_checked_at"] if key in rows else None

    return {
        key for key, root_id in root_ids.items() if root_id not in here or checked_at(now, key) != checked_at(seen, key)
    }


def relabel(tx: Transaction, root_id: str, keys: Mapping[str, str]) -> None:
    """Partitions of a root have other names now, by their old ones: files, failures and signatures follow.

    A partition that had the new name already is inventoried anew.
    """
    for old, new in keys.items():
        if old == new:
            continue
        for table in ("files", "failures"):
            tx.execute(
                f"UPDATE {table} SET partition_key = ? WHERE root_id = ? AND partition_key = ?", [new, root_id, old]
            )
        if tx.value("SELECT 1 FROM folder_signatures WHERE partition_key = ?", [new]):
            tx.execute("DELETE FROM folder_signatures WHERE partition_key = ?", [old])
            look_again(tx, [new])
        else:
            tx.execute("UPDATE folder_signatures SET partition_key = ? WHERE partition_key = ?", [new, old])


def look_again(tx: Transaction, partition_keys: Sequence[str]) -> None:
    """Have these partitions inventoried anew, however they look."""
    tx.execute(
        "UPDATE folder_signatures SET inventoried_signature = NULL WHERE list_contains(?, partition_key)",
        [list(partition_keys)],
    )
