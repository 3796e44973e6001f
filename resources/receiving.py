"""Files that are sent to Loupe, stored in a watched folder: whole or not at all, never over another one.

Belongs here: where a file may go, what may be stored, what happens when its name is taken. Not here: HTTP, reading
photos in (an uploaded file is found by the inventory as any other).

A file is written beside its place, in a folder that inventories pass over, hashed on the way, looked at, and then
linked to its name, which fails when there is one. A sidecar waits there until the photos that it was sent with have
their places: by its name alone it could belong to another photo, which stands there already. Folders are opened one by
one and links are not followed, so that nothing that stands in the folder leads out of it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from resources.errors import LoupeError
from resources.folders import MAX_DEPTH, folder_skip_reason, from_text
from resources.imaging import kind_by_name, sniff
from resources.imaging.sniff import sniff_by_name

__all__ = ["UNFINISHED_FOLDER", "Received", "ReceivedFile", "Receiver", "holds", "safe_path"]

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

    `stored` is new; `same`: these bytes stood there already.
    """

    path: str
    status: Literal["stored", "same"]
    sha256: str
    size_bytes: int


class Receiver:
    """Takes files that are sent together into `folder`, one after another. Of one thread at a time.

    `max_file_bytes` bounds a file, `keep_free_bytes` the disk: what would leave less is refused.
    """

    def __init__(self, folder: Path, *, max_file_bytes: int, keep_free_bytes: int) -> None:
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._keep_free_bytes = keep_free_bytes
        # Where the photos stand, by the folder and the name, or its stem, that each was sent with; None: not in here.
        self._by_name: dict[tuple[PurePosixPath, str], PurePosixPath | None] = {}
        self._by_stem: dict[tuple[PurePosixPath, str], PurePosixPath | None] = {}

    @contextmanager
    def file(self, path: str) -> Iterator[ReceivedFile]:
        """A file to be written in parts, then `finish`ed, a sidecar `hold`. Without that nothing stays of it.

        Raises `UPLOAD_PATH_INVALID`, `DISK_FULL`, `NO_PERMISSION`.
        """
        wanted = safe_path(path)
        root = self._opened_root()
        try:
            name = secrets.token_hex(_NAME_HEX // 2)
            unfinished, handle = _begun(root, name)
            try:
                file = None
                try:
                    with open(handle, "wb", closefd=True) as stream:
                        _sweep(unfinished)
                        file = ReceivedFile(self, wanted, root, unfinished, name, stream)
                        yield file
                finally:
                    if file is None or not file.held:
                        _removed(unfinished, name)
            finally:
                _left(root, unfinished)
        except OSError as error:
            raise _storage_error(error) from error
        finally:
            os.close(root)

    def place(self, sidecar: ReceivedFile) -> Received:
        """Give one that was held its name, beside its photo; to be called once, after all photos.

        Raises `UPLOAD_REFUSED` when its photo was not sent with it or stands outside the folder, and `FILE_EXISTS` when
        it would replace another.
        """
        with self._again(sidecar) as (root, unfinished):
            wanted = self._beside_its_photo(sidecar.wanted)
            found = sidecar.linked(root, unfinished, wanted, [wanted.name])
        if found is None:
            raise LoupeError("FILE_EXISTS", f"'{wanted}' is there with another content; it was left as it is.")
        return found

    def forget(self, sidecar: ReceivedFile) -> None:
        """Let nothing stay of one that was held and not placed."""
        with suppress(LoupeError), self._again(sidecar):
            pass

    @contextmanager
    def _again(self, sidecar: ReceivedFile) -> Iterator[tuple[int, int]]:
        """The folder, and that of unfinished files, as long as it takes to place what was held; then it is gone."""
        root = self._opened_root()
        try:
            unfinished = os.open(UNFINISHED_FOLDER, _DIRECTORY, dir_fd=root)
            try:
                yield root, unfinished
            finally:
                _removed(unfinished, sidecar.name)
                _left(root, unfinished)
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

    def stands(self, wanted: PurePosixPath, at: str | PurePosixPath | None) -> None:
        """To be told where a photo of this sending stands, relative to the folder; None: outside it."""
        place = None if at is None else PurePosixPath(at)
        name, stem = (wanted.parent, wanted.name.lower()), (wanted.parent, wanted.stem.lower())
        # Sent twice, or as RAW and JPEG: the one that stands in the folder counts, in whichever order they came.
        if self._by_name.get(name) is None:
            self._by_name[name] = place
        # Of RAW and JPEG one may have got another name: only beside that the sidecar meets no photo of another shot.
        if self._by_stem.get(stem) is None or (place is not None and place.name != wanted.name):
            self._by_stem[stem] = place

    def _beside_its_photo(self, wanted: PurePosixPath) -> PurePosixPath:
        parts = wanted.name.split(".")
        for count in range(len(parts) - 1, 0, -1):  # IMG_1.jpg.supplemental-metadata.json goes with IMG_1.jpg
            name = ".".join(parts[:count])
            if (key := (wanted.parent, name.lower())) in self._by_name:
                photo = _inside(wanted, self._by_name[key])
                return photo.with_name(photo.name + wanted.name[len(name) :])
        if (key := (wanted.parent, wanted.stem.lower())) in self._by_stem:
            photo = _inside(wanted, self._by_stem[key])
            return photo.with_name(photo.stem + wanted.suffix)
        raise LoupeError(
            "UPLOAD_REFUSED", f"'{wanted}' came without its photo; send both in one request. It was not kept."
        )

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
        self._root, self._unfinished, self.name = root, unfinished, name
        self._stream = stream
        self._hash = hashlib.sha256()
        self._head = b""
        self._size = 0
        self._looked_at = 0
        self.held = False
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
        """Give a photo its name, or the next that is free. Raises as `check_kind`, and `FILE_EXISTS`."""
        self.check_kind()
        self._written()
        found = self.linked(self._root, self._unfinished, self._wanted, _names(self._wanted.name))
        if found is None:
            raise LoupeError("FILE_EXISTS", f"'{self._wanted}' is there with another content; it was left as it is.")
        self._receiver.stands(self._wanted, found.path)
        return found

    def hold(self) -> None:
        """Keep a whole sidecar for `Receiver.place`. Raises as `check_kind`."""
        self.check_kind()
        self._written()
        self._head = b""  # many may wait
        self.held = True

    def _written(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def linked(self, root: int, unfinished: int, wanted: PurePosixPath, names: Iterable[str]) -> Received | None:
        """Under the first of these names, in the folder of `wanted`, that is free or holds the same; None: no such."""
        folder = os.dup(root)
        try:
            for part in wanted.parts[:-1]:
                inner = _entered(folder, part)
                os.close(folder)
                folder = inner
            for name in names:
                if self._linked(unfinished, folder, name):
                    status: Literal["stored", "same"] = "stored"
                elif self._is_same(folder, name):
                    status = "same"
                else:
                    continue
                with suppress(OSError):  # the name itself survives a power cut; not every file system can
                    os.fsync(folder)
                return Received(str(wanted.with_name(name)), status, self.sha256, self._size)
        finally:
            os.close(folder)
        return None

    def _linked(self, unfinished: int, folder: int, name: str) -> bool:
        try:
            os.link(self.name, name, src_dir_fd=unfinished, dst_dir_fd=folder, follow_symlinks=False)
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
                os.rename(self.name, name, src_dir_fd=unfinished, dst_dir_fd=folder)
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


def _inside(sidecar: PurePosixPath, photo: PurePosixPath | None) -> PurePosixPath:
    if photo is None:
        message = f"The photo of '{sidecar}' stands in another folder already, where nothing is written. Put it there."
        raise LoupeError("UPLOAD_REFUSED", message)
    return photo


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


def _removed(unfinished: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=unfinished)


def _left(root: int, unfinished: int) -> None:
    os.close(unfinished)
    with suppress(OSError):  # others are being written
        os.rmdir(UNFINISHED_FOLDER, dir_fd=root)


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
