"""Table `failures`: files that a stage could not do, with a code, a sentence and how often it was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.manifest.database import Transaction

__all__ = [
    "GIVEN_UP",
    "RETRIED",
    "STAGES",
    "TO_RETRY",
    "TRANSIENT",
    "clear",
    "clear_folders",
    "clear_made",
    "count_by_code",
    "record",
    "retry",
    "retry_transient",
]

# In the order of the work.
STAGES = ("file_inventory", "decoded_images", "sidecars", "embeddings", "captions")

# May pass by themselves: permissions, a file on its way, memory, a worker that the system or a person killed.
TRANSIENT = (
    "FILE_UNREADABLE",
    "FILE_VANISHED",
    "DECODE_MEMORY",
    "DECODE_CRASH",
    "NO_PERMISSION",
    "PREVIEW_UNREADABLE",
)
# Such a failure is tried again after this many seconds times its attempts, and at last left to a person.
_RETRY_AFTER_S = 600
_MAX_ATTEMPTS = 5
# Of a failure `x`, with the parameter $now: whether its time has come. One of the future is by a clock that was wrong.
TO_RETRY = f"""(x.code IN {TRANSIENT} AND x.attempts < {_MAX_ATTEMPTS} AND NOT x.last_at
                BETWEEN $now - to_seconds(x.attempts * {_RETRY_AFTER_S}) AND $now + INTERVAL 1 HOUR)"""
# Of a failure `x`: whether it is not tried again by itself, now or later.
GIVEN_UP = f"NOT (x.code IN {TRANSIENT} AND x.attempts < {_MAX_ATTEMPTS})"
# Of a failure `x`: whether it waits to be tried again, because a person asked. Its work is pending for as long as what
# failed is not known to be what would do it now; folders have no work of their own.
RETRIED = "(x.decoder_version = '' AND x.stage <> 'file_inventory')"
_KEY = ("root_id", "rel_path", "stage", "page")
_PATH_TYPES = {"root_id": pa.string(), "rel_path": pa.string()}


def record(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Note failures (all columns but attempts and times). One of the same bytes at this stage before counts up."""
    if not rows:
        return
    now = utc_now()
    unique = {tuple(row[name] for name in _KEY): row for row in rows}
    columns = {name: [row[name] for row in unique.values()] for name in _KEY}
    with tx.relation(columns, {**_PATH_TYPES, "stage": pa.string(), "page": pa.int32()}) as given:
        same = " AND ".join(f"x.{name} = g.{name}" for name in _KEY)
        earlier = {
            tuple(row[name] for name in _KEY): row
            for row in tx.rows(f"SELECT x.* FROM failures x JOIN {given} g ON {same}")
            if _bytes_of(row) == _bytes_of(unique[tuple(row[name] for name in _KEY)])
        }
        tx.execute(f"DELETE FROM failures AS x USING {given} g WHERE {same}")
    tx.insert(
        "failures",
        [
            {
                **row,
                "attempts": (earlier[key]["attempts"] + 1) if key in earlier else 1,
                "first_at": earlier[key]["first_at"] if key in earlier else now,
                "last_at": now,
            }
            for key, row in unique.items()
        ],
    )


def _bytes_of(row: dict[str, Any]) -> tuple[Any, Any]:
    """What tells the bytes of a file from those that were there before; all that is known of one never read."""
    return row["size_bytes"], row["mtime_ns"]


def clear(tx: Transaction, done: Sequence[tuple[str, str, str]], stage: str) -> None:
    """Forget the failures at `stage` of these `(root_id, rel_path, sha256)`, and any that other bytes there had."""
    columns = {name: [each[place] for each in done] for place, name in enumerate(("root_id", "rel_path", "sha256"))}
    with tx.relation(columns, {**_PATH_TYPES, "sha256": pa.string()}) as given:
        tx.execute(
            f"DELETE FROM failures AS x USING {given} g WHERE x.root_id = g.root_id AND x.rel_path = g.rel_path "
            "AND (x.stage = ? OR x.sha256 IS DISTINCT FROM g.sha256)",
            [stage],
        )


def clear_settled(tx: Transaction, partition_keys: Sequence[str]) -> None:
    """Forget failures that are none any more: of files that are left out now, of sidecars that are gone or others."""
    tx.execute(
        """DELETE FROM failures AS x USING files f
        WHERE list_contains(?, x.partition_key) AND f.root_id = x.root_id AND f.rel_path = x.rel_path
          AND x.stage <> 'file_inventory'
          AND (f.skip_reason IS NOT NULL OR x.stage = 'sidecars' AND (f.sidecar IS NULL
            OR f.sidecar_size IS DISTINCT FROM x.size_bytes OR f.sidecar_mtime_ns IS DISTINCT FROM x.mtime_ns))""",
        [list(partition_keys)],
    )


def clear_folders(tx: Transaction, partition_keys: Sequence[str], still: Sequence[tuple[str, str]]) -> None:
    """Forget the problems of folders here, but for those `(root_id, rel_path)` that still have one."""
    columns = {"root_id": [row[0] for row in still], "rel_path": [row[1] for row in still]}
    with tx.relation(columns, _PATH_TYPES) as given:
        tx.execute(
            f"""DELETE FROM failures AS x WHERE x.stage = 'file_inventory' AND list_contains(?, x.partition_key)
            AND NOT EXISTS (FROM {given} g WHERE g.root_id = x.root_id AND g.rel_path = x.rel_path)""",
            [list(partition_keys)],
        )


def clear_made(tx: Transaction, stage: str, made_by: str, pixel_hashes: Sequence[str]) -> None:
    """Forget that this model failed, or was to try again, on the bytes that show these pictures."""
    with tx.relation({"pixel_hash": sorted(set(pixel_hashes))}, {"pixel_hash": pa.string()}) as given:
        tx.execute(
            f"""DELETE FROM failures AS x USING (SELECT DISTINCT v.sha256, v.page FROM previews v
                JOIN {given} USING (pixel_hash)) g
            WHERE x.stage = $stage AND x.sha256 = g.sha256 AND x.page = g.page
                AND x.decoder_version IN ('', $made_by)""",
            {"stage": stage, "made_by": made_by},
        )


def retry(tx: Transaction, where: str, params: dict[str, Any]) -> None:
    """Make the failures `x` for which `where` holds pending again; they keep their attempts and their first time."""
    tx.execute(f"UPDATE failures AS x SET decoder_version = '' WHERE {where}", params)


def retry_transient(tx: Transaction, partition_keys: Sequence[str]) -> int:
    """Retry failures in these folders that may have passed by themselves (permissions, memory). Returns how many.

    Not those of folders: each look at one tells anew whether it can be read.
    """
    where = "list_contains($keys, partition_key) AND list_contains($codes, code) AND stage <> 'file_inventory'"
    params = {"keys": list(partition_keys), "codes": list(TRANSIENT)}
    count = int(tx.value(f"SELECT count(*) FROM failures WHERE {where}", params))
    retry(tx, where, params)
    return count


def count_by_code(tx: Transaction) -> dict[str, int]:
    rows = tx.execute("SELECT code, count(*) FROM failures GROUP BY code ORDER BY count(*) DESC, code").fetchall()
    return dict(rows)
