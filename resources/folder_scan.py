"""What stands in a watched folder, as `os.scandir` and `stat` tell it: files, why some are skipped, and signatures.

No contents are read but those of `.loupeignore`. Two signatures say whether a folder is as it was: the cheap one from
directories alone (their mtimes and entry counts), the full one from every file's name, size and mtime. Rows are made
only of folders that differ, so that looking through a library where nothing changed costs little more than `stat`.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import pathspec

from resources.folders import (
    MAX_DEPTH,
    folder_level,
    folder_skip_reason,
    from_text,
    partition_folder,
    stored_mtime_ns,
    to_text,
)
from resources.imaging import DECODER_VERSION, kind_by_name
from resources.sidecars import sidecar_candidates
from resources.wording import counted

__all__ = ["FolderLook", "FolderMemory", "FoundFile", "Survey", "look_at", "survey"]

IGNORE_FILE = ".loupeignore"
_REASON_BY_KIND = {"sidecar": "sidecar", "video": "video", "document": "not a photo by its name"}
_MAX_RULES_BYTES = 1 << 20
# Time grows with the length of a name to the power of its pattern's wildcards: a dozen, and one name takes minutes.
_MAX_WILDCARDS = 4
_WILDCARD = re.compile(r"\*+")
# Lines that cannot be used are told by so many and so far: the file may be no list of patterns at all.
_MOST_NAMED, _MOST_QUOTED = 5, 80
# A directory's mtime can stand still while it changes, for as long as its file system's clock ticks (2 s on FAT).
_MTIME_GRAIN_NS = 4_000_000_000


class FoundFile(NamedTuple):
    """A file as a scan finds it: the columns of the manifest's `files` that it can know."""

    rel_path: str
    size_bytes: int
    mtime_ns: int
    sidecar: str | None
    sidecar_mtime_ns: int | None
    sidecar_size: int | None
    skip_reason: str | None


class _Rules(NamedTuple):
    """The `.loupeignore` of one folder. `unused` says which of its lines have no effect, and why:
    the first five, and how many others.

    `patterns`, the last line's first, match paths relative to the folder; each leaves out (True) or takes in (False).
    """

    rel: str
    patterns: tuple[tuple[re.Pattern[str], bool], ...]
    text: str
    unused: tuple[str, ...]


@dataclass(frozen=True)
class _Directory:
    rel: str
    mtime_ns: int
    entries: list[os.DirEntry[str]]
    has_files: bool
    rules: tuple[_Rules, ...]
    skipped_as: str | None
    error: str | None = None


@dataclass(frozen=True)
class FolderLook:
    """One partition, seen once. `unreadable` maps folders to the operating system's reason; signatures are hex digests.

    `unused_rules` maps folders to what is wrong with lines of their `.loupeignore`. A partition that is gone or empty
    has the signature "".
    """

    signature: str = ""
    full_signature: str = ""
    file_count: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    unused_rules: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _directories: tuple[_Directory, ...] = ()

    def files(self) -> Iterator[FoundFile]:
        """Every file of it, skipped ones too."""
        for directory in self._directories:
            yield from _files_of(directory)


@dataclass
class Survey:
    """What a tree holds, in numbers. `folders` are those with any file; `skipped` counts files by reason."""

    folders: list[str] = field(default_factory=list)
    photo_files: int = 0
    photo_bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: dict[str, str] = field(default_factory=dict)


def survey(root: str | os.PathLike[str]) -> Survey:
    """Count what stands under `root`: one `scandir` and one `stat` a file, links to folders not followed."""
    found = Survey()
    for directory in _walk(os.fspath(root), "", recursive=True):
        if directory.error and not directory.skipped_as:
            found.unreadable[directory.rel] = directory.error
        elif directory.has_files:
            found.folders.append(directory.rel)
            for file in _files_of(directory):
                if file.skip_reason:
                    found.skipped[file.skip_reason] += 1
                else:
                    found.photo_files += 1
                    found.photo_bytes += file.size_bytes
    return found


def look_at(root: str, folder: str, depth: int) -> FolderLook:
    """The files of one partition: those of `folder` itself, and of all below it when it stands at `depth`.

    Skipped folders below it belong to it whatever the depth. A folder that is gone has no files and the signature "";
    one that cannot be read is in `unreadable`.
    """
    path = os.path.join(root, from_text(folder)) if folder else root
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            return FolderLook()
    except (FileNotFoundError, NotADirectoryError):
        return FolderLook()
    except OSError as error:  # also when a folder above it is locked
        return FolderLook(unreadable={folder: error.strerror or "unreadable"})
    walked = list(_walk(root, folder, recursive=folder_level(folder) >= depth))
    inside = tuple(
        directory
        for directory in walked
        if directory.error is None and directory.has_files and partition_folder(directory.rel, depth) == folder
    )
    full, count = _full_signature(inside)
    unreadable = {each.rel: each.error for each in walked if each.error and not each.skipped_as}
    here = [(rel, *_UNREADABLE) for rel in unreadable if partition_folder(rel, depth) == folder]
    return FolderLook(
        _signature([*((each.rel, each.mtime_ns, len(each.entries)) for each in inside), *here]),
        full,
        count,
        unreadable,
        {each.rel: own.unused for each in inside for own in each.rules if own.rel == each.rel and own.unused},
        inside,
    )


# What stands in a signature for a folder that cannot be looked into, as its mtime and the number of its entries.
_UNREADABLE = (0, -1)


class _Seen(NamedTuple):
    """A directory as it was listed last. Unless its mtime was too young then, the same mtime means the same entries."""

    mtime_ns: int
    settled: bool
    entries: int
    has_files: bool
    children: tuple[str, ...]


class FolderMemory:
    """The cheap signatures of a tree, listing again only directories whose mtime moved.

    Remembers what it listed, some 300 bytes a directory; a new one lists everything once.
    """

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, _Seen]] = {}

    def signatures(self, root: str | os.PathLike[str], depth: int) -> dict[str, str]:
        """The signature of each partition folder under `root`; no file is touched.

        Equal to `FolderLook.signature` while nothing was added, removed or renamed.
        """
        path = os.fspath(root)
        before = self._seen.get(path, {})
        now: dict[str, _Seen] = {}
        grouped: dict[str, list[tuple[str, int, int]]] = {}
        stack = [""]
        while stack:
            rel = stack.pop()
            seen = _seen_again(path, rel, before.get(rel))
            if seen is None:
                continue
            now[rel] = seen
            if seen.has_files:
                grouped.setdefault(partition_folder(rel, depth), []).append((rel, seen.mtime_ns, seen.entries))
            children = [f"{rel}/{name}" if rel else name for name in seen.children]
            if folder_level(rel) < MAX_DEPTH:
                stack.extend(children)
                continue
            for child in children:
                if not _is_skipped(child):
                    grouped.setdefault(partition_folder(child, depth), []).append((child, *_UNREADABLE))
        self._seen[path] = now
        return {folder: _signature(directories) for folder, directories in grouped.items()}


def _seen_again(root: str, rel: str, before: _Seen | None) -> _Seen | None:
    path = os.path.join(root, from_text(rel)) if rel else root
    try:
        mtime_ns = os.stat(path).st_mtime_ns
        if before and before.settled and before.mtime_ns == mtime_ns:
            return before
        with os.scandir(path) as entries:
            listed = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        mtime_ns, entry_count = _UNREADABLE
        return None if _is_skipped(rel) else _Seen(mtime_ns, False, entry_count, True, ())
    children = tuple(to_text(entry.name) for entry in listed if _is_folder(entry))
    settled = time.time_ns() - mtime_ns > _MTIME_GRAIN_NS
    return _Seen(mtime_ns, settled, len(listed), len(children) < len(listed), children)


def _is_skipped(rel: str) -> bool:
    return any(folder_skip_reason(name) for name in rel.split("/"))


def _signature(directories: Iterable[tuple[str, int, int]]) -> str:
    """Of relative path, mtime and entry count of each directory; "" of none."""
    digest = None
    for rel, mtime_ns, entries in sorted(directories):
        digest = digest or hashlib.sha256()
        digest.update(f"{rel}\0{mtime_ns}\0{entries}\n".encode())
    return digest.hexdigest() if digest else ""


def _full_signature(directories: Sequence[_Directory]) -> tuple[str, int]:
    """Of every file's name, kind, size and mtime, and of what decides which are taken in; and how many files."""
    digest = hashlib.sha256(DECODER_VERSION.encode())
    count = 0
    for directory in sorted(directories, key=lambda each: each.rel):
        names: list[str] = []
        numbers = array("q")
        for entry in directory.entries:
            if _is_folder(entry):
                continue
            names.append(entry.name)
            try:
                info = entry.stat()  # follows a link to a file: the photo may live elsewhere
                numbers.extend((info.st_mode >> 12, info.st_size, stored_mtime_ns(info)))
            except OSError:
                numbers.extend((-1, -1, -1))
        count += len(names)
        rules = "\0".join(f"{rule.rel}\0{rule.text}" for rule in directory.rules)
        digest.update(f"{directory.rel}\0{directory.skipped_as}\0{rules}\0".encode())
        digest.update("\0".join(names).encode("utf-8", "surrogateescape"))
        digest.update(numbers.tobytes())
    return digest.hexdigest(), count


def _walk(root: str, start: str, *, recursive: bool) -> Iterator[_Directory]:
    """Directories from `start` down, entries by name. Without `recursive` `start` and the skipped folders below it."""
    stack: list[tuple[str, tuple[_Rules, ...], str | None]] = [(start, _rules_above(root, start), None)]
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
        if any(entry.name == IGNORE_FILE for entry in listed):
            own = _rules_in(path, rel)
            rules = (*rules, own) if own else rules
        children = [entry for entry in listed if _is_folder(entry)]
        yield _Directory(rel, mtime_ns, listed, len(children) < len(listed), rules, skipped_as)
        for entry in reversed(children):
            child_skipped_as = skipped_as or folder_skip_reason(entry.name)
            child = f"{rel}/{to_text(entry.name)}" if rel else to_text(entry.name)
            if not (recursive or child_skipped_as):
                continue
            if folder_level(rel) < MAX_DEPTH:
                stack.append((child, rules, child_skipped_as))
            else:
                too_deep = f"it lies more than {MAX_DEPTH} folders deep"
                yield _Directory(child, 0, [], False, rules, child_skipped_as, too_deep)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _files_of(directory: _Directory) -> list[FoundFile]:
    found: list[FoundFile] = []
    sidecars: dict[str, tuple[str, int, int]] = {}
    all_ignored = _is_folder_ignored(directory.rel, directory.rules)
    for entry in directory.entries:
        if _is_folder(entry):
            continue
        name = to_text(entry.name)
        rel_path = f"{directory.rel}/{name}" if directory.rel else name
        try:
            info = entry.stat()
        except OSError:
            found.append(FoundFile(rel_path, 0, 0, None, None, None, directory.skipped_as or "broken link"))
            continue
        reason = (
            directory.skipped_as
            or _kind_of_entry(info.st_mode)
            or _file_skip_reason(entry.name)
            or ("ignored by .loupeignore" if all_ignored or _is_ignored(rel_path, directory.rules) else None)
        )
        if reason == "sidecar" and name.lower().endswith(".xmp"):
            sidecars[name.lower()] = (rel_path, stored_mtime_ns(info), info.st_size)
        found.append(FoundFile(rel_path, info.st_size, stored_mtime_ns(info), None, None, None, reason))
    if not sidecars:
        return found
    return [file if file.skip_reason else _with_sidecar(file, sidecars) for file in found]


def _with_sidecar(file: FoundFile, sidecars: dict[str, tuple[str, int, int]]) -> FoundFile:
    for name in sidecar_candidates(file.rel_path.rpartition("/")[2]):
        if name in sidecars:
            path, mtime_ns, size = sidecars[name]
            return file._replace(sidecar=path, sidecar_mtime_ns=mtime_ns, sidecar_size=size)
    return file


def _kind_of_entry(mode: int) -> str | None:
    if stat.S_ISREG(mode):
        return None
    return "link to a folder" if stat.S_ISDIR(mode) else "not a regular file"


def _file_skip_reason(name: str) -> str | None:
    if name.startswith("._"):
        return "macOS resource fork"
    if name == IGNORE_FILE:
        return "Loupe's own file"
    stem, dot, ending = name.rpartition(".")
    # Only of a JSON file does more than the ending say what it is.
    if not dot or not stem.strip(".") or ending.lower() == "json":
        return _REASON_BY_KIND.get(kind_by_name(name))
    return _reason_by_ending(ending)


@lru_cache(maxsize=4096)
def _reason_by_ending(ending: str) -> str | None:
    return _REASON_BY_KIND.get(kind_by_name(f"name.{ending}"))


def _rules_in(path: str, rel: str) -> _Rules | None:
    try:
        # Not to wait for the writer of a pipe: what calls itself so is not always a file.
        opened = os.open(os.path.join(path, IGNORE_FILE), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(opened, "rb") as stream:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                return None
            text = stream.read(_MAX_RULES_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    patterns: list[tuple[re.Pattern[str], bool]] = []
    unused: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found = [each for each in pathspec.GitIgnoreSpec.from_lines([line]).patterns if each.include is not None]
        except (ValueError, re.error):
            unused.append(f"line {number}, '{_quoted(line)}', is no pattern of gitignore")
            continue
        if found and len(_WILDCARD.findall(line)) > _MAX_WILDCARDS:
            unused.append(f"line {number}, '{_quoted(line)}', has more than {_MAX_WILDCARDS} wildcards")
            continue
        patterns += [
            (each.regex, each.include) for each in found if each.regex is not None and each.include is not None
        ]
    if len(unused) > _MOST_NAMED:
        unused[_MOST_NAMED:] = [f"and {counted(len(unused) - _MOST_NAMED, 'other line')} likewise"]
    return _Rules(rel, tuple(reversed(patterns)), text, tuple(unused))


def _quoted(line: str) -> str:
    return line if len(line) <= _MOST_QUOTED else f"{line[: _MOST_QUOTED - 1]}…"


def _rules_above(root: str, start: str) -> tuple[_Rules, ...]:
    parts = start.split("/") if start else []
    above = ["/".join(parts[:count]) for count in range(len(parts))]
    found = (_rules_in(os.path.join(root, from_text(rel)) if rel else root, rel) for rel in above)
    return tuple(rule for rule in found if rule)


def _is_folder_ignored(rel: str, rules: tuple[_Rules, ...]) -> bool:
    """Whether this folder or one above it is ignored: then nothing in it can be asked for, as with git."""
    above = [rel[: match.start()] for match in re.finditer("/", rel)] + [rel] if rel and rules else []
    return any(_is_ignored(f"{each}/", tuple(rule for rule in rules if len(rule.rel) < len(each))) for each in above)


def _is_ignored(rel_path: str, rules: tuple[_Rules, ...]) -> bool:
    """Whether the last pattern that matches says so: of the nearest folder before those above it, as with git.

    A folder's path ends with a slash. What is said of the folders above was asked before.
    """
    for rule in reversed(rules):
        path = rel_path[len(rule.rel) + 1 if rule.rel else 0 :]
        for pattern, leaves_out in rule.patterns:
            if _matches(pattern, path):
                return leaves_out
    return False


def _matches(pattern: re.Pattern[str], path: str) -> bool:
    """Whether a pattern of pathspec's matches this path itself, and not only a folder above it, or what is in it."""
    if "ps_d" in pattern.groupindex:  # the slash after the folder that matches, if it is one
        return any(found.end("ps_d") in (-1, len(path)) for found in pattern.finditer(path))
    found = pattern.search(path)
    return found is not None and not (path.endswith("/") and found.end() == len(path))  # "a/**" does not match "a/"
