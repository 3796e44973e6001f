"""Bringing the manifest up to what stands in watched folders: new, changed, gone and returned files.

Belongs here: which folders to look at and when a loss is too large to believe. Not here: how folders are read
(`folders`) or rows are written (`manifest`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from resources.errors import LoupeError
from resources.folders import (
    FolderScan,
    check_root,
    folder_of,
    from_text,
    partition_depth,
    partition_folder,
    partition_key,
    scan_partition,
    scan_tree,
    to_text,
)
from resources.home import Home
from resources.manifest import Manifest, failures, files, outbox, roots, signatures
from resources.manifest.files import FolderChanges

__all__ = ["AddedRoot", "InventoryReport", "add_root", "reachable", "set_root_state", "take_inventory"]

# A scan in which more than this share of a root's files vanish, and at least so many, waits for a person's word.
MASS_VANISH_SHARE = 0.25
MASS_VANISH_FILES = 20
# Files that went missing within this time count as one loss: a large one is inventoried in several runs.
_ONE_LOSS = timedelta(minutes=30)


@dataclass(frozen=True)
class AddedRoot:
    """A folder that is now watched: its partitions and what a look without reading contents found."""

    root_id: str
    path: str
    partition_keys: tuple[str, ...]
    photo_files: int
    total_bytes: int
    skipped: dict[str, int]
    new: bool


@dataclass
class InventoryReport:
    """What an inventory of partitions found and changed, in files."""

    changes: FolderChanges = field(default_factory=FolderChanges)
    folders: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    offline_roots: list[str] = field(default_factory=list)
    vanished: dict[str, tuple[int, int]] = field(default_factory=dict)


def add_root(manifest: Manifest, home: Home, path: str, max_partitions: int) -> AddedRoot:
    """Watch the folder at `path`, or the part of a watched folder that it is.

    Raises `DIR_NOT_FOUND`, `NOT_A_DIRECTORY`, `NO_PERMISSION`, `DIR_EMPTY`, `ROOT_IN_HOME`, and `ROOT_NESTED` when
    it lies around a folder that is watched already.
    """
    absolute = check_root(path)
    text = to_text(str(absolute))
    own = os.path.realpath(home.path)
    real = os.path.realpath(absolute)
    if _inside(real, own) or _inside(own, real):
        raise LoupeError("ROOT_IN_HOME", f"'{text}' overlaps Loupe's own data in {own}.", path=text)
    scan = scan_tree(absolute)
    if scan.unreadable.get(""):
        raise LoupeError("NO_PERMISSION", f"'{text}' may not be read. Check its owner.", path=text)
    if scan.photo_files == 0:
        raise LoupeError("DIR_EMPTY", f"There is no photo in '{text}'.", path=text, skipped=len(scan.files))
    with manifest.write() as tx:
        known = roots.list_all(tx)
        around = next((root for root in known if _inside(text, root["path"])), None)
        within = next((root for root in known if root is not around and _inside(root["path"], text)), None)
        if around is None and within is not None:
            raise LoupeError(
                "ROOT_NESTED", f"'{text}' lies around '{within['path']}', which is watched already.", path=text
            )
        root = around or roots.add(tx, text, partition_depth(scan.folders, max_partitions))
    prefix = text[len(root["path"]) :].strip("/")
    below = [f"{prefix}/{folder}".strip("/") for folder in scan.folders]
    keys = {partition_key(root["root_id"], root["path"], partition_folder(f, root["partition_depth"])) for f in below}
    skipped: dict[str, int] = {}
    for row in scan.files:
        if row["skip_reason"]:
            skipped[row["skip_reason"]] = skipped.get(row["skip_reason"], 0) + 1
    return AddedRoot(
        root_id=root["root_id"],
        path=text,
        partition_keys=tuple(sorted(keys)),
        photo_files=scan.photo_files,
        total_bytes=sum(row["size_bytes"] for row in scan.files if row["skip_reason"] is None),
        skipped=skipped,
        new=around is None,
    )


def take_inventory(
    manifest: Manifest, partition_keys: Sequence[str], *, accept_missing: bool = False
) -> InventoryReport:
    """Compare these partitions with the disk and write the difference down. File contents are not read.

    A root that cannot be reached, and one that lost more than a quarter of its files at once or is an empty folder (the
    mount point of an unplugged disk), loses nothing here: its state says so ("offline", "vanished") and waits.
    """
    report = InventoryReport()
    wanted = set(partition_keys)
    with manifest.read() as tx:
        all_roots = roots.list_all(tx)
        stored = signatures.by_key(tx)
    found: list[dict[str, Any]] = []
    scanned: dict[str, tuple[str, str]] = {}
    locked: list[tuple[str, str, str]] = []
    emptied: set[str] = set()
    for root in all_roots:
        path = from_text(root["path"])
        keys = {row["partition_key"]: row["rel_path"] for row in stored.values() if row["root_id"] == root["root_id"]}
        mine = {key: folder for key, folder in keys.items() if key in wanted}
        if not mine:
            continue
        if not reachable(path):
            report.offline_roots.append(root["path"])
            set_root_state(manifest, root, "offline")
            continue
        if root["state"] == "offline":
            set_root_state(manifest, root, "online")
        if not os.listdir(path):
            emptied.add(root["root_id"])
        scans: dict[str, FolderScan] = {
            key: scan_partition(path, folder, root["partition_depth"]) for key, folder in mine.items()
        }
        if not reachable(path):  # unplugged while it was looked at: what was not found says nothing
            report.offline_roots.append(root["path"])
            set_root_state(manifest, root, "offline")
            continue
        for key, scan in scans.items():
            report.unreadable.update({f"{root['path']}/{rel}": why for rel, why in scan.unreadable.items()})
            locked.extend((key, rel, why) for rel, why in scan.unreadable.items())
            for row in scan.files:
                inside = partition_folder(folder_of(row["rel_path"]), root["partition_depth"])
                if inside == mine[key]:
                    found.append({**row, "root_id": root["root_id"], "partition_key": key})
            scanned[key] = (scan.signature, scan.full_signature)
    report.folders = len(scanned)
    with manifest.write() as tx:
        for key, rel, _ in locked:  # what cannot be looked at is as it was
            found.extend(files.present_below(tx, key, rel))
        losses = files.would_vanish(tx, found, list(scanned), _ONE_LOSS)
        report.vanished = {
            root_id: (gone, total)
            for root_id, (gone, total) in losses.items()
            if not accept_missing and _too_many(gone, total, root_id in emptied)
        }
        held_back = {key for key in scanned if stored[key]["root_id"] in report.vanished}
        parts = []
        for keys_part, remove_gone in (([*(scanned.keys() - held_back)], True), ([*held_back], False)):
            if keys_part:
                inside_part = set(keys_part)
                rows = [row for row in found if row["partition_key"] in inside_part]
                parts.append(files.apply_inventory(tx, rows, keys_part, remove_gone=remove_gone))
        report.changes = _sum(parts)
        failures.record(tx, [_unreadable_row(stored[key], rel, why) for key, rel, why in locked])
        signatures.inventoried(tx, {key: pair for key, pair in scanned.items() if key not in held_back})
        # A root is whole again when none of its folders waits to be believed.
        waiting = {
            row["root_id"]
            for key, row in stored.items()
            if key not in scanned and row["inventoried_signature"] not in (None, row["signature"])
        }
        for root in all_roots:
            if root["root_id"] in report.vanished:
                roots.set_state(tx, root["root_id"], "vanished")
            elif (
                root["state"] == "vanished"
                and root["root_id"] not in waiting
                and any(stored[key]["root_id"] == root["root_id"] for key in scanned)
            ):
                roots.set_state(tx, root["root_id"], "online")
    return report


def set_root_state(manifest: Manifest, root: dict[str, Any], state: str) -> None:
    """Change a root's state and tell the index, whose photos show whether they are offline."""
    if root["state"] == state:
        return
    with manifest.write() as tx:
        roots.set_state(tx, root["root_id"], state)
        outbox.push(tx, roots.photo_ids(tx, root["root_id"]), "offline")
    root["state"] = state


def _unreadable_row(signature: dict[str, Any], rel_folder: str, why: str) -> dict[str, Any]:
    """The failure of a folder that cannot be looked into."""
    return {
        "root_id": signature["root_id"],
        "rel_path": rel_folder,
        "partition_key": signature["partition_key"],
        "sha256": None,
        "size_bytes": None,
        "mtime_ns": None,
        "stage": "file_inventory",
        "code": "NO_PERMISSION",
        "message": f"The folder cannot be read: {why}. Nothing in it is taken in; what was in it stays as it was.",
        "decoder_version": "",
        "page": 1,
    }


def reachable(path: str) -> bool:
    """Whether the root is there and may be read."""
    try:
        with os.scandir(path):
            return True
    except OSError:
        return False


def _too_many(gone: int, total: int, emptied: bool) -> bool:
    return gone > 0 and (emptied or (gone >= MASS_VANISH_FILES and gone > total * MASS_VANISH_SHARE))


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _sum(parts: Sequence[FolderChanges]) -> FolderChanges:
    names = FolderChanges.__dataclass_fields__
    return FolderChanges(**{name: sum(getattr(part, name) for part in parts) for name in names})
