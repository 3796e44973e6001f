"""Writing sidecars beside photos: the one thing that Loupe writes there, and only when a person asks for it.

A photo's own file is never opened for writing. What a packet says belongs to `sidecar_packet`.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.exchange.sidecar_packet import MOST_BYTES, SidecarWords, merged
from resources.folders import from_text, to_text
from resources.library import Library
from resources.manifest import said
from resources.sidecars import sidecar_candidates
from resources.stack_rules import RAW_FORMATS

__all__ = ["RefusedSidecar", "SidecarReport", "sidecar_name", "write_sidecars"]

_MARK = b"loupe.photos/ns/"  # a packet without it holds no word of Loupe's
_MOST_LISTED = 1000
_ATTEMPTS = 3


@dataclass(frozen=True)
class RefusedSidecar:
    """A sidecar that could not be written, and why; nothing was changed there."""

    path: str
    code: str
    message: str


@dataclass
class SidecarReport:
    """What was written, or would be. `paths` and `refused` list the first thousand."""

    dry_run: bool
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused_count: int = 0
    paths: list[str] = field(default_factory=list)
    refused: list[RefusedSidecar] = field(default_factory=list)

    def refuse(self, path: str, error: LoupeError) -> None:
        self.refused_count += 1
        if len(self.refused) < _MOST_LISTED:
            self.refused.append(RefusedSidecar(to_text(path), error.code, error.message))

    def wrote(self, path: str, *, new: bool) -> None:
        self.created += new
        self.changed += not new
        if len(self.paths) < _MOST_LISTED:
            self.paths.append(to_text(path))


def sidecar_name(file_name: str, photo_format: str | None) -> str:
    """What a new sidecar is called: "IMG_1.xmp" for a RAW file, where Lightroom and most others look, else
    "IMG_1.jpg.xmp", where digiKam and darktable look, and which no photo of the same name shares.
    """
    stem, dot, _ = file_name.rpartition(".")
    return f"{stem}.xmp" if photo_format in RAW_FORMATS and dot and stem else f"{file_name}.xmp"


def write_sidecars(
    library: Library,
    photo_ids: Collection[str] | None,
    *,
    computed_captions: bool = False,
    dry_run: bool = False,
) -> SidecarReport:
    """Write what Loupe says of these photos (of all with None) into the sidecars beside their files.

    A sidecar that is there is merged into, whatever its name; the one before is kept as `NAME.xmp~`. A folder that
    may not be written to, and a sidecar that cannot be merged, is reported (`SIDECAR_NOT_WRITABLE`, `SIDECAR_INVALID`)
    and the rest goes on. Raises `DISK_FULL`.
    """
    with library.manifest.read() as tx:
        folders = said.by_folder(tx, photo_ids, computed=computed_captions)
    report = SidecarReport(dry_run)
    for root_path, folder, rows in folders:
        path = os.path.join(from_text(root_path), from_text(folder))
        try:
            targets = _targets(path, rows)
        except OSError as error:
            report.refuse(path, _not_writable(path, error))
            continue
        for target, sharing in targets.items():
            if any(row["wanted"] for row in sharing):
                _write_one(target, sharing, report)
    return report


def _targets(folder: str, rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows by the sidecar that they share: the one that is read for their file, else a new one."""
    with os.scandir(folder) as entries:
        there = {to_text(entry.name).lower(): entry.name for entry in entries if entry.name.lower().endswith(".xmp")}
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        name = row["rel_path"].rpartition("/")[2]
        existing = next((there[each] for each in sidecar_candidates(name) if each in there), None)
        target = os.path.join(folder, existing or from_text(sidecar_name(name, row["format"])))
        found.setdefault(target, []).append(row)
    return found


def _words(rows: list[dict[str, Any]]) -> SidecarWords:
    """What photos that share a sidecar say together: all tags; of ratings and captions the first page's, the newest."""
    rated = min((row for row in rows if row["rated"]), key=lambda row: _order(row, "given_at"), default=None)
    written = min((row for row in rows if row["text"]), key=lambda row: _order(row, "written_at"), default=None)
    computed = next((row for row in rows if row["computed"]), None)
    caption = written["text"] if written else computed["computed"] if computed else None
    return SidecarWords(
        tags=tuple(dict.fromkeys(tag for row in rows for tag in row["tags"])),
        rating=None if rated is None else rated["rating"] or 0,
        caption=caption,
        caption_model=None if written or computed is None else computed["model"],
        embedded_keywords=tuple(dict.fromkeys(word for row in rows for word in row["embedded_keywords"] or ())),
        embedded_description=any(row["embedded_description"] for row in rows),
    )


def _order(row: dict[str, Any], moment: str) -> tuple[int, float]:
    return row["page"], -row[moment].timestamp()


def _write_one(target: str, rows: list[dict[str, Any]], report: SidecarReport) -> None:
    words = _words(rows)
    try:
        for _ in range(_ATTEMPTS):
            before, packet = _read(target)
            if not words and _MARK not in (packet or b""):
                return
            data = merged(packet, words, utc_now())
            if data is None:
                report.unchanged += 1
                return
            _check_writable(target, before)
            if report.dry_run or _replace(target, data, before, rows[0]):
                report.wrote(target, new=before is None)
                return
        raise LoupeError("SIDECAR_NOT_WRITABLE", f"'{to_text(target)}' is being changed by another program.")
    except LoupeError as error:
        if error.code not in ("SIDECAR_NOT_WRITABLE", "SIDECAR_INVALID"):
            raise
        report.refuse(target, error)
    except OSError as error:
        report.refuse(target, _not_writable(target, error))


def _read(target: str) -> tuple[os.stat_result | None, bytes | None]:
    """The sidecar that is there, if any. Raises `SIDECAR_NOT_WRITABLE` for what is none."""
    try:
        info = os.lstat(target)
    except FileNotFoundError:
        return None, None
    if not stat.S_ISREG(info.st_mode):
        raise LoupeError("SIDECAR_NOT_WRITABLE", f"'{to_text(target)}' is a link or no file; it is left as it is.")
    if info.st_size > MOST_BYTES:
        raise LoupeError("SIDECAR_INVALID", f"'{to_text(target)}' is larger than {MOST_BYTES >> 20} MB.")
    return info, Path(target).read_bytes()


def _check_writable(target: str, before: os.stat_result | None) -> None:
    """Raise `SIDECAR_NOT_WRITABLE` for what is read-only by its mode, which would not stop an administrator."""
    for path in (os.path.dirname(target), *([target] if before is not None else [])):
        if not os.access(path, os.W_OK) or os.stat(path).st_mode & 0o222 == 0:
            raise LoupeError("SIDECAR_NOT_WRITABLE", f"'{to_text(path)}' is read-only; nothing was written there.")


def _replace(target: str, data: bytes, before: os.stat_result | None, row: dict[str, Any]) -> bool:
    """Put `data` in the place of what was read, with its mode and owner. False when it changed in between."""
    folder = os.path.dirname(target)
    # Ends like a sidecar, so that an inventory which meets it takes it for none of its photos.
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".loupe-", suffix=".xmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        _dress(temporary, target, before, row)
        if not _same(target, before):
            os.unlink(temporary)
            return False
        if before is not None:
            _keep(target)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LoupeError("DISK_FULL", f"No space is left in '{to_text(folder)}'. Free some and go on.") from error
        raise
    return True


def _dress(temporary: str, target: str, before: os.stat_result | None, row: dict[str, Any]) -> None:
    """Mode, owner and attributes of the sidecar that was there; of a new one the mode of its photo."""
    if before is None:
        photo = os.path.join(from_text(row["root_path"]), from_text(row["rel_path"]))
        os.chmod(temporary, stat.S_IMODE(os.stat(photo).st_mode) & 0o666 | 0o600)
        return
    new = os.stat(temporary)
    if (new.st_uid, new.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.chown(temporary, before.st_uid, before.st_gid)
        except PermissionError as error:
            raise LoupeError(
                "SIDECAR_NOT_WRITABLE", f"'{to_text(target)}' belongs to another user, whose it could not stay."
            ) from error
    shutil.copystat(target, temporary, follow_symlinks=False)
    os.utime(temporary)  # but it is new


def _same(target: str, before: os.stat_result | None) -> bool:
    try:
        now = os.lstat(target)
    except FileNotFoundError:
        return before is None
    return before is not None and all(
        getattr(now, name) == getattr(before, name) for name in ("st_ino", "st_size", "st_mtime_ns")
    )


def _keep(target: str) -> None:
    """The sidecar as it was, as `NAME.xmp~`: the file itself where the disk knows links, else a copy."""
    kept, temporary = f"{target}~", f"{target}~~"
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    try:
        os.link(target, temporary, follow_symlinks=False)
    except OSError:
        shutil.copy2(target, temporary, follow_symlinks=False)
    os.replace(temporary, kept)


def _not_writable(path: str, error: OSError) -> LoupeError:
    return LoupeError("SIDECAR_NOT_WRITABLE", f"'{to_text(path)}' cannot be written: {error.strerror or error}.")
