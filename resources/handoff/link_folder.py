"""A folder of symbolic links to photos: for programs that take a folder. Nothing in it is overwritten, nothing outside
it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from resources.errors import LoupeError
from resources.folders import from_text, to_text
from resources.handoff.safe_names import SafeNames
from resources.home import storage_error

__all__ = ["Linked", "link_folder", "link_pictures"]


@dataclass(frozen=True)
class Linked:
    """How many links were `made`, how many were `there` already, and the paths that are `missing` now."""

    made: int
    there: int
    missing: tuple[str, ...]


def link_folder(folder: str, paths: Iterable[str], watched: Sequence[str]) -> Linked:
    """Link each of these files (absolute, as stored) into `folder`, which is made if it is not there.

    What stands in the folder stays: another name is taken beside it, and a link to the same file counts as `there`.
    Links in `watched` folders (links resolved) would come in as photos themselves. Raises `INVALID_REQUEST` for such a
    folder and for what is no folder, `DISK_FULL`, `HOME_NOT_WRITABLE`.
    """
    real = {os.path.realpath(from_text(path)): os.path.basename(path) for path in paths}  # a document's pages are one
    return link_pictures(folder, ((name, path) for path, name in real.items()), watched)


def link_pictures(folder: str, files: Iterable[tuple[str, str]], watched: Sequence[str]) -> Linked:
    """As `link_folder`, of (name to give, path as the system takes it)."""
    made = there = 0
    missing: list[str] = []
    names = SafeNames()
    with _opened(folder, watched) as held:
        for name, path in files:
            target = os.path.realpath(path)
            if not os.path.isfile(target):
                missing.append(to_text(path))
            elif _link(held, target, name, names):
                made += 1
            else:
                there += 1
    return Linked(made, there, tuple(missing))


@contextmanager
def _opened(folder: str, watched: Sequence[str]) -> Iterator[int]:
    """The folder held open, so that every link is made inside it by name alone: wherever its path leads meanwhile."""
    real = os.path.realpath(folder)
    if any(os.path.commonpath([real, root]) == root for root in watched):
        raise LoupeError("INVALID_REQUEST", f"'{folder}' is in a watched folder; links there would come in as photos.")
    try:
        os.makedirs(real, exist_ok=True)
        held = os.open(real, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except (FileExistsError, NotADirectoryError) as error:
        raise LoupeError("INVALID_REQUEST", f"'{folder}' is no folder.") from error
    except OSError as error:
        raise storage_error(error, Path(real)) from error
    try:
        yield held
    except OSError as error:
        raise storage_error(error, Path(real)) from error
    finally:
        os.close(held)


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
