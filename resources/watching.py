"""What the sensor asks on each tick: which folders changed, have settled, or still have work.

A tick lists directories but touches no file: a folder's signature is its directories' mtimes and entry counts. Files
that were overwritten in place change no directory, so a few folders a tick are also compared file by file, in rotation.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from resources.folders import from_text, partition_key, scan_partition, scan_signatures
from resources.imaging import DECODER_VERSION
from resources.inventory import reachable, set_root_state
from resources.manifest import Manifest, files, roots, signatures

__all__ = ["WatchReport", "look"]

# Folders compared file by file on one tick, and how long each group's turn is.
_ROTATION = 25
_TURN_S = 10


@dataclass(frozen=True)
class WatchReport:
    """Partitions by what they need.

    `due` were added, changed or removed, and have settled; `pending` hold files that wait to be read; `settling`
    changed between this look and the last one. `fingerprint` names the due folders as they look now.
    """

    known: tuple[str, ...]
    due: tuple[str, ...]
    pending: tuple[str, ...]
    settling: tuple[str, ...]
    offline_roots: tuple[str, ...]
    fingerprint: str


def look(manifest: Manifest, *, settle: bool = True, every_file: bool = False) -> WatchReport:
    """Look at every watched root and note what was seen.

    With `settle`, a changed folder is due only when it looks the same twice: a copy in progress is left alone. With
    `every_file` all folders are compared file by file, not only this tick's share.
    """
    with manifest.read() as tx:
        watched = roots.list_all(tx)
        stored = signatures.by_key(tx)
    rows: dict[str, dict[str, Any]] = {}
    offline = []
    for root in watched:
        path = from_text(root["path"])
        if not reachable(path):
            offline.append(root["path"])
            set_root_state(manifest, root, "offline")
            continue
        if root["state"] == "offline":
            set_root_state(manifest, root, "online")
        seen = {
            partition_key(root["root_id"], root["path"], folder): (folder, signature)
            for folder, signature in scan_signatures(path, root["partition_depth"]).items()
        }
        gone = {
            key: (row["rel_path"], "")
            for key, row in stored.items()
            if row["root_id"] == root["root_id"] and key not in seen
        }
        mine = [
            _observed(stored.get(key), key, root["root_id"], folder, signature)
            for key, (folder, signature) in {**seen, **gone}.items()
        ]
        rows.update((row["partition_key"], row) for row in mine)
        _compare_files(path, root, rows, None if every_file else _ROTATION)
        if root["state"] == "vanished" and all(row["signature"] == row["inventoried_signature"] for row in mine):
            set_root_state(manifest, root, "online")  # what had vanished is back as it was
    news = [row for key, row in rows.items() if row != stored.get(key)]
    if news:
        with manifest.write() as tx:
            signatures.observe(tx, news)
    with manifest.read() as tx:
        pending = files.pending_partitions(tx, DECODER_VERSION)
    changed = {key: row for key, row in rows.items() if row["signature"] != row["inventoried_signature"]}
    due = {key for key, row in changed.items() if not settle or row["stable_ticks"] >= 1}
    return WatchReport(
        known=tuple(rows),
        due=tuple(sorted(due)),
        pending=tuple(key for key in pending if key in rows),
        settling=tuple(sorted(changed.keys() - due)),
        offline_roots=tuple(offline),
        fingerprint=_fingerprint({key: rows[key]["signature"] for key in due}),
    )


def _fingerprint(signatures_due: dict[str, str]) -> str:
    text = "\n".join(f"{key} {signature}" for key, signature in sorted(signatures_due.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def _observed(before: dict[str, Any] | None, key: str, root_id: str, folder: str, signature: str) -> dict[str, Any]:
    if before is None:
        return {
            "partition_key": key,
            "root_id": root_id,
            "rel_path": folder,
            "signature": signature,
            "full_signature": None,
            "inventoried_signature": None,
            "stable_ticks": 0,
            "full_checked_at": None,
        }
    if before["signature"] != signature:
        return {**before, "signature": signature, "stable_ticks": 0}
    # Beyond "settled" the count says nothing more; not counting on saves a write each tick.
    return {**before, "stable_ticks": min(before["stable_ticks"] + 1, 1)}


def _compare_files(path: str, root: dict[str, Any], rows: dict[str, dict[str, Any]], most: int | None) -> None:
    """Compare file sizes and mtimes of some folders, all in turn; a difference makes a folder due."""
    quiet = sorted(
        (
            row
            for row in rows.values()
            if row["root_id"] == root["root_id"]
            and row["signature"] == row["inventoried_signature"]
            and row["signature"]
        ),
        key=lambda row: str(row["partition_key"]),
    )
    if most is not None and len(quiet) > most:
        # The clock says whose turn it is, so that an idle tick has nothing to write.
        start = int(time.time() // _TURN_S) * most % len(quiet)
        quiet = [*quiet[start:], *quiet[:start]][:most]
    for row in quiet:
        scan = scan_partition(path, row["rel_path"], root["partition_depth"])
        if scan.full_signature != row["full_signature"]:
            row["inventoried_signature"] = None
            row["stable_ticks"] = 0
