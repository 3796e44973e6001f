"""Where the original of a photo can be read now: a regular file that, links resolved, lies in a watched folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from resources.folders import from_text
from resources.manifest import Manifest, roots

__all__ = ["Original", "opened", "original", "reachable", "watched_folders"]


@dataclass(frozen=True)
class Original:
    """A file: `path` with its links resolved, as the system takes it; `name` as in the library; size and mtime now."""

    path: str
    name: str
    size_bytes: int
    mtime: float


def opened(file: Original) -> BinaryIO | None:
    """The file to read; None when it cannot be opened any more, or became a link meanwhile."""
    try:
        return os.fdopen(os.open(file.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")
    except OSError:
        return None


def watched_folders(manifest: Manifest) -> list[str]:
    """The watched folders, links resolved."""
    with manifest.read() as tx:
        return [os.path.realpath(from_text(root["path"])) for root in roots.rows(tx)]


def reachable(paths: Iterable[str], folders: Sequence[str]) -> Original | None:
    """The first of these absolute paths (as stored) that is a readable file in one of `folders`."""
    return next((found for found in (original(path, folders) for path in paths) if found), None)


def original(path: str, folders: Sequence[str]) -> Original | None:
    """The file at an absolute path as stored, None when it is not there or not in one of `folders`."""
    real = os.path.realpath(from_text(path))
    if not any(os.path.commonpath([real, folder]) == folder for folder in folders):
        return None
    try:
        found = os.stat(real)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) or not os.access(real, os.R_OK):
        return None
    return Original(real, os.path.basename(path), found.st_size, found.st_mtime)
