"""Watched folders on disk: scanning without reading contents, partition keys, and the sensor's cheap signatures.

Belongs here: what `os.scandir` and `stat` can tell. Not here: rows (the manifest) or pixels (imaging).

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pathspec

from resources.errors import LoupeError
from resources.imaging import kind_by_name
from resources.sidecars import sidecar_candidates

__all__ = [
    "FolderScan",
    "check_root",
    "folder_of",
    "from_text",
    "partition_depth",
    "partition_folder",
    "partition_key",
    "scan_partition",
    "scan_signatures",
    "scan_tree",
    "to_text",
]

IGNORE_FILE = ".loupeignore"
_SKIPPED_FOLDERS = {
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
_REASON_BY_KIND = {"sidecar": "sidecar", "video": "video", "document": "not a photo by its name"}
_ESCAPED = re.compile("[\udc80-\udcff\uf780-\uf7ff]")
_ESCAPES = re.compile("[\uf780-\uf7ff]")
# Deeper than any tree that a person makes; a bind mount or hard link loop ends here.
_MAX_DEPTH = 64


def to_text(path: str) -> str:
    """A path as the operating system gives it, as text that can be stored."""
    return _ESCAPED.sub(lambda found: "".join(chr(0xF700 + byte) for byte in os.fsencode(found[0])), path)


def from_text(text: str) -> str:
    """The inverse of `to_text`."""
    if not _ESCAPES.search(text):
        return text
    return os.fsdecode(os.fsencode(_ESCAPES.sub(lambda found: chr(ord(found[0]) - 0xF700 + 0xDC00), text)))


def folder_of(rel_path: str) -> str:
    """The folder part of a relative path, "" for the root itself."""
    return rel_path.rpartition("/")[0]


def partition_folder(rel_folder: str, depth: int) -> str:
    """The folder whose partition holds `rel_folder`: at most `depth` deep, and never inside a skipped folder."""
    parts = rel_folder.split("/")[:depth] if rel_folder else []
    for number, part in enumerate(parts):
        if _folder_skip_reason(part):
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


@dataclass(frozen=True)
class FolderScan:
    """What stands in one partition or tree.

    `files` has the columns of the manifest's `files` that a scan can know; `folders` are those with any file;
    `unreadable` maps folders to the operating system's reason; the signatures are hex digests.
    """

    files: list[dict[str, Any]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    signature: str = ""
    full_signature: str = ""

    @property
    def photo_files(self) -> int:
        """Files that are not skipped."""
        return sum(row["skip_reason"] is None for row in self.files)


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
    except OSError as error:
        raise LoupeError("DIR_NOT_FOUND", f"There is no folder '{text}'.", path=text) from error
    if not stat.S_ISDIR(mode):
        raise LoupeError("NOT_A_DIRECTORY", f"'{text}' is a file. Give the folder that holds it.", path=text)
    if not os.access(absolute, os.R_OK | os.X_OK):
        raise locked
    return absolute


def partition_depth(folders: Sequence[str], max_partitions: int) -> int:
    """The greatest depth at which rolling up `folders` gives at most `max_partitions` partitions."""
    if len(folders) <= max_partitions:
        return _MAX_DEPTH
    deepest = max(_level(folder) for folder in folders)
    for depth in range(deepest, 0, -1):
        if len({partition_folder(folder, depth) for folder in folders}) <= max_partitions:
            return depth
    return 0


def scan_tree(root: str | Path) -> FolderScan:
    """Everything under `root`: one `scandir` and one `stat` a file, no contents, no links to folders followed."""
    return _collect(_walk(os.fspath(root), "", recursive=True))


def scan_partition(root: str, folder: str, depth: int) -> FolderScan:
    """The files of one partition: those of `folder` itself, and of all below it when it stands at `depth`.

    A folder that is gone has no files and the signature ""; one that cannot be read is in `unreadable`.
    """
    path = os.path.join(root, from_text(folder)) if folder else root
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            return FolderScan()
    except (FileNotFoundError, NotADirectoryError):
        return FolderScan()
    except OSError as error:  # also when a folder above it is locked
        return FolderScan(unreadable={folder: error.strerror or "unreadable"})
    return _collect(_walk(root, folder, recursive=_level(folder) >= depth))


def scan_signatures(root: str | Path, depth: int) -> dict[str, str]:
    """The cheap signature of each partition folder under `root`: directory mtimes and entry counts, no file is touched.

    Equal to `FolderScan.signature` while nothing was added, removed or renamed.
    """
    grouped: dict[str, list[_Directory]] = {}
    for directory in _walk(os.fspath(root), "", recursive=True, with_rules=False):
        if directory.error is None and directory.has_files:
            grouped.setdefault(partition_folder(directory.rel, depth), []).append(directory)
    return {folder: _signature(directories) for folder, directories in grouped.items()}


@dataclass(frozen=True)
class _Directory:
    rel: str
    mtime_ns: int
    entries: list[os.DirEntry[str]]
    has_files: bool
    rules: list[tuple[str, pathspec.GitIgnoreSpec]]
    skipped_as: str | None
    error: str | None = None


def _level(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def _signature(directories: Sequence[_Directory]) -> str:
    if not directories:
        return ""  # nothing there any more, whether or not an empty folder is left
    digest = hashlib.sha256()
    for directory in sorted(directories, key=lambda each: each.rel):
        digest.update(f"{directory.rel}\0{directory.mtime_ns}\0{len(directory.entries)}\n".encode())
    return digest.hexdigest()


def _walk(root: str, start: str, *, recursive: bool, with_rules: bool = True) -> Iterator[_Directory]:
    """Directories from `start` down. Without `recursive` only `start` and the skipped folders below it."""
    rules = _rules_above(root, start) if with_rules else []
    stack: list[tuple[str, list[tuple[str, pathspec.GitIgnoreSpec]], str | None]] = [(start, rules, None)]
    while stack:
        rel, rules, skipped_as = stack.pop()
        path = os.path.join(root, from_text(rel)) if rel else root
        try:
            with os.scandir(path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
            mtime_ns = os.stat(path).st_mtime_ns
        except OSError as error:
            yield _Directory(rel, 0, [], False, rules, skipped_as, error.strerror or "unreadable")
            continue
        if with_rules and any(entry.name == IGNORE_FILE for entry in listed):
            own = _rules_in(path, rel)
            rules = [*rules, own] if own else rules
        children = [entry for entry in listed if _is_folder(entry)]
        yield _Directory(rel, mtime_ns, listed, len(children) < len(listed), rules, skipped_as)
        for entry in reversed(children):
            child_skipped_as = skipped_as or _folder_skip_reason(entry.name)
            if (recursive or child_skipped_as) and _level(rel) < _MAX_DEPTH:
                child = f"{rel}/{to_text(entry.name)}" if rel else to_text(entry.name)
                stack.append((child, rules, child_skipped_as))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _collect(walked: Iterator[_Directory]) -> FolderScan:
    files: list[dict[str, Any]] = []
    directories: list[_Directory] = []
    unreadable: dict[str, str] = {}
    full = hashlib.sha256()
    for directory in walked:
        if directory.error:
            unreadable[directory.rel] = directory.error
        elif directory.has_files:
            directories.append(directory)
            here = _files_of(directory)
            files.extend(here)
            for row in here:
                facts = (row["rel_path"], row["size_bytes"], row["mtime_ns"])
                full.update("\0".join(map(str, facts)).encode() + b"\n")
    folders = [directory.rel for directory in directories]
    return FolderScan(files, folders, unreadable, _signature(directories), full.hexdigest())


def _files_of(directory: _Directory) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    sidecars: dict[str, tuple[str, int, int]] = {}
    for entry in directory.entries:
        if _is_folder(entry):
            continue
        try:
            info = entry.stat()  # follows a link to a file: the photo may live elsewhere
        except OSError:
            info = None
        name = to_text(entry.name)
        rel_path = f"{directory.rel}/{name}" if directory.rel else name
        regular = info is not None and stat.S_ISREG(info.st_mode)
        reason = (
            directory.skipped_as
            or ("broken link" if info is None else None)
            or ("link to a folder" if info is not None and stat.S_ISDIR(info.st_mode) else None)
            or (None if regular else "not a regular file")
            or _file_skip_reason(entry.name)
            or ("ignored by .loupeignore" if _ignored(rel_path, directory.rules) else None)
        )
        size, mtime = (info.st_size, info.st_mtime_ns) if info is not None else (0, 0)
        if reason == "sidecar" and name.lower().endswith(".xmp"):
            sidecars[name.lower()] = (rel_path, mtime, size)
        rows.append(
            {
                "rel_path": rel_path,
                "size_bytes": size,
                "mtime_ns": mtime,
                "sidecar": None,
                "sidecar_mtime_ns": None,
                "sidecar_size": None,
                "skip_reason": reason,
            }
        )
    if sidecars:
        for row in rows:
            if row["skip_reason"] is None:
                names = sidecar_candidates(row["rel_path"].rpartition("/")[2])
                if found := next((sidecars[name] for name in names if name in sidecars), None):
                    row["sidecar"], row["sidecar_mtime_ns"], row["sidecar_size"] = found
    return rows


def _folder_skip_reason(name: str) -> str | None:
    exact = _SKIPPED_FOLDERS.get(name.lower())
    return exact or next((reason for pattern, reason in _SKIPPED_FOLDER_PATTERNS if pattern.search(name)), None)


def _file_skip_reason(name: str) -> str | None:
    if name.startswith("._"):
        return "macOS resource fork"
    if name == IGNORE_FILE:
        return "Loupe's own file"
    return _REASON_BY_KIND.get(kind_by_name(name))


def _rules_in(path: str, rel: str) -> tuple[str, pathspec.GitIgnoreSpec] | None:
    try:
        with open(os.path.join(path, IGNORE_FILE), encoding="utf-8", errors="replace") as lines:
            return rel, pathspec.GitIgnoreSpec.from_lines(lines)
    except OSError:
        return None


def _rules_above(root: str, start: str) -> list[tuple[str, pathspec.GitIgnoreSpec]]:
    parts = start.split("/") if start else []
    above = ["/".join(parts[:count]) for count in range(len(parts))]
    found = (_rules_in(os.path.join(root, from_text(rel)) if rel else root, rel) for rel in above)
    return [rule for rule in found if rule]


def _ignored(rel_path: str, rules: list[tuple[str, pathspec.GitIgnoreSpec]]) -> bool:
    return any(spec.match_file(rel_path[len(rel) + 1 if rel else 0 :]) for rel, spec in rules)
