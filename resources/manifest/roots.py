"""Table `roots`: the folders a person asked Loupe to watch."""

from __future__ import annotations

import uuid
from typing import Any

from resources.clock import utc_now
from resources.manifest import files, stacks
from resources.manifest.database import Transaction

__all__ = ["add", "can_be_reached", "list_all", "photo_ids", "reached", "remove", "rows", "set_path", "set_state"]


def add(tx: Transaction, path: str, partition_depth: int) -> dict[str, Any]:
    """The root at `path`, added if it is new."""
    found = tx.one("SELECT * FROM roots WHERE path = ?", [path])
    if found:
        return found
    row = {
        "root_id": uuid.uuid4().hex,
        "path": path,
        "added_at": utc_now(),
        "state": "online",
        "partition_depth": partition_depth,
    }
    tx.insert("roots", [row])
    return row


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """Every root with how many files and photos it has, oldest first."""
    lost = files.count_lost(tx)
    listed = tx.rows(
        """SELECT r.*, count(f.rel_path) FILTER (f.skip_reason IS NULL AND f.missing_since IS NULL) AS files,
            count(DISTINCT f.photo_id) FILTER (f.missing_since IS NULL) AS photos,
            count(f.rel_path) FILTER (f.skip_reason IS NOT NULL AND f.missing_since IS NULL) AS skipped
        FROM roots r LEFT JOIN files f USING (root_id) GROUP BY ALL ORDER BY r.added_at, r.path"""
    )
    return [{**root, "missing": lost.get(root["root_id"], 0)} for root in listed]


def rows(tx: Transaction) -> list[dict[str, Any]]:
    """Every root as it stands in the table, oldest first; nothing is counted."""
    return tx.rows("SELECT * FROM roots ORDER BY added_at, path")


def set_path(tx: Transaction, root_id: str, path: str) -> None:
    """The root stands elsewhere."""
    tx.execute("UPDATE roots SET path = ? WHERE root_id = ?", [path, root_id])


def can_be_reached(state: str) -> bool:
    """Whether the files of a root in this state can be reached: a photo without a file in one that can is offline.

    One that "vanished" cannot: it is the empty mount point of an unplugged disk as often as a folder that was emptied.
    """
    return state == "online"


def reached(tx: Transaction) -> dict[str, bool]:
    """By `root_id`, whether each root can be reached."""
    return {
        root_id: can_be_reached(state) for root_id, state in tx.execute("SELECT root_id, state FROM roots").fetchall()
    }


def set_state(tx: Transaction, root_id: str, state: str) -> bool:
    """Set online, offline or vanished. Returns whether it was another one.

    Photos say nothing of it: the index's owner, once woken, reads `reached`.
    """
    changed = tx.execute(
        "UPDATE roots SET state = $state WHERE root_id = $root AND state <> $state RETURNING 1",
        {"state": state, "root": root_id},
    )
    return bool(changed.fetchall())


def remove(tx: Transaction, root_id: str) -> list[str]:
    """Forget the root and its files, failures and signatures; photos and results stay. Returns its photo ids."""
    shown = photo_ids(tx, root_id)
    stacks.disturb(tx, shown)
    for table in ("files", "failures", "folder_signatures", "roots"):
        tx.execute(f"DELETE FROM {table} WHERE root_id = ?", [root_id])
    return shown


def photo_ids(tx: Transaction, root_id: str) -> list[str]:
    """The photos that have a file in this root, missing ones too."""
    rows = tx.execute(
        "SELECT DISTINCT p.photo_id FROM photos p JOIN files f ON f.photo_id = p.document_id WHERE f.root_id = ?",
        [root_id],
    ).fetchall()
    return [row[0] for row in rows]
