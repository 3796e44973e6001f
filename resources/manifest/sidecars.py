"""The sidecar columns of `files`: which metadata file beside a photo was read last, and what it said.

A sidecar that appeared, changed or went is pending work of its own: it is read again, its photo is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from resources.clock import utc_now
from resources.manifest.database import Transaction
from resources.manifest.failures import RETRIED, TO_RETRY

__all__ = ["STAGE", "PendingSidecar", "ReadSidecar", "count_pending", "pending", "pending_partitions", "record", "said"]

STAGE = "sidecars"


@dataclass(frozen=True)
class PendingSidecar:
    """A photo's file whose sidecar is to be read; `sidecar` is None where the one that was read is gone.

    `size_bytes` and `mtime_ns` are the sidecar's, as last inventoried.
    """

    root_id: str
    root_path: str
    rel_path: str
    partition_key: str
    sidecar: str | None
    size_bytes: int | None
    mtime_ns: int | None
    photo_id: str


@dataclass(frozen=True)
class ReadSidecar:
    """What a sidecar said (JSON of its metadata), None where there is none any more."""

    pending: PendingSidecar
    metadata: str | None


def _identity(prefix: str = "f.") -> str:
    """What a sidecar is known by; NULL where there is none."""
    return f"{prefix}sidecar || ':' || {prefix}sidecar_mtime_ns || ':' || {prefix}sidecar_size"


_PENDING = f"""
    FROM files f JOIN roots r USING (root_id)
    WHERE f.missing_since IS NULL AND f.skip_reason IS NULL AND r.state <> 'offline'
      AND f.sha256 IS NOT NULL AND f.photo_id IS NOT NULL AND ({_identity()}) IS DISTINCT FROM f.sidecar_read
      AND NOT EXISTS (FROM failures x WHERE x.root_id = f.root_id AND x.rel_path = f.rel_path
            AND x.stage = '{STAGE}' AND x.size_bytes = f.sidecar_size AND x.mtime_ns = f.sidecar_mtime_ns
            AND NOT {RETRIED} AND NOT {TO_RETRY})
"""


def pending(tx: Transaction, limit: int, partition_keys: Sequence[str] | None = None) -> list[PendingSidecar]:
    """Sidecars to read now, newest first."""
    rows = tx.execute(
        f"""SELECT f.root_id, r.path, f.rel_path, f.partition_key, f.sidecar, f.sidecar_size, f.sidecar_mtime_ns,
            f.photo_id {_PENDING} AND ($keys IS NULL OR list_contains($keys, f.partition_key))
        ORDER BY f.sidecar_mtime_ns DESC NULLS FIRST, f.root_id, f.rel_path LIMIT $limit""",
        {"now": utc_now(), "limit": limit, "keys": None if partition_keys is None else list(partition_keys)},
    ).fetchall()
    return [PendingSidecar(*row) for row in rows]


def count_pending(tx: Transaction, partition_keys: Sequence[str] | None = None) -> int:
    """How many sidecars wait to be read."""
    return int(
        tx.value(
            f"SELECT count(*) {_PENDING} AND ($keys IS NULL OR list_contains($keys, f.partition_key))",
            {"now": utc_now(), "keys": None if partition_keys is None else list(partition_keys)},
        )
    )


def pending_partitions(tx: Transaction) -> list[str]:
    """Partitions with sidecars that wait to be read."""
    return [
        row[0]
        for row in tx.execute(
            f"SELECT DISTINCT f.partition_key {_PENDING} ORDER BY f.partition_key", {"now": utc_now()}
        ).fetchall()
    ]


def record(tx: Transaction, read: Sequence[ReadSidecar]) -> None:
    """Note what was read. The sidecar counts as read in the form that the inventory saw before."""
    columns: dict[str, list[Any]] = {
        "root_id": [each.pending.root_id for each in read],
        "rel_path": [each.pending.rel_path for each in read],
        "sidecar": [each.pending.sidecar for each in read],
        "sidecar_mtime_ns": [each.pending.mtime_ns for each in read],
        "sidecar_size": [each.pending.size_bytes for each in read],
        "metadata": [each.metadata for each in read],
    }
    types = {name: pa.string() for name in columns} | {"sidecar_mtime_ns": pa.int64(), "sidecar_size": pa.int64()}
    with tx.relation(columns, types) as given:
        same = "f.root_id = g.root_id AND f.rel_path = g.rel_path"
        tx.execute(
            f"""UPDATE files AS f SET sidecar_read = {_identity("g.")}, sidecar_metadata = g.metadata
            FROM {given} g WHERE {same}"""
        )
        tx.execute(
            f"""DELETE FROM failures AS x USING {given} g
            WHERE x.root_id = g.root_id AND x.rel_path = g.rel_path AND x.stage = '{STAGE}'"""
        )


def said(tx: Transaction, document_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """By document id: its present files by path, each with `rel_path`, `mtime_ns` and what its sidecar said (JSON)."""
    found: dict[str, list[dict[str, Any]]] = {}
    with tx.relation({"photo_id": sorted(set(document_ids))}, {"photo_id": pa.string()}) as given:
        for row in tx.rows(
            f"""SELECT f.photo_id, f.rel_path, f.mtime_ns, f.sidecar_mtime_ns, f.sidecar_metadata
            FROM files f JOIN {given} USING (photo_id) JOIN roots r USING (root_id)
            WHERE f.missing_since IS NULL AND f.skip_reason IS NULL ORDER BY r.path, f.rel_path"""
        ):
            found.setdefault(row["photo_id"], []).append(row)
    return found
