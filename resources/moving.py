"""A person says that a folder stands elsewhere now: paths change, and nothing is read.

Without this a move between folders that are watched is found by itself (`manifest.files.follow_moves`), and files are
read once to hash where name, size and time do not say for certain which one it was. A watched folder that moves as a
whole, or a disk under another name, is only found by this.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.errors import LoupeError
from resources.folders import check_root, folder_of, from_text, is_inside, partition_folder, partition_key, to_text
from resources.manifest import Manifest, Transaction, files, outbox, photos, roots, signatures
from resources.manifest.files import Relocated

__all__ = ["MovedFolder", "move_folder"]

# Files looked for at the new place before it is believed, and the share that must be there with the same size.
_SAMPLE = 200
_LEAST_FOUND = 0.5


@dataclass(frozen=True)
class MovedFolder:
    """What a move changed: watched folders that stand elsewhere, files, and photos whose paths changed."""

    old: str
    new: str
    roots: int
    files: int
    photos: int


def move_folder(manifest: Manifest, old: str, new: str) -> MovedFolder:
    """Note that the folder `old`, watched or part of what is watched, stands at `new`.

    Watched folders that are `old` or lie in it move as a whole. A part of a watched folder can move to any place that
    is watched. What had been missing stays so. Raises `ROOT_NOT_FOUND` when nothing at `old` is known, `DIR_NOT_FOUND`
    and the like when `new` is no folder, `ROOT_NESTED` when it would lie around or in another watched folder, and
    `MOVE_NOT_FOUND` when the files are not there.
    """
    target = to_text(str(check_root(new)))
    source = to_text(os.path.abspath(os.path.expanduser(old)))
    with manifest.read() as tx:
        watched = roots.rows(tx)
        whole = [root for root in watched if is_inside(root["path"], source)]
        part = next((root for root in watched if root not in whole and is_inside(source, root["path"])), None)
        if not whole and part is None:
            raise LoupeError("ROOT_NOT_FOUND", f"'{source}' is no watched folder and lies in none.", path=source)
        moves = (
            _whole_roots(tx, whole, watched, source, target)
            if whole
            else _part_of_root(tx, part or {}, watched, source, target)
        )
    paths = {root["root_id"]: root["path"] for root in watched}
    paths |= {root["root_id"]: target + root["path"][len(source) :] for root in whole}
    _check_files(source, target, [(os.path.join(paths[move.new_root_id], move.new_rel_path), move) for move in moves])
    with manifest.write() as tx:
        for root in whole:
            root_id, path = root["root_id"], paths[root["root_id"]]
            roots.set_path(tx, root_id, path)
            # The partition of the root's own files is named after the root.
            signatures.relabel(
                tx, root_id, {partition_key(root_id, root["path"], ""): partition_key(root_id, path, "")}
            )
            roots.set_state(tx, root["root_id"], "online")
        shown = photos.of_documents(tx, files.relocate(tx, moves))
        outbox.push(tx, shown, "paths")
    return MovedFolder(source, target, len(whole), len(moves), len(shown))


def _whole_roots(
    tx: Transaction, whole: Sequence[Mapping[str, Any]], watched: Sequence[Mapping[str, Any]], source: str, target: str
) -> list[Relocated]:
    moves: list[Relocated] = []
    for root in whole:
        path = target + root["path"][len(source) :]
        others = [other["path"] for other in watched if other not in whole]
        around = next((other for other in others if is_inside(path, other) or is_inside(other, path)), None)
        if around is not None:
            raise LoupeError(
                "ROOT_NESTED", f"'{path}' lies inside, or around, '{around}', which is watched.", path=path
            )
        moves += _relocated(tx, root, "", {**root, "path": path}, "")
    return moves


def _part_of_root(
    tx: Transaction, root: Mapping[str, Any], watched: Sequence[Mapping[str, Any]], source: str, target: str
) -> list[Relocated]:
    into = next((other for other in watched if is_inside(target, other["path"])), None)
    if into is None:
        raise LoupeError(
            "ROOT_NOT_FOUND",
            f"'{target}' is not watched. Add it with `loupe folders add`: its photos are then found by their content.",
            path=target,
        )
    inside = target[len(into["path"]) :].strip("/")
    moves = _relocated(tx, root, source[len(root["path"]) :].strip("/"), into, inside)
    if not moves:
        raise LoupeError("ROOT_NOT_FOUND", f"No photo of '{source}' is known.", path=source)
    return moves


def _relocated(
    tx: Transaction, root: Mapping[str, Any], old_folder: str, into: Mapping[str, Any], new_folder: str
) -> list[Relocated]:
    """Each file below `old_folder` of `root` and where it stands below `new_folder` of `into`."""
    keys: dict[str, str] = {}

    def key(folder: str) -> str:
        if folder not in keys:
            inside = partition_folder(folder, into["partition_depth"])
            keys[folder] = partition_key(into["root_id"], into["path"], inside)
        return keys[folder]

    moves = []
    for rel_path, size_bytes in files.below(tx, root["root_id"], old_folder):
        rest = rel_path[len(old_folder) :].lstrip("/") if old_folder else rel_path
        moved = f"{new_folder}/{rest}" if new_folder else rest
        moves.append(Relocated(root["root_id"], rel_path, into["root_id"], moved, key(folder_of(moved)), size_bytes))
    return moves


def _check_files(source: str, target: str, moved: Sequence[tuple[str, Relocated]]) -> None:
    """A typing error must not lose a library: some of the files are looked for. Raises `MOVE_NOT_FOUND`."""
    sample = moved[:: max(1, len(moved) // _SAMPLE)][:_SAMPLE]
    found = sum(_stands_at(path, move.size_bytes) for path, move in sample)
    if sample and found < _LEAST_FOUND * len(sample):
        raise LoupeError(
            "MOVE_NOT_FOUND",
            f"Of {len(sample)} files looked for, {found} are in '{target}' as in '{source}'. Nothing was changed.",
            looked_for=len(sample),
            found=found,
        )


def _stands_at(path: str, size_bytes: int) -> bool:
    try:
        return os.stat(from_text(path)).st_size == size_bytes
    except OSError:
        return False
