"""Watched folders by name: paths as text, which folders are passed over, and how a tree is cut into partitions.

Not here: what stands in a folder (`folder_scan`) or in the manifest (`inventory`).

Paths are kept as text. File systems allow names that are not UTF-8; Python shows their bytes as lone surrogates, which
no database stores, so these map one to one to the private-use characters U+F780..U+F7FF (as MirBSD and Cygwin do). A
name that has such a character itself is kept by the bytes of its UTF-8 form.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from resources.errors import LoupeError

__all__ = [
    "MAX_DEPTH",
    "check_root",
    "folder_level",
    "folder_of",
    "folder_skip_reason",
    "from_text",
    "is_inside",
    "partition_depth",
    "partition_folder",
    "partition_key",
    "stored_mtime_ns",
    "to_text",
]

_SKIPPED_FOLDERS = {
    ".loupe-uploads": "uploads that are not whole",
    "@eadir": "NAS index folder",
    "#recycle": "recycle bin",
    "$recycle.bin": "recycle bin",
    "lost+found": "file system folder",
    "system volume information": "file system folder",
}
_SKIPPED_FOLDER_PATTERNS = (
    (re.compile(r"^\.trash", re.IGNORECASE), "recycle bin"),
    (re.compile(r"\.lrdata$", re.IGNORECASE), "Lightroom previews"),
    (re.compile(r"\.photoslibrary$", re.IGNORECASE), "Apple Photos library"),
)
_ESCAPED = re.compile("[\udc80-\udcff\uf780-\uf7ff]")
_ESCAPES = re.compile("[\uf780-\uf7ff]")
# Deeper than any tree that a person makes; a bind mount or hard link loop ends here.
MAX_DEPTH = 64


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or stands below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def to_text(path: str) -> str:
    """A path as the operating system gives it, as text that can be stored."""
    if path.isascii():
        return path
    return _ESCAPED.sub(lambda found: "".join(chr(0xF700 + byte) for byte in os.fsencode(found[0])), path)


def from_text(text: str) -> str:
    """The inverse of `to_text`."""
    if not _ESCAPES.search(text):
        return text
    return os.fsdecode(os.fsencode(_ESCAPES.sub(lambda found: chr(ord(found[0]) - 0xF700 + 0xDC00), text)))


def stored_mtime_ns(info: os.stat_result) -> int:
    """A file's mtime as 64 bits hold it: a zero date of another system lies before 1677."""
    return max(-(1 << 63), min(info.st_mtime_ns, (1 << 63) - 1))


def folder_of(rel_path: str) -> str:
    """The folder part of a relative path, "" for the root itself."""
    return rel_path.rpartition("/")[0]


def partition_folder(rel_folder: str, depth: int) -> str:
    """The folder whose partition holds `rel_folder`: at most `depth` deep, and never inside a skipped folder."""
    parts = rel_folder.split("/")[:depth] if rel_folder else []
    for number, part in enumerate(parts):
        if folder_skip_reason(part):
            parts = parts[:number]
            break
    return "/".join(parts)


def partition_key(root_id: str, root_path: str, folder: str) -> str:
    """`slug~hash`: a name a person recognises and 10 hex digits of the hash of (root, relative path)."""
    name = folder or os.path.basename(root_path.rstrip("/")) or "root"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[-60:].strip("-") or "folder"
    digest = hashlib.sha256(f"{root_id}\0{folder}".encode()).hexdigest()
    return f"{slug}~{digest[:10]}"


def check_root(path: str | Path) -> Path:
    """The absolute path of a folder that can be watched.

    Raises `DIR_NOT_FOUND`, `NOT_A_DIRECTORY` or `NO_PERMISSION`.
    """
    absolute = Path(os.path.abspath(os.path.expanduser(path)))
    text = to_text(str(absolute))
    locked = LoupeError("NO_PERMISSION", f"'{text}' may not be read. Check its owner.", path=text)
    try:
        mode = absolute.stat().st_mode
    except PermissionError as error:
        raise locked from error
    except (OSError, ValueError) as error:  # a value error: no name can hold a NUL
        raise LoupeError("DIR_NOT_FOUND", f"There is no folder '{text}'.", path=text) from error
    if not stat.S_ISDIR(mode):
        raise LoupeError("NOT_A_DIRECTORY", f"'{text}' is a file. Give the folder that holds it.", path=text)
    if not os.access(absolute, os.R_OK | os.X_OK):
        raise locked
    return absolute


def partition_depth(folders: Sequence[str], max_partitions: int) -> int:
    """The greatest depth at which rolling up `folders` gives at most `max_partitions` partitions."""
    if len(folders) <= max_partitions:
        return MAX_DEPTH
    deepest = max(folder_level(folder) for folder in folders)
    for depth in range(deepest, 0, -1):
        if len({partition_folder(folder, depth) for folder in folders}) <= max_partitions:
            return depth
    return 0


def folder_level(folder: str) -> int:
    """How deep a relative folder stands, 0 for the root itself."""
    return folder.count("/") + 1 if folder else 0


def folder_skip_reason(name: str) -> str | None:
    """Why a folder of this name is not taken in, None when it is."""
    exact = _SKIPPED_FOLDERS.get(name.lower())
    return exact or next((reason for pattern, reason in _SKIPPED_FOLDER_PATTERNS if pattern.search(name)), None)
