"""A folder of symbolic links to photos: for programs that take a folder. Nothing in it is overwritten, nothing outside
it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resources.errors import LoupeError
from resources.folders import from_text
from resources.handoff.safe_names import SafeNames
from resources.home import storage_error

__all__ = ["Linked", "link_folder"]


@dataclass(frozen=True)
class Linked:
    """How many links were `made`, how many were `there` already, and the paths that are `missing` now."""

    made: int
    there: int
    missing: tuple[str, ...]


def link_folder(folder: str, paths: Iterable[str], watched: Sequence[str]) -> Linked:
    """Link each of these files (absolute, as stored) into `folder`, which is made if it is not there.

    What stands in the folder stays: another name is taken beside it, and a link to the same file counts as made. Links
    in `watched` folders (links resolved) would come in as photos themselves. Raises `INVALID_REQUEST` for such a folder
    and for what is no folder, `DISK_FULL`, `HOME_NOT_WRITABLE`.
    """
    real = os.path.realpath(folder)
    if any(os.path.commonpath([real, root]) == root for root in watched):
        raise LoupeError("INVALID_REQUEST", f"'{folder}' is in a watched folder; links there would come in as photos.")
    try:
        os.makedirs(real, exist_ok=True)
        # Held open, and every link made inside it by name alone: wherever the path leads meanwhile, this is the folder.
        held = os.open(real, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except (FileExistsError, NotADirectoryError) as error:
        raise LoupeError("INVALID_REQUEST", f"'{folder}' is no folder.") from error
    except OSError as error:
        raise storage_error(error, real) from error  # type: ignore[arg-type]
    made = there = 0
    missing: list[str] = []
    names, seen = SafeNames(), set[str]()
    try:
        for path in paths:
            target = os.path.realpath(from_text(path))
            if target in seen:
                continue
            seen.add(target)
            if not os.path.isfile(target):
                missing.append(path)
            elif _link(held, target, os.path.basename(path), names):
                made += 1
            else:
                there += 1
    except OSError as error:
        raise storage_error(error, real) from error  # type: ignore[arg-type]
    finally:
        os.close(held)
    return Linked(made, there, tuple(missing))


def _link(held: int, target: str, file_name: str, names: SafeNames) -> bool:
    """Whether a link was made; False when there is one to this file."""
    while True:
        name = names.take(file_name)
        try:
            os.symlink(target, name, dir_fd=held)
            return True
        except FileExistsError:
            try:
                if os.readlink(name, dir_fd=held) == target:
                    return False
            except OSError:
                continue  # no link: somebody's own file
