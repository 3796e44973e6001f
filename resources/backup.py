"""Backups of a home: the manifest, the settings, vectors once, and previews if asked for.

    FOLDER/
      000007-20260131T030000Z/   one backup: backup.json, manifest.duckdb, loupe.toml
      vectors/<sha256>.parquet   rows of vectors, shared by the backups that name them in backup.json
      previews/, thumbnails/     as in the home, shared by the backups whose pictures.parquet lists them

A backup appears under its name when it is whole and verified. What backups share is written before the first backup
names it and deleted after the last one that did. Not here: reading one back (`restore`), when to make one.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa
import structlog
from filelock import FileLock, Timeout

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.folders import from_text
from resources.home import Home, free_bytes, write_atomically
from resources.manifest import Manifest, Transaction, VectorFile, integrity, newest_schema, roots, unknown_schemas
from resources.photo_store import PhotoStore
from resources.settings import Settings

__all__ = [
    "FORMAT",
    "Backup",
    "Segment",
    "StoredFile",
    "VectorPart",
    "back_up",
    "backup_due",
    "backup_folder",
    "file_hash",
    "flush",
    "list_backups",
    "list_upgrade_copies",
    "picture_rows",
    "segment_path",
]

log = structlog.get_logger(__name__)

FORMAT = 1
_NAME = re.compile(r"(\d{6,})-\d{8}T\d{6}Z")
_UNFINISHED = ".unfinished-"
# Rows of vectors that are read at a time: 30 MB at 768 dimensions, and the file is held for about 0.1 s.
_ROWS_A_STEP = 10_000
# A segment is written again with the new rows when it is not longer than this many times as many, or short anyway: so
# there are about log2(n) of them, and a vector is copied as often as that in all its life.
_MERGE_RATIO = 2
_SHORT_SEGMENT = 1_000
# Room that is left to the disk: DuckDB and SQLite map files, and a full disk under one ends the process.
_ROOM_BYTES = 64 << 20
_NIGHT_HOUR = 3
# Coarser than any file system's times.
_SETTLED_S = 2.0


@dataclass(frozen=True)
class StoredFile:
    """A file of a backup's own folder."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Segment:
    """Rows of vectors in `vectors/<sha256>.parquet`."""

    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class VectorPart:
    """One file of vectors of the home: `rows` in `segments`, as it was at `size` and `mtime_ns` (0: do not trust it).

    A segment may hold rows that are no longer in the file.
    """

    name: str
    rows: int
    size: int
    mtime_ns: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Backup:
    """What `backup.json` says. `number` grows with every backup of a folder, whatever the clock does.

    `created_at` is UTC in ISO 8601, `schema` the manifest's, `library` tells libraries apart that share a folder,
    `rows` counts the manifest's by table, `pictures` the files of previews and thumbnails (None: not backed up).
    """

    number: int
    created_at: str
    reason: str
    library: str
    home: str
    loupe: str
    schema: int
    rows: dict[str, int]
    files: tuple[StoredFile, ...]
    vectors: tuple[VectorPart, ...]
    pictures: int | None
    written_bytes: int
    format: int = FORMAT

    @property
    def name(self) -> str:
        stamp = datetime.fromisoformat(self.created_at)
        return f"{self.number:06d}-{stamp:%Y%m%dT%H%M%SZ}"

    @property
    def total_bytes(self) -> int:
        """What a copy of manifest, settings and vectors takes; pictures are not counted."""
        segments = [segment for part in self.vectors for segment in part.segments]
        return sum(file.bytes for file in self.files) + sum(segment.bytes for segment in segments)

    @classmethod
    def read(cls, folder: Path) -> Backup:
        """Raises `BACKUP_NOT_FOUND`, `BACKUP_DAMAGED` or `BACKUP_TOO_NEW`."""
        try:
            said = json.loads((folder / "backup.json").read_bytes())
            if said["format"] > FORMAT or unknown_schemas([said["schema"]]):
                raise LoupeError(
                    "BACKUP_TOO_NEW",
                    f"{folder} was written by Loupe {said['loupe']}, which is newer than this one. Upgrade Loupe.",
                    found=said["schema"],
                    known=newest_schema(),
                )
            vectors = [
                VectorPart(**{**part, "segments": tuple(Segment(**each) for each in part["segments"])})
                for part in said["vectors"]
            ]
            files = tuple(StoredFile(**each) for each in said["files"])
            return cls(**{**said, "files": files, "vectors": tuple(vectors)})
        except FileNotFoundError as error:
            raise LoupeError("BACKUP_NOT_FOUND", f"{folder} is no backup of Loupe.", path=str(folder)) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LoupeError(
                "BACKUP_DAMAGED", f"{folder / 'backup.json'} cannot be read: {error}", path=str(folder)
            ) from error


def backup_folder(settings: Settings) -> Path:
    """Where this library's backups go."""
    return settings.backup_folder or Home(settings.home).backups


def backup_due(manifest: Manifest, settings: Settings, now: datetime) -> tuple[bool, str]:
    """Whether there is no backup since last night's hour (03:00 of `now`'s zone), and why not if there is.

    A machine that was off at that hour owes the backup; a clock that was set back owes none twice a night.
    """
    with manifest.read() as tx:
        rows, library, _ = _look(tx)
    if not rows["photos"]:
        return False, "there is no photo yet"
    last = _last_of(library, list_backups(backup_folder(settings)))
    if last is None:
        return True, ""
    made = datetime.fromisoformat(last[1].created_at).replace(tzinfo=UTC)
    night = now.replace(hour=_NIGHT_HOUR, minute=0, second=0, microsecond=0)
    night = night if night <= now else night - timedelta(days=1)
    if made >= night and made <= now + timedelta(hours=1):
        return False, f"the last backup was made at {made.astimezone(now.tzinfo):%Y-%m-%d %H:%M}"
    return True, ""


def list_backups(folder: Path) -> list[Path]:
    """The backups below `folder`, newest first. One that cannot be read is listed as well."""
    found = [path for path in folder.glob("*-*Z") if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=_number, reverse=True)


def list_upgrade_copies(home: Home) -> list[Path]:
    """The copies of the manifest that upgrades of Loupe made, newest first."""
    return sorted(home.backups.glob("manifest-schema-*.duckdb"), key=lambda path: path.stat().st_mtime, reverse=True)


def back_up(
    manifest: Manifest,
    home: Home,
    folder: Path,
    *,
    keep: int = 14,
    previews: bool = False,
    reason: str = "asked for",
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Backup:
    """Write and verify a backup into `folder`, then delete all but the `keep` newest of this library.

    The manifest is held while it is copied, a file of vectors while a step of rows is read. `progress` hears what is
    done, of how many. Raises `DISK_FULL`, `BACKUP_NOT_WRITABLE`, `BACKUP_BUSY`, `INVALID_REQUEST` when `folder` lies in
    a watched one, `BACKUP_DAMAGED` when what was written does not read back; the backups before it stay as they were.
    """
    _refuse_watched(manifest, folder)
    with _writing_to(folder), _only_writer(home.run / "backup.lock"), _only_writer(folder / ".lock"):
        _remove_unfinished(folder)
        backup = _Writer(manifest, home, folder, progress).write(reason, previews)
        _prune(home, folder, backup.library, keep)
    log.info("backup written", name=backup.name, folder=str(folder), bytes=backup.written_bytes)
    return backup


def segment_path(folder: Path, segment: Segment) -> Path:
    return folder / "vectors" / f"{segment.sha256}.parquet"


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with open(path, "rb") as stream:
        return file_digest(stream, sha256).hexdigest()


# By so much may the clocks of the machines that write into one folder differ, and one be set back.
_CLOCKS_DIFFER_S = 86_400.0
_PICTURES = pa.schema([("kind", pa.string()), ("name", pa.string()), ("bytes", pa.int64()), ("sha256", pa.string())])


class _Writer:
    """One backup in the making."""

    def __init__(self, manifest: Manifest, home: Home, folder: Path, progress: Callable[[str, int, int], None]) -> None:
        self._manifest = manifest
        self._home = home
        self._folder = folder
        self._progress = progress
        self._written = 0

    def write(self, reason: str, previews: bool) -> Backup:
        earlier = list_backups(self._folder)
        now = utc_now()
        number = max((_number(path) for path in earlier), default=0) + 1
        working = self._folder / f"{_UNFINISHED}{number:06d}"
        working.mkdir(parents=True)
        try:
            copy = working / "manifest.duckdb"
            # The manifest first: a vector is stored before the manifest says so, so none is missing afterwards.
            self._progress("manifest", 0, 1)
            rows, library, schema = self._copy_manifest(copy)
            self._progress("manifest", 1, 1)
            last = _last_of(library, earlier)
            vectors = tuple(self._vectors(file, last) for file in VectorFile.all_in(self._home))
            pictures = self._pictures(working, last) if previews else None
            settings = self._home.path / "loupe.toml"
            if settings.exists():
                shutil.copy2(settings, working / settings.name)
                flush(working / settings.name)
            files = tuple(_stored(path) for path in sorted(working.iterdir()))
            _check_manifest(copy, rows)
            backup = Backup(
                number=number,
                created_at=now.isoformat(timespec="seconds"),
                reason=reason,
                library=library,
                home=str(self._home.path),
                loupe=version("loupe-photos"),
                schema=schema,
                rows=rows,
                files=files,
                vectors=vectors,
                pictures=pictures,
                written_bytes=self._written + sum(file.bytes for file in files),
            )
            write_atomically(working / "backup.json", json.dumps(asdict(backup), indent=1).encode())
            flush(working)
            working.rename(self._folder / backup.name)
            flush(self._folder)
        except BaseException:
            shutil.rmtree(working, ignore_errors=True)
            raise
        return backup

    def _copy_manifest(self, target: Path) -> tuple[dict[str, int], str, int]:
        self._need(self._home.manifest.stat().st_size)
        if self._folder.stat().st_dev == self._home.path.stat().st_dev:
            found = self._manifest.copy_to(target, _look)
        else:  # a distant or slow disk would keep writers waiting for as long as it takes
            self._home.backups.mkdir(exist_ok=True)
            near = self._home.backups / f"{_UNFINISHED}manifest"
            try:
                found = self._manifest.copy_to(near, _look)
                shutil.copyfile(near, target)
            finally:
                near.unlink(missing_ok=True)
        flush(target)
        return found

    # Vectors

    def _vectors(self, file: VectorFile, last: tuple[Path, Backup] | None) -> VectorPart:
        """The segments that hold every row of `file`: those of the last backup and one of what is new."""
        info = file.path.stat()
        before = next((part for part in last[1].vectors if part.name == file.path.name), None) if last else None
        sound = [segment for segment in before.segments if self._is_sound(segment)] if before else []
        same = before is not None and len(sound) == len(before.segments)
        if same and before and before.mtime_ns and (before.size, before.mtime_ns) == (info.st_size, info.st_mtime_ns):
            return before
        # A change within the clock's grain of this look would not show in the time: then the next look compares rows.
        settled = abs(time.time() - info.st_mtime) > _SETTLED_S
        keys = file.keys()
        kept, new = _divide(keys, [(segment, self._keys_of(segment)) for segment in sound])
        if len(new):
            kept = [*kept, self._segment(file, new)]
        mtime_ns = info.st_mtime_ns if settled else 0
        return VectorPart(file.path.name, len(keys), info.st_size, mtime_ns, tuple(kept))

    def _is_sound(self, segment: Segment) -> bool:
        """Read to its end each time, so that a damaged one is written anew while the vectors are still here."""
        path = segment_path(self._folder, segment)
        with suppress(OSError):
            if path.stat().st_size == segment.bytes and file_hash(path) == segment.sha256:
                return True
        log.warning("a part of the last backup is damaged and is written anew", path=str(path))
        return False

    def _keys_of(self, segment: Segment) -> pa.Table:
        import pyarrow.parquet as pq

        return pq.read_table(segment_path(self._folder, segment), columns=list(VectorFile.KEYS))

    def _segment(self, file: VectorFile, keys: pa.Table) -> Segment:
        """Write the rows of `keys`, a step at a time."""
        import pyarrow.parquet as pq

        store = self._folder / "vectors"
        store.mkdir(exist_ok=True)
        path = store / f"{_UNFINISHED}segment.parquet"
        rows, writer = 0, None
        try:
            for start in range(0, len(keys), _ROWS_A_STEP):
                found = file.rows(keys.slice(start, _ROWS_A_STEP))
                self._need(found.nbytes)
                # Numbers of a model do not compress; their keys do, but are few bytes beside them.
                writer = writer or pq.ParquetWriter(path, found.schema, compression="none")
                writer.write_table(found)
                rows += len(found)
                self._progress("vectors", min(start + _ROWS_A_STEP, len(keys)), len(keys))
            assert writer is not None
            writer.close()
            flush(path)
            segment = Segment(file_hash(path), path.stat().st_size, rows)
            if pq.read_metadata(path).num_rows != rows:
                raise _unreadable(path)
            path.rename(segment_path(self._folder, segment))
            flush(store)
        finally:
            if writer is not None and writer.is_open:
                with suppress(OSError):
                    writer.close()
            path.unlink(missing_ok=True)
        self._written += segment.bytes
        return segment

    # Previews and thumbnails

    def _pictures(self, working: Path, last: tuple[Path, Backup] | None) -> int:
        """Copy those that the store lacks, and list all of them. Returns how many there are."""
        import pyarrow.parquet as pq

        known = {(kind, name): (size, digest) for kind, name, size, digest in picture_rows(last[0])} if last else {}
        theirs, ours = PhotoStore(self._home), PhotoStore(Home(self._folder))
        with self._manifest.read() as tx:
            names = integrity.pixel_hashes(tx)
        rows: list[tuple[str, str, int, str]] = []
        for done, name in enumerate(sorted(names)):
            for kind, source, target in (
                ("previews", theirs.preview_path(name), ours.preview_path(name)),
                ("thumbnails", theirs.thumbnail_path(name), ours.thumbnail_path(name)),
            ):
                if stored := self._picture(source, target, known.get((kind, name))):
                    rows.append((kind, name, *stored))
            if done % 1000 == 0:
                self._progress("previews", done, len(names))
        self._progress("previews", len(names), len(names))
        _flush_all()
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        table = pa.table(dict(zip(_PICTURES.names, columns, strict=True)), schema=_PICTURES)
        pq.write_table(table, working / "pictures.parquet", compression="zstd")
        flush(working / "pictures.parquet")
        return len(rows)

    def _picture(self, source: Path, target: Path, known: tuple[int, str] | None) -> tuple[int, str] | None:
        """Size and hash of the stored copy; None when the home has no such picture (it was culled)."""
        with suppress(FileNotFoundError):
            if known and target.stat().st_size == known[0]:
                return known  # even if it was culled from the home since
        try:
            data = source.read_bytes()
        except FileNotFoundError:
            return None
        if not data:
            return None  # emptied by a power cut
        digest = sha256(data).hexdigest()
        with suppress(FileNotFoundError):
            if target.stat().st_size == len(data) and file_hash(target) == digest:
                return len(data), digest
        self._need(len(data))
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, data, durable=False)
        if file_hash(target) != digest:
            raise _unreadable(target)
        self._written += len(data)
        return len(data), digest

    def _need(self, size: int) -> None:
        """Raises `DISK_FULL` rather than fill the disk that others write to as well."""
        if free_bytes(self._folder) < size + _ROOM_BYTES:
            raise _full(self._folder)


def _divide(keys: pa.Table, segments: Sequence[tuple[Segment, pa.Table]]) -> tuple[list[Segment], pa.Table]:
    """The segments to keep, and the keys for a new one: those in no segment, and those of segments to write again."""
    import pyarrow.compute as pc

    here = _joined(keys)
    new = pa.array([True] * len(keys)) if len(keys) else pa.array([], pa.bool_())
    held: list[tuple[Segment, pa.Array]] = []
    for segment, theirs in segments:
        inside = pc.is_in(here, value_set=_joined(theirs))
        if 2 * (pc.sum(inside).as_py() or 0) > segment.rows:
            held.append((segment, inside))
            new = pc.and_not(new, inside)
    kept: list[Segment] = []
    for segment, inside in sorted(held, key=lambda pair: pair[0].rows):
        count = pc.sum(new).as_py() or 0
        if count and segment.rows <= max(_MERGE_RATIO * count, _SHORT_SEGMENT):
            new = pc.or_(new, inside)
        else:
            kept.append(segment)
    return kept, keys.filter(new)


def _joined(keys: pa.Table) -> pa.Array:
    import pyarrow.compute as pc

    columns = [keys.column(name).combine_chunks() for name in VectorFile.KEYS]
    return pc.binary_join_element_wise(*columns, "\n")


def _look(tx: Transaction) -> tuple[dict[str, int], str, int]:
    """Rows by table, which library this is, and the schema."""
    tables = [row[0] for row in tx.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()]
    rows = {table: int(tx.value(f'SELECT count(*) FROM "{table}"')) for table in tables}
    born, schema = tx.execute("SELECT min(applied_at), max(version) FROM schema_migrations").fetchall()[0]
    # The moment of its first migration names a library wherever it is moved or restored to.
    return rows, sha256(str(born).encode()).hexdigest()[:12], int(schema)


def _check_manifest(path: Path, rows: dict[str, int]) -> None:
    """Raises `BACKUP_DAMAGED` unless the copy opens, every block of it reads, and it holds as many rows."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            for table, count in rows.items():
                # Hashing whole rows reads every block, whose checksums DuckDB compares.
                found = connection.execute(f'SELECT count(*), bit_xor(hash(t)) FROM "{table}" t').fetchall()[0][0]
                if found != count:
                    raise _unreadable(path)
    except duckdb.Error as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> LoupeError:
    return LoupeError(
        "BACKUP_DAMAGED",
        f"What was written to {path} does not read back as it was. Look at the disk; no backup was made.",
        path=str(path),
    )


def _full(folder: Path) -> LoupeError:
    return LoupeError(
        "DISK_FULL",
        f"No space is left for a backup in {folder}. Free some, or name another folder with --to; "
        "earlier backups are kept.",
        path=str(folder),
        free_bytes=free_bytes(folder),
    )


def _last_of(library: str, paths: Sequence[Path]) -> tuple[Path, Backup] | None:
    """The newest backup of this library that can be read."""
    return next(_readable(library, paths), None)


def _readable(library: str | None, paths: Sequence[Path]) -> Iterator[tuple[Path, Backup]]:
    for path in paths:
        try:
            backup = Backup.read(path)
        except LoupeError as error:
            log.warning("a backup cannot be read", path=str(path), code=error.code)
            continue
        if library in (None, backup.library):
            yield path, backup


def picture_rows(path: Path) -> Iterator[tuple[str, str, int, str]]:
    """The pictures of the backup at `path`: kind ("previews" or "thumbnails"), name (pixel hash), bytes, SHA-256."""
    import pyarrow.parquet as pq

    listed = path / "pictures.parquet"
    table = pq.read_table(listed) if listed.exists() else _PICTURES.empty_table()
    columns = [table.column(name).to_pylist() for name in _PICTURES.names]
    return zip(*columns, strict=True)


def _stored(path: Path) -> StoredFile:
    return StoredFile(path.name, path.stat().st_size, file_hash(path))


def _number(path: Path) -> int:
    return int(path.name.partition("-")[0])


# The folder


def _refuse_watched(manifest: Manifest, folder: Path) -> None:
    """Copies of previews in a watched folder would come in as photos."""
    with manifest.read() as tx:
        watched = [Path(from_text(root["path"])) for root in roots.list_all(tx)]
    inside = next((root for root in watched if folder.resolve().is_relative_to(root.resolve())), None)
    if inside:
        raise LoupeError(
            "INVALID_REQUEST", f"{folder} lies in {inside}, which is watched for photos. Name a folder outside it."
        )


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    """Say what it means when the folder cannot be written to."""
    import errno

    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(folder) from error
        raise LoupeError(
            "BACKUP_NOT_WRITABLE",
            f"Backups cannot be written to {folder}: {error.strerror or error}.",
            path=str(folder),
        ) from error


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LoupeError("BACKUP_BUSY", "Another backup is being written. Wait for it to end.") from error
    try:
        yield
    finally:
        lock.release()


def _remove_unfinished(folder: Path) -> None:
    """What a backup that was killed left; nobody else writes here now."""
    left = list(folder.glob(f"{_UNFINISHED}*"))
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if left:
        for pattern in (f"vectors/{_UNFINISHED}*", "previews/*/.*.jpg.*", "thumbnails/*/.*.jpg.*"):
            for path in folder.glob(pattern):
                path.unlink()


def _prune(home: Home, folder: Path, library: str, keep: int) -> None:
    """Delete the oldest backups of this library, then what no backup of the folder names any more.

    A backup that cannot be read keeps what is not younger than it: that is all it can name. One by a newer Loupe, which
    may keep other things, keeps everything.
    """
    ours = [path for path, _ in _readable(library, list_backups(folder))]
    for path in ours[keep:]:
        # Out of the list first, so that a kill leaves no backup of which a part is gone.
        doomed = folder / f"{_UNFINISHED}{path.name}"
        path.rename(doomed)
        shutil.rmtree(doomed)
    left: list[tuple[Path, Backup]] = []
    kept_until = -math.inf
    for path in list_backups(folder):
        try:
            left.append((path, Backup.read(path)))
        except LoupeError as error:
            if error.code == "BACKUP_TOO_NEW":
                return
            kept_until = max(kept_until, _changed_at(path) + _CLOCKS_DIFFER_S)
    named = {segment.sha256 for _, backup in left for part in backup.vectors for segment in part.segments}
    for path in (folder / "vectors").glob("*.parquet"):
        if path.stem not in named and path.stat().st_mtime > kept_until:
            path.unlink()
    if ours[keep:]:
        _prune_pictures(folder, [path for path, _ in left], kept_until)
    if len(ours) >= keep:
        _prune_copies(home, ours[keep - 1])


def _changed_at(backup: Path) -> float:
    """When the last part of a backup was written, in seconds of the epoch; infinite where the disk does not say."""
    try:
        return max(path.stat().st_mtime for path in (backup, *backup.iterdir()))
    except OSError:
        return math.inf


def _prune_pictures(folder: Path, left: Sequence[Path], kept_until: float) -> None:
    if not (folder / "previews").exists():
        return
    named = {(kind, name) for path in left for kind, name, _, _ in picture_rows(path)}
    for kind in ("previews", "thumbnails"):
        for path in (folder / kind).glob("*/*.jpg"):
            if (kind, path.stem) not in named and path.stat().st_mtime > kept_until:
                path.unlink()


def _prune_copies(home: Home, oldest: Path) -> None:
    """Copies from before an upgrade go when every backup that is kept was made after it."""
    for path in list_upgrade_copies(home):
        if path.stat().st_mtime < oldest.stat().st_mtime:
            path.unlink()


def flush(path: Path) -> None:
    """Wait until the disk has the file, or the names in the folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_all() -> None:
    """As `_flush` for a hundred thousand files at once."""
    os.sync()
