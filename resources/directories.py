"""The folders of this machine that a person can choose from, below configured roots alone.

Belongs here: listing folders and telling whether one may be listed. Not here: watched folders (`folders`, `inventory`).
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from resources.errors import LoupeError
from resources.folder_probe import answers
from resources.folders import folder_skip_reason, from_text, is_inside, to_text
from resources.imaging import kind_by_name
from resources.settings import Settings

__all__ = ["Listed", "ListedFolder", "browse_roots", "check_offered", "list_directories"]

_MOST_FOLDERS = 2000
# Entries that are looked at to count a folder's photos; a larger one has "many".
_MOST_COUNTED = 2000
# And of all folders of a listing: a directory of a network share costs a millisecond and more.
_MOST_COUNTED_IN_ALL = 50_000
_MEDIA = ("/media", "/run/media", "/mnt", "/Volumes")


@dataclass(frozen=True)
class ListedFolder:
    """`path` is absolute text. `photos` counts names in it, not below; None when it holds too many to count here."""

    name: str
    path: str
    hidden: bool
    readable: bool
    photos: int | None


@dataclass(frozen=True)
class Listed:
    """`path` and `parent` None: the roots, or at a root."""

    path: str | None
    parent: str | None
    folders: tuple[ListedFolder, ...]
    more: bool


def browse_roots(settings: Settings) -> list[Path]:
    """The configured roots, else the home directory and mounted media: those that are there, links resolved."""
    chosen = list(settings.browse_roots) or [Path.home(), *_mounted_media()]
    return [path for path in _resolved(chosen) if answers(str(path)) and path.is_dir()]


def list_directories(settings: Settings, path: str | None) -> Listed:
    """The folders in `path`, or the roots.

    A folder that is a link is listed when it leads to a place inside the roots.
    Raises `DIR_NOT_ALLOWED`, whether or not the folder exists, `DIR_NOT_FOUND`, `NOT_A_DIRECTORY`, `NO_PERMISSION`.
    """
    roots = [str(root) for root in browse_roots(settings)]
    left = _MOST_COUNTED_IN_ALL
    if path is None:
        return Listed(None, None, tuple(_listed(root, root, left) for root in roots), False)
    if "\0" in path or not os.path.isabs(path):
        raise LoupeError("DIR_NOT_ALLOWED", "Give the absolute path of a folder that is offered.")
    real = os.path.realpath(from_text(path))
    if not _allowed(real, roots):
        raise LoupeError("DIR_NOT_ALLOWED", "This folder is not among those that may be looked into.")
    text = to_text(real)
    try:
        with os.scandir(real) as entries:
            found = [(entry.name, entry.path) for entry in entries if _leads_to_folder(entry, roots)]
    except PermissionError as error:
        raise LoupeError("NO_PERMISSION", f"'{text}' may not be read. Check its owner.", path=text) from error
    except NotADirectoryError as error:
        raise LoupeError("NOT_A_DIRECTORY", f"'{text}' is a file. Give the folder that holds it.", path=text) from error
    except OSError as error:
        raise LoupeError("DIR_NOT_FOUND", f"There is no folder '{text}'.", path=text) from error
    found.sort(key=lambda each: (each[0].startswith("."), each[0].casefold(), each[0]))
    listed: list[ListedFolder] = []
    for name, where in found[:_MOST_FOLDERS]:
        one = _listed(name, where, left)
        left -= one.photos if one.photos is not None else _MOST_COUNTED
        listed.append(one)
    parent = None if real in roots else os.path.dirname(real)
    return Listed(text, to_text(parent) if parent else None, tuple(listed), len(found) > _MOST_FOLDERS)


def check_offered(settings: Settings, path: str) -> None:
    """Raises `DIR_NOT_ALLOWED` for a folder outside the roots that were configured; without any, all are allowed.

    `ROOT_OFFLINE` when it does not answer within seconds: whoever looks at it afterwards does not hang.
    """
    given = os.path.abspath(os.path.expanduser(from_text(path)))
    if not answers(given):
        text = to_text(given)
        raise LoupeError(
            "ROOT_OFFLINE", f"'{text}' does not answer. Is the disk or the share it is on awake? Try again.", path=text
        )
    chosen = [str(root) for root in _resolved(settings.browse_roots)]
    if chosen and ("\0" in path or not _allowed(os.path.realpath(given), chosen)):
        raise LoupeError("DIR_NOT_ALLOWED", "This folder is not among those that may be watched.")


def _resolved(roots: Sequence[Path]) -> list[Path]:
    """Each once, links resolved, those too whose disk is away; of one that does not answer the path as it was given."""
    return list(dict.fromkeys(Path(os.path.realpath(path)) if answers(str(path)) else path for path in roots))


def _allowed(real: str, roots: list[str]) -> bool:
    return any(is_inside(real, root) for root in roots)


def _leads_to_folder(entry: os.DirEntry[str], roots: list[str]) -> bool:
    if folder_skip_reason(entry.name):
        return False
    try:
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            return _allowed(real, roots) and stat.S_ISDIR(os.stat(real).st_mode)
        return entry.is_dir()
    except OSError:
        return False


def _listed(name: str, path: str, left: int) -> ListedFolder:
    readable = os.access(path, os.R_OK | os.X_OK)
    photos: int | None = 0
    if readable:
        try:
            with os.scandir(path) as entries:
                names = [entry.name for entry in itertools.islice(entries, min(_MOST_COUNTED, max(0, left)) + 1)]
            many = len(names) > min(_MOST_COUNTED, max(0, left))
            photos = None if many else sum(kind_by_name(each) == "photo" for each in names)
        except OSError:
            readable = False
    return ListedFolder(to_text(name), to_text(path), name.startswith("."), readable, photos)


def _mounted_media() -> list[Path]:
    mounted = [Path(disk.mountpoint) for disk in psutil.disk_partitions(all=True)]
    return [path for path in mounted if any(is_inside(str(path), place) for place in _MEDIA)]
