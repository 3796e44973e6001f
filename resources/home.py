"""Where Loupe keeps its data: the layout of `LOUPE_HOME`, and whether it can be trusted with it.

Belongs here: paths inside the home, the checks before anything is written, locks between processes.
Not here: what the files contain.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from resources.errors import LoupeError

__all__ = [
    "Home",
    "disk_bytes",
    "free_bytes",
    "process_lives",
    "storage_error",
    "sweep_unfinished",
    "this_process",
    "write_atomically",
]

# The kernel's clock ticks make a start time coarse; ids are not used again within this.
_SAME_START_S = 1.0

# How a file is named until it is whole. Writing one takes milliseconds: an older one was left by a killed writer.
_UNFINISHED = ".unfinished-"
_ABANDONED_S = 60.0

# File systems whose locks may be silently local to one client. Source: flock(2) and the kernel's file system names.
_NETWORK_FILE_SYSTEMS = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ncpfs",
        "9p",
        "ceph",
        "glusterfs",
        "lustre",
        "webdav",
        "davfs",
        "afpfs",
        "beegfs",
        "fuse.sshfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.glusterfs",
        "fuse.davfs2",
    ]
)


@dataclass(frozen=True)
class Home:
    """The folders and files under `LOUPE_HOME`. Building one touches nothing; `prepare` makes it ready."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.duckdb"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    @property
    def thumbnails(self) -> Path:
        return self.path / "thumbnails"

    @property
    def index(self) -> Path:
        return self.path / "index"

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def maps(self) -> Path:
        """Points of drawings of the similarity map; made again from the manifest when they are gone."""
        return self.path / "maps"

    @property
    def backups(self) -> Path:
        """Where backups go unless a setting or an option names another folder."""
        return self.path / "backups"

    @property
    def uploads(self) -> Path:
        """Where photos that are sent go unless a setting or a request names another folder. The one folder of the
        home that may be watched, and the one that holds originals."""
        return self.path / "uploads"

    @property
    def restoring(self) -> Path:
        """What a restore prepares. While `commit.json` stands in it the home is neither the old one nor the new."""
        return self.path / "restoring"

    @property
    def run(self) -> Path:
        """Small files that say what is running now; safe to delete when nothing is."""
        return self.path / "run"

    @property
    def outbox_wake(self) -> Path:
        """Touched after each commit that search must show; its mtime wakes the index owner."""
        return self.run / "outbox.wake"

    @property
    def api_file(self) -> Path:
        return self.run / "api.json"

    @property
    def keys_wake(self) -> Path:
        """Touched after each change of the API keys; its mtime tells the running API to read them anew."""
        return self.run / "keys.wake"

    @property
    def dagster_file(self) -> Path:
        return self.run / "dagster.json"

    def ingest_lock(self) -> FileLock:
        """Held by whoever executes an ingest run."""
        return FileLock(self.run / "ingest.lock")

    def holds_results(self) -> bool:
        """Whether something is here that only a manifest can explain: vectors or previews of photos."""
        return any(self.path.glob("vectors-*.duckdb")) or any(self.previews.glob("*/*"))

    def prepare(self) -> Home:
        """Create the folders. Raises `HOME_ON_NETWORK`, `HOME_NOT_WRITABLE` or `DISK_FULL`."""
        try:
            file_system = _file_system_of(self.path)
        except OSError as error:
            raise storage_error(error, self.path) from error
        if file_system in _NETWORK_FILE_SYSTEMS:
            raise LoupeError(
                "HOME_ON_NETWORK",
                f"{self.path} is on a network share ({file_system}), whose file locks cannot be trusted. "
                "Set LOUPE_HOME to a folder on a local disk; photos themselves may stay on the share.",
                path=str(self.path),
                file_system=file_system,
            )
        try:
            # A new home is its owner's alone: what photos show and where they were taken is nobody else's business.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (
                self.previews,
                self.thumbnails,
                self.index,
                self.dagster,
                self.models,
                self.logs,
                self.run,
            ):
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.run) as probe:
                probe.write(b"loupe")
                probe.flush()
        except OSError as error:
            raise storage_error(error, self.path) from error
        sweep_unfinished(self.run)
        return self

    def read_run_file(self, path: Path) -> dict[str, Any] | None:
        """A `run/*.json` file whose process still lives, else None."""
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) and process_lives(content) else None


def this_process(pid: int | None = None) -> dict[str, Any]:
    """What tells a process from a later one with the same id: `pid`, `machine`, and when it `started` (s).

    On Linux that is since the machine's start, which `boot` names: a time of day would be another one to whoever asks
    after the clock was set.
    """
    return {"pid": pid or os.getpid(), "machine": socket.gethostname(), "boot": _boot(), "started": _started(pid)}


def process_lives(said: Mapping[str, Any]) -> bool:
    """Whether the process that `this_process` described runs on this machine."""
    try:
        same_start = abs(_started(int(said["pid"])) - float(said["started"])) < _SAME_START_S
        return same_start and said.get("machine") == socket.gethostname() and said.get("boot", "") == _boot()
    except (KeyError, TypeError, ValueError, OSError, psutil.Error):
        return False


def _started(pid: int | None) -> float:
    if sys.platform != "linux":
        return psutil.Process(pid).create_time()
    # The 22nd field, proc(5); the second is the program's name, in parentheses, and may hold anything.
    fields = Path(f"/proc/{pid or 'self'}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip() if sys.platform == "linux" else ""


def storage_error(error: OSError, path: Path) -> LoupeError:
    """The `LoupeError` for an operating system error met while writing under `path`."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return LoupeError("DISK_FULL", f"No space is left for {path}. Free some and run the same command again.")
    return LoupeError(
        "HOME_NOT_WRITABLE",
        f"{path} cannot be written to ({error.strerror}). Set LOUPE_HOME to a folder of yours.",
        path=str(path),
    )


def free_bytes(path: Path) -> int:
    """Free bytes on the disk that holds `path` or its nearest existing parent."""
    return shutil.disk_usage(_existing(path)).free


def disk_bytes(path: Path) -> int:
    """What a file, or all in a folder, takes on the disk, without the holes of sparse files; 0 where nothing is."""
    found = os.walk(path) if path.is_dir() else [(str(path.parent), [], [path.name])]
    total = 0
    for folder, _, names in found:
        for name in names:
            with suppress(FileNotFoundError):  # its owner may delete it in this moment
                info = os.stat(os.path.join(folder, name))
                # Windows does not tell blocks.
                total += info.st_blocks * 512 if hasattr(info, "st_blocks") else info.st_size
    return total


def write_atomically(path: Path, data: bytes, *, durable: bool = True, begun_in: Path | None = None) -> None:
    """Write `data` so that a reader sees the old file or the new one, never a part.

    `durable` waits for the disk, so that a power cut too leaves one of the two; without it the file may be empty then.
    A kill leaves what was begun, in the folder of `path` or in `begun_in`: `sweep_unfinished` removes it.
    """
    handle, temporary = tempfile.mkstemp(dir=begun_in or path.parent, prefix=f"{_UNFINISHED}{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sweep_unfinished(folder: Path) -> None:
    """Remove what killed writers left in `folder` (not below it). What cannot be removed stays."""
    latest = time.time() - _ABANDONED_S
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.startswith(_UNFINISHED) and entry.stat(follow_symlinks=False).st_mtime < latest:
                    os.unlink(entry.path)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _file_system_of(path: Path) -> str:
    target = str(_existing(path).resolve())
    best, kind = "", ""
    for mount in psutil.disk_partitions(all=True):
        point = mount.mountpoint
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, mount.fstype.lower()
    return kind
