"""Table `files`: what stands on disk, as last inventoried. Paths are relative to their root.

Pending work is never a status: it is `files` minus results minus failures at the same bytes, asked anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import pyarrow as pa

from resources.clock import utc_now
from resources.folder_scan import FoundFile
from resources.manifest import failures, outbox, photos, sidecars
from resources.manifest.database import Transaction
from resources.manifest.failures import TO_RETRY
from resources.manifest.previews import IS_READ

__all__ = [
    "NOT_A_PHOTO",
    "FolderChanges",
    "FoundPartition",
    "PendingFile",
    "Relocated",
    "apply_inventory",
    "below",
    "count_lost",
    "count_pending",
    "count_pending_by_root",
    "follow_moves",
    "lost",
    "lost_at",
    "pending",
    "pending_partitions",
    "photo_at",
    "present",
    "present_below",
    "relocate",
    "would_vanish",
]

# The skip reason of a file whose name promised nothing and whose content is no picture; kept until its bytes change.
NOT_A_PHOTO = "not a photo"

# Rank within a folder by which its files are interleaved with those of other folders, newest first within each.
_INTERLEAVE = 100

_FOUND_TYPES = {
    "root_id": pa.string(),
    "rel_path": pa.string(),
    "partition_key": pa.string(),
    "size_bytes": pa.int64(),
    "mtime_ns": pa.int64(),
    "sidecar": pa.string(),
    "sidecar_mtime_ns": pa.int64(),
    "sidecar_size": pa.int64(),
    "skip_reason": pa.string(),
}


@dataclass(frozen=True)
class FolderChanges:
    """What an inventory changed, in files. Those that `moved`, by name, size and mtime, count as nothing else."""

    new: int = 0
    changed: int = 0
    gone: int = 0
    returned: int = 0
    unchanged: int = 0
    skipped: int = 0
    moved: int = 0


@dataclass(frozen=True)
class PendingFile:
    """A file to read: known by path, size and mtime; `photo_id` when earlier bytes at this path were a photo."""

    root_id: str
    root_path: str
    rel_path: str
    partition_key: str
    size_bytes: int
    mtime_ns: int
    photo_id: str | None


@dataclass(frozen=True)
class FoundPartition:
    """What a scan found of one partition."""

    root_id: str
    partition_key: str
    files: Sequence[FoundFile]


def _columns(found: Iterable[FoundPartition]) -> Mapping[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in _FOUND_TYPES}
    for each in found:
        columns["root_id"] += [each.root_id] * len(each.files)
        columns["partition_key"] += [each.partition_key] * len(each.files)
        for place, name in enumerate(FoundFile._fields):
            columns[name] += [file[place] for file in each.files]
    return columns


def apply_inventory(tx: Transaction, found: Sequence[FoundPartition], *, remove_gone: bool) -> FolderChanges:
    """Bring the rows of these partitions up to what was `found` on disk.

    A changed size or mtime forgets the hash, so the file is read again; `photo_id` stays, unless the file had been
    missing: what comes to a path that was empty is another photo, or known by its content. With `remove_gone` false,
    files that are no longer there keep their place (a disk that is not plugged in, a mass vanish).
    """
    now = utc_now()
    with (
        tx.relation(_columns(found), _FOUND_TYPES) as here,
        tx.relation(
            {"partition_key": [each.partition_key for each in found]}, {"partition_key": pa.string()}
        ) as scanned,
    ):
        same = "f.root_id = h.root_id AND f.rel_path = h.rel_path"
        moved_bytes = "(f.size_bytes <> h.size_bytes OR f.mtime_ns <> h.mtime_ns)"
        changed = _count(tx, f"FROM files f JOIN {here} h ON {same} WHERE {moved_bytes}")
        returned = [
            row[0]
            for row in tx.execute(
                f"SELECT f.photo_id FROM files f JOIN {here} h ON {same} WHERE f.missing_since IS NOT NULL"
            ).fetchall()
        ]
        hidden_or_shown = [
            row[0]
            for row in tx.execute(
                f"""SELECT f.photo_id FROM files f JOIN {here} h ON {same}
                WHERE (f.skip_reason IS NULL) <> (h.skip_reason IS NULL)"""
            ).fetchall()
        ]
        new = _count(tx, f"FROM {here} h WHERE NOT EXISTS (FROM files f WHERE {same})")
        tx.execute(
            f"""UPDATE files AS f SET partition_key = h.partition_key, size_bytes = h.size_bytes, mtime_ns = h.mtime_ns,
                sha256 = CASE WHEN {moved_bytes} THEN NULL ELSE f.sha256 END,
                photo_id = CASE WHEN {moved_bytes} AND f.missing_since IS NOT NULL THEN NULL ELSE f.photo_id END,
                skip_reason = CASE WHEN f.skip_reason = '{NOT_A_PHOTO}' AND NOT {moved_bytes}
                    THEN f.skip_reason ELSE h.skip_reason END,
                sidecar = h.sidecar, sidecar_mtime_ns = h.sidecar_mtime_ns, sidecar_size = h.sidecar_size,
                missing_since = NULL
            FROM {here} h WHERE {same} AND ({moved_bytes} OR f.missing_since IS NOT NULL
                OR f.partition_key <> h.partition_key OR f.sidecar IS DISTINCT FROM h.sidecar
                OR f.sidecar_mtime_ns IS DISTINCT FROM h.sidecar_mtime_ns
                OR f.sidecar_size IS DISTINCT FROM h.sidecar_size
                OR f.skip_reason IS DISTINCT FROM h.skip_reason)"""
        )
        tx.execute(
            f"""INSERT INTO files ({", ".join(_FOUND_TYPES)}, first_seen_at)
            SELECT DISTINCT ON (root_id, rel_path) {", ".join(_FOUND_TYPES)}, ? FROM {here} h
            WHERE NOT EXISTS (FROM files f WHERE {same})""",
            [now],
        )
        gone: list[str | None] = []
        if remove_gone:
            vanished = f"""f.partition_key IN (SELECT partition_key FROM {scanned}) AND f.missing_since IS NULL
                AND NOT EXISTS (FROM {here} h WHERE {same})"""
            gone = [row[0] for row in tx.execute(f"SELECT f.photo_id FROM files f WHERE {vanished}").fetchall()]
            tx.execute(f"UPDATE files AS f SET missing_since = ? WHERE {vanished}", [lost_at(tx)])
            tx.execute(
                f"""DELETE FROM failures AS x WHERE x.partition_key IN (SELECT partition_key FROM {scanned})
                AND x.stage <> 'file_inventory'
                AND NOT EXISTS (FROM {here} h WHERE h.root_id = x.root_id AND h.rel_path = x.rel_path)"""
            )
        failures.clear_settled(tx, [each.partition_key for each in found])
    shown = photos.of_documents(tx, [photo_id for photo_id in [*gone, *returned, *hidden_or_shown] if photo_id])
    outbox.push(tx, shown, "paths")
    skipped = sum(file.skip_reason is not None for each in found for file in each.files)
    files = sum(len(each.files) for each in found)
    return FolderChanges(
        new=new,
        changed=changed,
        gone=len(gone),
        returned=len(returned),
        unchanged=files - new - changed,
        skipped=skipped,
    )


def follow_moves(tx: Transaction, found: Sequence[FoundPartition]) -> int:
    """Give files that were `found` under another path that path; nothing is read, and search is told.

    Name, size and mtime to the nanosecond say which file it was, and only where one file of these partitions is gone,
    one that was not read came, and no other file of the library is of that name, size and mtime but of the same photo.
    Returns how many files moved.
    """
    with (
        tx.relation(_columns(found), _FOUND_TYPES) as here,
        tx.relation(
            {"partition_key": [each.partition_key for each in found]}, {"partition_key": pa.string()}
        ) as scanned,
    ):
        alike = "(name, size_bytes, mtime_ns)"
        rows = tx.execute(
            f"""WITH gone AS MATERIALIZED (
                SELECT {_file_name("f")} AS name, f.* FROM files f
                WHERE f.partition_key IN (SELECT partition_key FROM {scanned}) AND f.missing_since IS NULL
                AND (f.sha256 IS NOT NULL AND f.photo_id IS NOT NULL OR f.motion_of IS NOT NULL)
                AND NOT EXISTS (FROM {here} h WHERE h.root_id = f.root_id AND h.rel_path = f.rel_path)
            ), came AS MATERIALIZED (
                SELECT {_file_name("h")} AS name, h.* FROM {here} h
                WHERE h.mtime_ns IN (SELECT mtime_ns FROM gone)
                AND NOT EXISTS (FROM files g WHERE g.root_id = h.root_id AND g.rel_path = h.rel_path
                    AND g.photo_id IS NOT NULL)
            ), others AS MATERIALIZED (
                SELECT {_file_name("f")} AS name, f.* FROM files f WHERE f.mtime_ns IN (SELECT mtime_ns FROM gone)
                AND NOT EXISTS (FROM came c WHERE c.root_id = f.root_id AND c.rel_path = f.rel_path)
            )
            SELECT g.root_id, g.rel_path, c.root_id, c.rel_path, c.partition_key, c.size_bytes
            FROM (FROM gone QUALIFY count(*) OVER (PARTITION BY {alike}) = 1) g
            JOIN (FROM came QUALIFY count(*) OVER (PARTITION BY {alike}) = 1) c USING {alike}
            WHERE (g.skip_reason IS NULL) = (c.skip_reason IS NULL)
            AND NOT EXISTS (FROM others o WHERE o.name = g.name AND o.size_bytes = g.size_bytes
                AND o.mtime_ns = g.mtime_ns AND o.photo_id IS DISTINCT FROM g.photo_id)"""
        ).fetchall()
    if rows:
        outbox.push(tx, photos.of_documents(tx, relocate(tx, [Relocated(*row) for row in rows])), "paths")
    return len(rows)


def _count(tx: Transaction, rest: str) -> int:
    return int(tx.value(f"SELECT count(*) {rest}"))


def present_below(tx: Transaction, partition_key: str, rel_folder: str) -> list[FoundFile]:
    """The present files of a partition that stand below `rel_folder`, as they were found last."""
    rows = tx.execute(
        f"""SELECT {", ".join(FoundFile._fields)} FROM files WHERE partition_key = $key AND missing_since IS NULL
        AND ($folder = '' OR starts_with(rel_path, $folder || '/'))""",
        {"key": partition_key, "folder": rel_folder},
    ).fetchall()
    return [FoundFile(*row) for row in rows]


def present(tx: Transaction, paths: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those `(root_id, rel_path)` that are files which are there and taken in."""
    columns = {"root_id": [path[0] for path in paths], "rel_path": [path[1] for path in paths]}
    with tx.relation(columns, dict.fromkeys(columns, pa.string())) as given:
        rows = tx.execute(
            f"""SELECT f.root_id, f.rel_path FROM files f JOIN {given} USING (root_id, rel_path)
            WHERE f.missing_since IS NULL AND f.skip_reason IS NULL"""
        ).fetchall()
    return {(root_id, rel_path) for root_id, rel_path in rows}


def photo_at(tx: Transaction, path: str) -> str | None:
    """The photo that the file at an absolute path (as stored) is."""
    return cast(
        "str | None",
        tx.value(
            """SELECT f.photo_id FROM files f JOIN roots r USING (root_id)
            WHERE starts_with($path, r.path || '/') AND f.rel_path = substr($path, length(r.path) + 2)
            ORDER BY f.missing_since NULLS FIRST LIMIT 1""",
            {"path": path},
        ),
    )


def paths_of(tx: Transaction, sha256: str) -> list[str]:
    """Where, as stored, files with these bytes stand, as far as is known."""
    return [
        path
        for (path,) in tx.execute(
            """SELECT r.path || '/' || f.rel_path FROM files f JOIN roots r USING (root_id)
            WHERE f.sha256 = ? AND f.missing_since IS NULL AND f.skip_reason IS NULL ORDER BY 1""",
            [sha256],
        ).fetchall()
    ]


class Relocated(NamedTuple):
    """A file whose path is another one now; its bytes are the same."""

    root_id: str
    rel_path: str
    new_root_id: str
    new_rel_path: str
    partition_key: str
    size_bytes: int


def below(tx: Transaction, root_id: str, rel_folder: str) -> list[tuple[str, int]]:
    """`(rel_path, size_bytes)` of the files of a root below `rel_folder` ("" is all) that are not missing, by path."""
    return tx.execute(
        """SELECT rel_path, size_bytes FROM files WHERE root_id = $root AND missing_since IS NULL
        AND ($folder = '' OR starts_with(rel_path, $folder || '/')) ORDER BY rel_path""",
        {"root": root_id, "folder": rel_folder},
    ).fetchall()


def relocate(tx: Transaction, moves: Sequence[Relocated]) -> list[str]:
    """Give files other paths; what was read of them stays. Returns the ids of the documents that they hold.

    Where a scan has found a file at its new place before, the row that was read counts.
    """
    columns = {name: [move[place] for move in moves] for place, name in enumerate(Relocated._fields)}
    types = {name: pa.string() for name in columns} | {"size_bytes": pa.int64()}
    with tx.relation(columns, types) as given:
        at_old = "f.root_id = g.root_id AND f.rel_path = g.rel_path"
        at_new = "n.root_id = g.new_root_id AND n.rel_path = g.new_rel_path"
        moved = "(g.root_id <> g.new_root_id OR g.rel_path <> g.new_rel_path)"
        documents = [
            row[0]
            for row in tx.execute(
                f"SELECT DISTINCT f.photo_id FROM files f JOIN {given} g ON {at_old} WHERE f.photo_id IS NOT NULL"
            ).fetchall()
        ]
        tx.execute(
            f"""DELETE FROM files AS f USING {given} g, files n
            WHERE {at_old} AND {at_new} AND {moved} AND n.sha256 IS NOT NULL"""
        )
        tx.execute(f"DELETE FROM files AS n USING {given} g, files f WHERE {at_new} AND {at_old} AND {moved}")
        folder = "regexp_replace(g.new_rel_path, '[^/]*$', '')"
        beside = f"{folder} || string_split(f.sidecar, '/')[-1]"
        tx.execute(
            f"""UPDATE files AS f SET root_id = g.new_root_id, rel_path = g.new_rel_path,
                partition_key = g.partition_key, sidecar = {beside},
                sidecar_read = CASE WHEN starts_with(f.sidecar_read, f.sidecar || ':')
                    THEN {beside} || substr(f.sidecar_read, length(f.sidecar) + 1) ELSE f.sidecar_read END,
                stack_key = CASE WHEN {moved} THEN NULL ELSE f.stack_key END
            FROM {given} g WHERE {at_old}"""
        )
        tx.execute(
            f"""UPDATE failures AS f SET root_id = g.new_root_id, rel_path = g.new_rel_path,
                partition_key = g.partition_key
            FROM {given} g WHERE {at_old}"""
        )
    return documents


# Not one that was moved or renamed: its photo has another file.
_LOST = """(FROM files AS gone WHERE missing_since IS NOT NULL AND skip_reason IS NULL
    AND NOT EXISTS (
        FROM files g WHERE g.photo_id = gone.photo_id AND g.missing_since IS NULL AND g.skip_reason IS NULL))"""


def count_lost(tx: Transaction) -> dict[str, int]:
    """By root id, where any: how many files that may be photos are missing, with no other file of their photo left."""
    return dict(tx.execute(f"SELECT root_id, count(*) FROM {_LOST} GROUP BY root_id").fetchall())


def lost(tx: Transaction, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """Folders from which files are missing, the latest loss first, with how many: those that `count_lost` counts.

    `root_id`, `path` (absolute), `files`, `photos`, `first_at`, `last_at` (UTC).
    """
    return tx.rows(
        f"""SELECT f.root_id, rtrim(r.path || '/' || regexp_replace(f.rel_path, '/?[^/]*$', ''), '/') AS path,
            count(*) AS files, count(DISTINCT f.photo_id) AS photos,
            min(f.missing_since) AS first_at, max(f.missing_since) AS last_at
        FROM {_LOST} f JOIN roots r USING (root_id)
        GROUP BY ALL ORDER BY last_at DESC, path LIMIT ? OFFSET ?""",
        [limit, offset],
    )


def would_vanish(tx: Transaction, found: Sequence[FoundPartition], one_loss: timedelta) -> dict[str, tuple[int, int]]:
    """By root id, where any: how many files of these partitions are lost, and how many the root had in all.

    Files of other folders that went missing within `one_loss` belong to the same loss. A file is no loss whose photo
    has another file that is there, or when one is there of the same name, size and mtime: a copy, or where it moved to.
    """
    with (
        tx.relation(_columns(found), _FOUND_TYPES) as here,
        tx.relation(
            {"partition_key": [each.partition_key for each in found]}, {"partition_key": pa.string()}
        ) as scanned,
    ):
        not_here = f"NOT EXISTS (FROM {here} h WHERE h.root_id = f.root_id AND h.rel_path = f.rel_path)"
        gone = dict(
            tx.execute(
                f"""WITH gone AS MATERIALIZED (
                    SELECT f.*, {_file_name("f")} AS name FROM files f
                    WHERE f.missing_since IS NULL AND f.skip_reason IS NULL
                    AND f.partition_key IN (SELECT partition_key FROM {scanned}) AND {not_here}
                ), there AS (
                    SELECT f.photo_id, f.rel_path, f.size_bytes, f.mtime_ns FROM files f
                    WHERE f.missing_since IS NULL AND f.skip_reason IS NULL
                    AND f.partition_key NOT IN (SELECT partition_key FROM {scanned})
                    UNION ALL
                    SELECT CASE WHEN f.size_bytes = h.size_bytes AND f.mtime_ns = h.mtime_ns THEN f.photo_id END,
                        h.rel_path, h.size_bytes, h.mtime_ns
                    FROM {here} h LEFT JOIN files f ON f.root_id = h.root_id AND f.rel_path = h.rel_path
                    WHERE h.skip_reason IS NULL
                ), alike AS MATERIALIZED (
                    SELECT {_file_name("t")} AS name, t.size_bytes, t.mtime_ns FROM there t
                    WHERE t.mtime_ns IN (SELECT mtime_ns FROM gone)
                )
                SELECT f.root_id, count(*) FROM gone f
                WHERE NOT EXISTS (FROM there t WHERE t.photo_id = f.photo_id)
                AND NOT EXISTS (FROM alike t
                    WHERE t.name = f.name AND t.size_bytes = f.size_bytes AND t.mtime_ns = f.mtime_ns)
                GROUP BY f.root_id"""
            ).fetchall()
        )
    if not gone:
        return {}
    earlier = dict(
        tx.execute(
            f"""WITH gone AS MATERIALIZED (
                SELECT f.*, {_file_name("f")} AS name FROM files f
                WHERE abs(epoch(f.missing_since) - epoch($now)) < $seconds AND f.skip_reason IS NULL
            ), alike AS MATERIALIZED (
                SELECT {_file_name("t")} AS name, t.size_bytes, t.mtime_ns FROM files t
                WHERE t.missing_since IS NULL AND t.skip_reason IS NULL AND t.mtime_ns IN (SELECT mtime_ns FROM gone)
            )
            SELECT f.root_id, count(*) FROM gone f
            WHERE NOT EXISTS (FROM files g WHERE g.photo_id = f.photo_id AND g.missing_since IS NULL)
            AND NOT EXISTS (FROM alike t
                WHERE t.name = f.name AND t.size_bytes = f.size_bytes AND t.mtime_ns = f.mtime_ns)
            GROUP BY f.root_id""",
            {"now": utc_now(), "seconds": one_loss.total_seconds()},
        ).fetchall()
    )
    present = dict(
        tx.execute(
            """SELECT f.root_id, count(*) FROM files f WHERE f.missing_since IS NULL AND f.skip_reason IS NULL
            GROUP BY f.root_id"""
        ).fetchall()
    )
    return {
        root_id: (lost + earlier.get(root_id, 0), present[root_id] + earlier.get(root_id, 0))
        for root_id, lost in gone.items()
    }


def lost_at(tx: Transaction) -> datetime:
    """When what is lost now was lost (UTC): now, but never before a run by the same clock.

    A clock that is behind would have it forgotten too early once it is right again.
    """
    newest = tx.value("SELECT max(updated_at) FROM jobs")
    return max(utc_now(), newest) if newest else utc_now()


def _file_name(alias: str) -> str:
    return f"string_split({alias}.rel_path, '/')[-1]"


_PENDING = f"""
    FROM files f JOIN roots r USING (root_id)
    WHERE f.missing_since IS NULL AND f.skip_reason IS NULL AND r.state <> 'offline'
      AND (f.sha256 IS NULL OR f.photo_id IS NULL
        OR NOT EXISTS (FROM previews v WHERE v.sha256 = f.sha256 AND {IS_READ})
        OR NOT EXISTS (FROM photos p WHERE p.photo_id = f.photo_id AND p.sha256 = f.sha256))
      AND NOT EXISTS (FROM failures x WHERE x.root_id = f.root_id AND x.rel_path = f.rel_path
            AND x.stage = 'decoded_images' AND x.size_bytes = f.size_bytes AND x.mtime_ns = f.mtime_ns
            AND x.decoder_version = $decoder_version
            AND NOT {TO_RETRY})
"""


def pending(
    tx: Transaction, decoder_version: str, limit: int, partition_keys: Sequence[str] | None = None
) -> list[PendingFile]:
    """Files to read now: newest first, folders interleaved so that a small one is not stuck behind a big one."""
    rows = tx.execute(
        f"""SELECT f.root_id, r.path, f.rel_path, f.partition_key, f.size_bytes, f.mtime_ns, f.photo_id {_PENDING}
            AND ($keys IS NULL OR list_contains($keys, f.partition_key))
        ORDER BY (row_number() OVER (PARTITION BY f.partition_key ORDER BY f.mtime_ns DESC)) // {_INTERLEAVE},
            f.mtime_ns DESC, f.root_id, f.rel_path
        LIMIT $limit""",
        {
            "decoder_version": decoder_version,
            "now": utc_now(),
            "keys": None if partition_keys is None else list(partition_keys),
            "limit": limit,
        },
    ).fetchall()
    return [PendingFile(*row) for row in rows]


def count_pending(tx: Transaction, decoder_version: str) -> int:
    """How many files wait to be read."""
    return int(tx.value(f"SELECT count(*) {_PENDING}", {"decoder_version": decoder_version, "now": utc_now()}))


def count_pending_by_root(tx: Transaction, decoder_version: str) -> dict[str, int]:
    """How many files of each root wait to be read; roots without any are absent."""
    params = {"decoder_version": decoder_version, "now": utc_now()}
    return dict(tx.execute(f"SELECT f.root_id, count(*) {_PENDING} GROUP BY f.root_id", params).fetchall())


def pending_partitions(tx: Transaction, decoder_version: str) -> list[str]:
    """Partitions with files or sidecars that wait to be read."""
    rows = tx.execute(
        f"SELECT DISTINCT f.partition_key {_PENDING}", {"decoder_version": decoder_version, "now": utc_now()}
    ).fetchall()
    return sorted({*(row[0] for row in rows), *sidecars.pending_partitions(tx)})
