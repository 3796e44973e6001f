"""A folder of large files with holes: copied, sharing blocks where the file system can, and read into memory."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["copy_tree", "read_tree"]

# ioctl FICLONE of <linux/fs.h>: the copy shares its blocks with the original until one of them is written.
_FICLONE = 0x40049409
_CHUNK = 1 << 23


def copy_tree(source: Path, target: Path) -> None:
    """Copy the files below `source` to `target`, which must not exist. Nothing may write to them meanwhile."""
    target.mkdir()
    for folder, names, files in os.walk(source):
        below = target / Path(folder).relative_to(source)
        for name in names:
            (below / name).mkdir()
        for name in files:
            _copy(Path(folder, name), below / name)


def read_tree(source: Path, most_bytes: int, stopped: Callable[[], bool]) -> int:
    """Read the files below `source` once, so that the system holds them. Returns how many bytes, `most_bytes` at most.

    Files that go meanwhile are left out.
    """
    total, buffer = 0, memoryview(bytearray(_CHUNK))
    for folder, _, files in os.walk(source):
        for name in files:
            try:
                with open(Path(folder, name), "rb", buffering=0) as read:
                    for start, end in _filled(read.fileno(), os.fstat(read.fileno()).st_size):
                        read.seek(start)
                        while (left := end - read.tell()) > 0:
                            if stopped() or total >= most_bytes:
                                return total
                            got = read.readinto(buffer[: min(left, _CHUNK, most_bytes - total)])
                            if not got:
                                break
                            total += got
            except OSError:
                continue
    return total


def _copy(source: Path, target: Path) -> None:
    with open(source, "rb") as read, open(target, "xb") as written:
        if _shared(read.fileno(), written.fileno()):
            return
        size = os.fstat(read.fileno()).st_size
        written.truncate(size)
        for start, end in _filled(read.fileno(), size):
            read.seek(start)
            written.seek(start)
            left = end - start
            while left and (chunk := read.read(min(left, _CHUNK))):
                written.write(chunk)
                left -= len(chunk)


def _shared(source: int, target: int) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False  # btrfs, XFS and a few others can
    return True


def _filled(descriptor: int, size: int) -> list[tuple[int, int]]:
    """The stretches of the file that are no holes; all of it where the system does not tell."""
    if not hasattr(os, "SEEK_DATA"):
        return [(0, size)]
    found, end = [], 0
    try:
        while end < size:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
            found.append((start, end))
    except OSError as error:
        if error.errno != errno.ENXIO:  # nothing but a hole is left
            return [(0, size)]
    return found
