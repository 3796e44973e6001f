"""Files that are sent to Loupe, stored in a watched folder: whole or not at all, never over another one.

Belongs here: where a file may go, what may be stored, what happens when its name is taken. Not here: HTTP, reading
photos in (an uploaded file is found by the inventory as any other).

A file is written beside its place, in a folder that inventories pass over, hashed on the way, looked at, and then
linked to its name, which fails when there is one. Folders are opened one by one and links are not followed, so that
nothing that stands in the folder leads out of it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from resources.errors import LoupeError
from resources.folders import MAX_DEPTH, folder_skip_reason, from_text
from resources.imaging import kind_by_name, sniff
from resources.imaging.sniff import sniff_by_name

__all__ = ["UNFINISHED_FOLDER", "Received", "Receiver", "holds", "safe_path"]

UNFINISHED_FOLDER = ".loupe-uploads"
_ABANDONED_S = 24 * 3600.0
_HEAD_BYTES = 1 << 16
_NAME_BYTES = 255
_NAME_HEX = 32
_UNFINISHED = re.compile(rf"[0-9a-f]{{{_NAME_HEX}}}")
_TRIES = 100
_MOST_NAMES = 1000
# Looked at again after so many bytes: others write to the disk too.
_LOOK_AGAIN_BYTES = 64 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Received:
    """What became of one file. `path` is where it stands, relative to the folder that took it; `sha256` in hex.

    `stored` is new; `same`: these bytes stood there already. `photo` says whether it is one; else it is a sidecar.
    """

    path: str
    status: Literal["stored", "same"]
    sha256: str
    size_bytes: int
    photo: bool


class Receiver:
    """Takes one file after another into `folder`. Of one thread at a time.

    `max_file_bytes` bounds a file, `keep_free_bytes` the disk: what would leave less is refused.
    """

    def __init__(self, folder: Path, *, max_file_bytes: int, keep_free_bytes: int) -> None:
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._keep_free_bytes = keep_free_bytes
        self._renamed: dict[str, str] = {}

    @contextmanager
    def file(self, path: str) -> Iterator[ReceivedFile]:
        """A file to be written in parts, then `finish`ed. Without that nothing stays of it.

        Raises `UPLOAD_PATH_INVALID`, `DISK_FULL`, `NO_PERMISSION`.
        """
        wanted = safe_path(path)
        root = self._opened_root()
        try:
            name = secrets.token_hex(_NAME_HEX // 2)
            unfinished, handle = _begun(root, name)
            try:
                try:
                    with open(handle, "wb", closefd=True) as stream:
                        _sweep(unfinished)
                        yield ReceivedFile(self, wanted, root, unfinished, name, stream)
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=unfinished)
            finally:
                os.close(unfinished)
                with suppress(OSError):  # others are being written
                    os.rmdir(UNFINISHED_FOLDER, dir_fd=root)
        except OSError as error:
            raise _storage_error(error) from error
        finally:
            os.close(root)

    def check_room(self, more_bytes: int) -> None:
        """Raises `DISK_FULL` when `more_bytes` would leave less than is to stay free."""
        room = os.statvfs(self._folder)
        if room.f_bavail * room.f_frsize - more_bytes < self._keep_free_bytes:
            raise LoupeError(
                "DISK_FULL",
                f"The disk of the folder has too little room: {self._keep_free_bytes:,} bytes are to stay free.",
            )

    def check_size(self, size: int) -> None:
        """Raises `TOO_LARGE`."""
        if size > self._max_file_bytes:
            raise LoupeError("TOO_LARGE", f"A file may have {self._max_file_bytes:,} bytes at most.")

    def named(self, wanted: PurePosixPath) -> PurePosixPath:
        """A sidecar goes with its photo: when that was given another name, so is it."""
        for photo, stored in self._renamed.items():
            old, new = PurePosixPath(photo), PurePosixPath(stored)
            if old.parent != wanted.parent:
                continue
            if wanted.name.lower().startswith(old.name.lower() + "."):
                return wanted.with_name(new.name + wanted.name[len(old.name) :])
            if wanted.stem.lower() == old.stem.lower():
                return wanted.with_name(new.stem + wanted.suffix)
        return wanted

    def renamed(self, wanted: PurePosixPath, stored: PurePosixPath) -> None:
        """To be told of a photo whose name was taken."""
        self._renamed[str(wanted)] = str(stored)

    def _opened_root(self) -> int:
        try:
            return os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _storage_error(error) from error


class ReceivedFile:
    """One file on its way; made by `Receiver.file`."""

    def __init__(
        self, receiver: Receiver, wanted: PurePosixPath, root: int, unfinished: int, name: str, stream: IO[bytes]
    ) -> None:
        self._receiver = receiver
        self._wanted = wanted
        self._root, self._unfinished, self._name = root, unfinished, name
        self._stream = stream
        self._hash = hashlib.sha256()
        self._head = b""
        self._size = 0
        self._looked_at = 0
        receiver.check_room(0)

    def write(self, data: bytes) -> None:
        """The next bytes. Raises `TOO_LARGE`, `DISK_FULL`."""
        self._size += len(data)
        self._receiver.check_size(self._size)
        if self._size - self._looked_at > _LOOK_AGAIN_BYTES:
            self._looked_at = self._size
            self._receiver.check_room(_LOOK_AGAIN_BYTES)
        if len(self._head) < _HEAD_BYTES:
            self._head += data[: _HEAD_BYTES - len(self._head)]
        self._hash.update(data)
        self._stream.write(data)

    @property
    def wanted(self) -> PurePosixPath:
        """Where it would like to go."""
        return self._wanted

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    @property
    def is_photo(self) -> bool:
        """By its content; only a RAW without a mark of its own also by its name."""
        return sniff(self._head) is not None or sniff_by_name(self._head, self._wanted.name) is not None

    def check_kind(self) -> None:
        """Raises `EMPTY_FILE`, `UPLOAD_REFUSED` for what is neither photo nor sidecar.

        Its name is a photo's too: bytes that begin like a GIF can be a page or a script for whom the name says so.
        """
        if not self._size:
            raise LoupeError("EMPTY_FILE", f"'{self._wanted}' has no bytes.")
        photo = self.is_photo and (kind_by_name(self._wanted.name) == "photo" or not self._wanted.suffix)
        if not photo and not _is_sidecar(self._wanted.name, self._head):
            raise LoupeError(
                "UPLOAD_REFUSED", f"'{self._wanted}' is neither a photo nor a photo's sidecar; it was not kept."
            )

    def finish(self) -> Received:
        """Give it its name. Raises as `check_kind`, and `FILE_EXISTS` for a sidecar that would replace another."""
        self.check_kind()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        photo = self.is_photo
        wanted = self._wanted if photo else self._receiver.named(self._wanted)
        folder = os.dup(self._root)
        try:
            for part in wanted.parts[:-1]:
                inner = _entered(folder, part)
                os.close(folder)
                folder = inner
            for name in _names(wanted.name) if photo else [wanted.name]:
                if self._linked(folder, name):
                    status: Literal["stored", "same"] = "stored"
                elif self._is_same(folder, name):
                    status = "same"
                else:
                    continue
                stored = wanted.with_name(name)
                if photo and name != wanted.name:
                    self._receiver.renamed(self._wanted, stored)
                with suppress(OSError):  # the name itself survives a power cut; not every file system can
                    os.fsync(folder)
                return Received(str(stored), status, self.sha256, self._size, photo)
        finally:
            os.close(folder)
        raise LoupeError("FILE_EXISTS", f"'{wanted}' is there with another content; it was left as it is.")

    def _linked(self, folder: int, name: str) -> bool:
        try:
            os.link(self._name, name, src_dir_fd=self._unfinished, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
            # A file system without hard links (FAT): the name is taken first, then given the content.
            try:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder))
            except FileExistsError:
                return False
            try:
                os.rename(self._name, name, src_dir_fd=self._unfinished, dst_dir_fd=folder)
            except OSError:
                os.unlink(name, dir_fd=folder)
                raise
        return True

    def _is_same(self, folder: int, name: str) -> bool:
        """Whether a regular file of this name holds the same bytes."""
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError:
            return False
        with open(handle, "rb") as there:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode) or info.st_size != self._size:
                return False
            return hashlib.file_digest(there, "sha256").hexdigest() == self.sha256


def holds(path: str, sha256: str) -> bool:
    """Whether a regular file stands there with these bytes."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as there:
            return hashlib.file_digest(there, "sha256").hexdigest() == sha256
    except OSError:
        return False


def safe_path(path: str) -> PurePosixPath:
    """A relative path below the folder. Raises `UPLOAD_PATH_INVALID`."""
    parts = path.split("/")
    if not path or path.startswith("/") or len(parts) > MAX_DEPTH:
        raise LoupeError("UPLOAD_PATH_INVALID", "Give a path below the folder, such as 'Summer/IMG_1.jpg'.")
    for part in parts:
        raw = os.fsencode(from_text(part)) if not _has_surrogates(part) else b""
        if (
            not raw
            or part in (".", "..")
            or len(raw) > _NAME_BYTES
            or part != part.strip()
            or "\\" in part
            or any(ord(character) < 32 or ord(character) == 127 for character in part)
        ):
            raise LoupeError("UPLOAD_PATH_INVALID", "A part of the file's path cannot be used as a name.")
        if part.startswith("."):  # where programs keep what they obey: .ssh, .config, .loupeignore
            raise LoupeError("UPLOAD_PATH_INVALID", f"'{part}' is a hidden name; such names are not taken in.")
    for part in parts[:-1]:
        if reason := folder_skip_reason(part):
            raise LoupeError("UPLOAD_PATH_INVALID", f"Folders named '{part}' are never taken in ({reason}).")
    return PurePosixPath(*(from_text(part) for part in parts))


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _is_sidecar(name: str, head: bytes) -> bool:
    """By its name, and by a content that begins as such a file does: XML, JSON, or Apple's property list."""
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:8]
    return kind_by_name(name) == "sidecar" and start.startswith((b"<", b"{", b"[", b"bplist"))


def _names(name: str) -> Iterator[str]:
    """The name, then "name (2).jpg" and so on."""
    yield name
    path = PurePosixPath(name)
    for number in range(2, _MOST_NAMES):
        yield f"{path.stem} ({number}){path.suffix}"


def _entered(folder: int, name: str) -> int:
    """The folder `name` in `folder`, made if it is not there; never one behind a link."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=folder)
    try:
        return os.open(name, _DIRECTORY, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise LoupeError("UPLOAD_PATH_INVALID", f"'{name}' is a file or a link there, not a folder.") from error
        raise


def _begun(root: int, name: str) -> tuple[int, int]:
    """The folder of unfinished files, and `name` in it, open for writing."""
    for attempt in range(_TRIES):
        unfinished = -1
        try:
            unfinished = _entered(root, UNFINISHED_FOLDER)
            return unfinished, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=unfinished)
        except BaseException as error:
            if unfinished >= 0:
                os.close(unfinished)
            # Another upload that ended has just removed the folder, which was empty.
            if not isinstance(error, FileNotFoundError) or attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _sweep(unfinished: int) -> None:
    """Remove what uploads that were cut off by a power cut left."""
    latest = time.time() - _ABANDONED_S
    with os.scandir(unfinished) as entries:
        for entry in entries:
            with suppress(OSError):
                if _UNFINISHED.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_mtime < latest:
                    os.unlink(entry.name, dir_fd=unfinished)


def _storage_error(error: OSError) -> LoupeError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LoupeError("DISK_FULL", "The disk of the folder is full. Free some room and send the file again.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return LoupeError("DIR_NOT_FOUND", "The folder cannot be reached now.")
    if error.errno == errno.ENAMETOOLONG:
        return LoupeError("UPLOAD_PATH_INVALID", "The file's name is too long for that disk.")
    return LoupeError("NO_PERMISSION", f"The folder cannot be written to ({error.strerror}).")
