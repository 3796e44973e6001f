"""Bringing the manifest up to what stands in watched folders: new, changed, gone and returned files.

Belongs here: which folders to look at and when a loss is too large to believe. Not here: how folders are read
(`folders`) or rows are written (`manifest`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from shlex import quote
from typing import Any

from resources.errors import LoupeError
from resources.folder_probe import reachable
from resources.folder_scan import FolderLook, look_at, survey
from resources.folders import (
    check_root,
    from_text,
    is_inside,
    partition_depth,
    partition_folder,
    partition_key,
    to_text,
)
from resources.home import Home
from resources.manifest import Manifest, failures, files, outbox, roots, signatures
from resources.manifest.files import FolderChanges, FoundPartition
from resources.wording import counted

__all__ = [
    "AddedRoot",
    "InventoryReport",
    "Loss",
    "accept_missing",
    "add_root",
    "note_reach",
    "note_reach_of_all",
    "remove_root",
    "set_root_state",
    "take_inventory",
]

# A scan in which more than this share of a root's files vanish, and at least so many, waits for a person's word.
MASS_VANISH_SHARE = 0.25
MASS_VANISH_FILES = 20
_LOCKED = "The folder cannot be read: {why}. Nothing in it is taken in; what was in it stays as it was."
# Files that went missing within this time count as one loss: a large one is inventoried in several runs.
_ONE_LOSS = timedelta(minutes=30)


@dataclass(frozen=True)
class AddedRoot:
    """A folder that is now watched: its partitions and what a look without reading contents found.

    Partitions of folders that are gone are among them: what is missed there may stand elsewhere in the folder.
    """

    root_id: str
    path: str
    partition_keys: tuple[str, ...]
    photo_files: int
    total_bytes: int
    skipped: dict[str, int]
    new: bool


@dataclass(frozen=True)
class Loss:
    """So many of a watched folder's files are not where they were that it is not believed: nothing was removed."""

    path: str
    gone: int
    total: int

    @property
    def sentence(self) -> str:
        return (
            f"{self.gone:,} of {counted(self.total, 'file')} in '{self.path}' are not where they were; nothing was "
            f"removed. Check the disk. If they are gone for good: `loupe folders accept-missing {quote(self.path)}`."
        )


@dataclass
class InventoryReport:
    """What an inventory of partitions found and changed, in files; `vanished`, by root id, what it held back."""

    changes: FolderChanges = field(default_factory=FolderChanges)
    folders: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    offline_roots: list[str] = field(default_factory=list)
    vanished: dict[str, Loss] = field(default_factory=dict)


def add_root(manifest: Manifest, home: Home, path: str, max_partitions: int) -> AddedRoot:
    """Watch the folder at `path`, or the part of a watched folder that it is.

    Raises `DIR_NOT_FOUND`, `NOT_A_DIRECTORY`, `NO_PERMISSION`, `DIR_EMPTY`, `ROOT_IN_HOME`, `ROOT_NESTED` when it lies
    around a folder that is watched already, and `ROOT_OFFLINE` when it is or was part of one that cannot be reached. A
    watched folder that holds no photo any more is no error: what was in it is missing, or held back.
    """
    text = to_text(os.path.abspath(os.path.expanduser(path)))
    with manifest.read() as tx:
        within = _around(text, roots.rows(tx))
    if within is not None and not note_reach(manifest, within):
        raise LoupeError(
            "ROOT_OFFLINE",
            f"'{within['path']}' cannot be reached now; its photos stay searchable. "
            f"If it stands elsewhere now: `loupe folders move {quote(within['path'])} NEW`.",
            path=within["path"],
        )
    absolute = check_root(path)
    own = os.path.realpath(home.path)
    real = os.path.realpath(absolute)
    received = os.path.realpath(home.uploads)
    if (is_inside(real, own) and not is_inside(real, received)) or is_inside(own, real):
        raise LoupeError("ROOT_IN_HOME", f"'{text}' overlaps Loupe's own data in {own}.", path=text)
    found = survey(absolute)
    if found.unreadable.get(""):
        raise LoupeError("NO_PERMISSION", f"'{text}' may not be read. Check its owner.", path=text)
    with manifest.write() as tx:
        known = roots.rows(tx)
        around = _around(text, known)
        nested = next((root for root in known if is_inside(root["path"], text)), None)
        if around is None and nested is not None:
            raise LoupeError(
                "ROOT_NESTED", f"'{text}' lies around '{nested['path']}', which is watched already.", path=text
            )
        prefix = text[len(around["path"]) :].strip("/") if around else ""
        seen_before = {
            key
            for key, row in signatures.by_key(tx).items()
            if around and row["root_id"] == around["root_id"] and is_inside(f"/{row['rel_path']}", f"/{prefix}")
        }
        if found.photo_files == 0 and not seen_before:
            raise LoupeError("DIR_EMPTY", f"There is no photo in '{text}'.", path=text, skipped=found.skipped.total())
        root = around or roots.add(tx, text, partition_depth(found.folders, max_partitions))
    below = [f"{prefix}/{folder}".strip("/") for folder in (*found.folders, *found.unreadable)]
    keys = {partition_key(root["root_id"], root["path"], partition_folder(f, root["partition_depth"])) for f in below}
    return AddedRoot(
        root_id=root["root_id"],
        path=text,
        partition_keys=tuple(sorted(keys | seen_before)),
        photo_files=found.photo_files,
        total_bytes=found.photo_bytes,
        skipped=dict(found.skipped),
        new=around is None,
    )


def _around(path: str, known: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The watched folder that `path` is or lies in."""
    return next((root for root in known if is_inside(path, root["path"])), None)


def remove_root(manifest: Manifest, root_id: str) -> list[str]:
    """Stop watching a folder. Returns the photos that leave search by it; files, tags and collections stay."""
    with manifest.write() as tx:
        photo_ids = roots.remove(tx, root_id)
        outbox.push(tx, photo_ids, "paths")
    return photo_ids


def accept_missing(manifest: Manifest, root_id: str) -> int:
    """Believe that the files which vanished from a watched folder are gone for good. Returns how many.

    Raises `ROOT_OFFLINE` when the folder cannot be reached.
    """
    with manifest.read() as tx:
        keys = [key for key, row in signatures.by_key(tx).items() if row["root_id"] == root_id]
    report = take_inventory(manifest, keys, accept_missing=True)
    if report.offline_roots:
        raise LoupeError("ROOT_OFFLINE", f"{report.offline_roots[0]} cannot be reached now; nothing was removed.")
    return report.changes.gone


def take_inventory(
    manifest: Manifest,
    partition_keys: Sequence[str],
    *,
    accept_missing: bool = False,
    every_row: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> InventoryReport:
    """Compare these partitions with the disk and write the difference down. File contents are not read.

    A partition whose every file is as it was is not compared with its rows, unless `every_row`. A root that cannot be
    reached, and one that lost more than a quarter of its files at once or is an empty folder (the mount point of an
    unplugged disk), loses nothing here: its state says so ("offline", "vanished") and waits. What somebody else
    inventoried, moved or stopped watching while it was looked at is left as that one wrote it. `progress` hears how
    many partitions were looked at.
    """
    report = InventoryReport()
    wanted = set(partition_keys)
    with manifest.read() as tx:
        all_roots = roots.rows(tx)
        stored = signatures.by_key(tx)
    found: list[FoundPartition] = []
    scanned: dict[str, tuple[str, str]] = {}
    locked: list[tuple[str, str, str]] = []
    unused_rules: list[tuple[str, str, tuple[str, ...]]] = []
    emptied: set[str] = set()
    unchanged = 0
    for root in all_roots:
        path = from_text(root["path"])
        mine = {
            key: row
            for key, row in stored.items()
            if key in wanted
            and row["root_id"] == root["root_id"]
            # Not one from when the root had another name: its files are another partition's now.
            and key == partition_key(root["root_id"], root["path"], row["rel_path"])
        }
        if not mine:
            continue
        if not note_reach(manifest, root):
            report.offline_roots.append(root["path"])
            continue
        if not os.listdir(path):
            emptied.add(root["root_id"])
        news: list[FoundPartition] = []
        seen: dict[str, FolderLook] = {}
        for key, row in mine.items():
            look = look_at(path, row["rel_path"], root["partition_depth"])
            if _as_it_was(look, row) and not every_row:
                unchanged += look.file_count
            else:
                news.append(FoundPartition(root["root_id"], key, list(look.files())))
            seen[key] = replace(look, _directories=())
            progress(len(scanned) + len(seen))
        if not note_reach(manifest, root):  # unplugged while it was looked at: what was not found says nothing
            report.offline_roots.append(root["path"])
            continue
        found += news
        for key, look in seen.items():
            report.unreadable.update({f"{root['path']}/{rel}": why for rel, why in look.unreadable.items()})
            locked.extend((key, rel, why) for rel, why in look.unreadable.items())
            unused_rules.extend((key, rel, lines) for rel, lines in look.unused_rules.items())
            scanned[key] = (look.signature, look.full_signature)
    report.folders = len(scanned)
    with manifest.write() as tx:
        overtaken = signatures.overtaken(tx, all_roots, stored, {key: stored[key]["root_id"] for key in scanned})
        scanned = {key: pair for key, pair in scanned.items() if key not in overtaken}
        found = [each for each in found if each.partition_key not in overtaken]
        locked = [each for each in locked if each[0] not in overtaken]
        problems = [
            *(_folder_problem(stored[key], rel, "NO_PERMISSION", _LOCKED.format(why=why)) for key, rel, why in locked),
            *(
                _folder_problem(stored[key], rel, "IGNORE_RULE_UNUSED", f"Of its .loupeignore, {'; '.join(lines)}.")
                for key, rel, lines in unused_rules
                if key not in overtaken
            ),
        ]
        # What cannot be looked at is as it was.
        kept = {
            key: [file for at, rel, _ in locked if at == key for file in files.present_below(tx, key, rel)]
            for key in {key for key, _, _ in locked}
        }
        found = [replace(each, files=[*each.files, *kept.get(each.partition_key, ())]) for each in found]
        moved = files.follow_moves(tx, found) if found else 0
        losses = files.would_vanish(tx, found, _ONE_LOSS) if found else {}
        paths = {root["root_id"]: root["path"] for root in all_roots}
        report.vanished = {
            root_id: Loss(paths[root_id], gone, total)
            for root_id, (gone, total) in losses.items()
            if not accept_missing and _too_many(gone, total, root_id in emptied)
        }
        held_back = [each for each in found if each.root_id in report.vanished]
        applied = [each for each in found if each.root_id not in report.vanished]
        report.changes = _sum(
            [
                FolderChanges(unchanged=unchanged - moved, moved=moved),
                *([files.apply_inventory(tx, applied, remove_gone=True)] if applied else ()),
                *([files.apply_inventory(tx, held_back, remove_gone=False)] if held_back else ()),
            ]
        )
        failures.clear_folders(tx, list(scanned), [(each["root_id"], each["rel_path"]) for each in problems])
        failures.record(tx, problems)
        waiting_keys = {each.partition_key for each in held_back}
        signatures.inventoried(tx, {key: pair for key, pair in scanned.items() if key not in waiting_keys})
        # A root is whole again when none of its folders waits to be believed.
        waiting = {
            row["root_id"]
            for key, row in stored.items()
            if key not in scanned and row["inventoried_signature"] not in (None, row["signature"])
        }
        changed = False
        for root in all_roots:
            if root["root_id"] in report.vanished:
                changed |= roots.set_state(tx, root["root_id"], "vanished")
            elif (
                root["state"] == "vanished"
                and root["root_id"] not in waiting
                and any(stored[key]["root_id"] == root["root_id"] for key in scanned)
            ):
                changed |= roots.set_state(tx, root["root_id"], "online")
    if changed:
        _wake(manifest)
    return report


def _as_it_was(look: FolderLook, row: dict[str, Any]) -> bool:
    """Whether a partition's files are those of its last inventory."""
    return (
        not look.unreadable
        and row["inventoried_signature"] is not None
        and bool(row["full_signature"])
        and look.full_signature == row["full_signature"]
    )


def note_reach(manifest: Manifest, root: dict[str, Any]) -> bool:
    """Whether the root can be reached now; its state says so from then on."""
    here = reachable(from_text(root["path"]))
    if not here:
        set_root_state(manifest, root, "offline")
    elif root["state"] == "offline":
        set_root_state(manifest, root, "online")
    return here


def note_reach_of_all(manifest: Manifest) -> None:
    """`note_reach` of every watched folder: for commands that answer while nobody watches."""
    with manifest.read() as tx:
        watched = roots.rows(tx)
    for root in watched:
        note_reach(manifest, root)


def set_root_state(manifest: Manifest, root: dict[str, Any], state: str) -> None:
    """Change a root's state in a transaction of its own, if it is another one, and wake the index's owner."""
    if root["state"] == state:
        return
    with manifest.write() as tx:
        roots.set_state(tx, root["root_id"], state)
    root["state"] = state
    _wake(manifest)


def _wake(manifest: Manifest) -> None:
    from resources.vector_index import wake

    wake(manifest.home)


def _folder_problem(signature: dict[str, Any], rel_folder: str, code: str, message: str) -> dict[str, Any]:
    """The row of `failures` of a folder."""
    return {
        "root_id": signature["root_id"],
        "rel_path": rel_folder,
        "partition_key": signature["partition_key"],
        "sha256": None,
        "size_bytes": None,
        "mtime_ns": None,
        "stage": "file_inventory",
        "code": code,
        "message": message,
        "decoder_version": "",
        "page": 1,
    }


def _too_many(gone: int, total: int, emptied: bool) -> bool:
    return gone > 0 and (emptied or (gone >= MASS_VANISH_FILES and gone > total * MASS_VANISH_SHARE))


def _sum(parts: Sequence[FolderChanges]) -> FolderChanges:
    names = FolderChanges.__dataclass_fields__
    return FolderChanges(**{name: sum(getattr(part, name) for part in parts) for name in names})
