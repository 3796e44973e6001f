"""Putting a backup in the place of a home's data, whatever state that is in.

Everything new is prepared beside the old and then put in its place by renaming; what was there is set aside, never
deleted. Killed before the first rename, the home is as it was; killed between them, it is refused by whoever opens it
until the same restore is run again. Not here: what a backup holds (`backup`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import structlog
from filelock import FileLock, Timeout

from resources.backup import Backup, file_hash, flush, list_backups, picture_rows, segment_path
from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home, storage_error, write_atomically
from resources.manifest import Manifest, VectorFile, applied_schemas
from resources.photo_store import PhotoStore

__all__ = ["Restored", "find_backup", "refuse_while_running", "restore", "set_aside_folder"]

log = structlog.get_logger(__name__)

_LOCK_WAIT_S = 5.0


@dataclass(frozen=True)
class Restored:
    """What a restore did. `set_aside` is the folder that holds what was there; None when nothing was.

    `vectors` and `pictures` count what was brought back.
    """

    backup: str
    home: str
    set_aside: str | None
    vectors: int
    pictures: int


def find_backup(name: str, folder: Path) -> Path:
    """The backup of this path, name or number, or the "latest" that can be read. Raises `BACKUP_NOT_FOUND`.

    A manifest file alone, such as the copy that an upgrade makes, counts as a backup without vectors and settings.
    """
    given = Path(name).expanduser()
    if given.suffix == ".duckdb" and given.is_file():
        return given.absolute()
    if (given / "backup.json").is_file():
        return given.absolute()
    found = list_backups(folder)
    if name == "latest":
        libraries: set[str] = set()
        whole = []
        for path in found:
            try:
                libraries.add(Backup.read(path).library)
                whole.append(path)
            except LoupeError as error:
                if error.code != "BACKUP_DAMAGED":
                    raise  # the newest one, by a newer Loupe: an older state would come as a surprise
                log.warning("a backup cannot be read", path=str(path), reason=error.message)
        if len(libraries) > 1:
            raise LoupeError("INVALID_REQUEST", f"{folder} holds backups of several libraries: name one of them.")
        if whole:
            return whole[0]
    else:
        for path in found:
            number = path.name.partition("-")[0]
            if path.name == name or (name.isdigit() and int(number) == int(name)):
                return path
    raise LoupeError(
        "BACKUP_NOT_FOUND", f"There is no backup '{name}' in {folder}. `loupe backup list` names them.", name=name
    )


def restore(
    source: Path,
    home: Home,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Restored:
    """Put the backup at `source` in the place of what `home` holds. The index has to be built anew afterwards.

    Nothing is changed before every file of the backup was read and found whole. Previews that are here stay. Raises
    `BACKUP_NOT_FOUND`, `BACKUP_DAMAGED`, `BACKUP_TOO_NEW`, `HOME_IN_USE`, and what `Home.prepare` raises.
    """
    backup = None if source.is_file() else Backup.read(source)
    if backup:
        _check(source, backup, progress)
    home.prepare()
    refuse_while_running(home)
    try:
        unfinished = home.restoring / "commit.json"
        if unfinished.exists():
            # Half old, half new: what is in place now is set aside as well, and this restore begins anew.
            log.warning("an interrupted restore is begun anew", home=str(home.path))
        else:
            shutil.rmtree(home.restoring, ignore_errors=True)
        new = Home(home.restoring / utc_now().strftime("%Y%m%dT%H%M%S.%f"))
        new.path.mkdir(parents=True)
        try:
            vectors = _prepare(source, backup, new, progress)
            pictures = _bring_pictures(source, home, progress) if backup else 0
        except BaseException:
            shutil.rmtree(new.path, ignore_errors=True)  # a full disk gets its room back
            raise
        with _alone(home):
            aside = _swap(home, new, whole=backup is not None)
    except OSError as error:
        raise storage_error(error, home.path) from error
    log.info("restored", backup=str(source), home=str(home.path), set_aside=str(aside))
    return Restored(source.name, str(home.path), str(aside) if aside else None, vectors, pictures)


def refuse_while_running(home: Home) -> None:
    """Raises `HOME_IN_USE` while services, a run or an owner of the index live on this home."""
    for path in (home.api_file, home.dagster_file, home.run / "index-owner.json"):
        if home.read_run_file(path):
            raise _in_use(home)
    with _alone(home):
        pass


# Before anything is changed


def _check(source: Path, backup: Backup, progress: Callable[[str, int, int], None]) -> None:
    """Raises `BACKUP_DAMAGED` unless every file of the backup but its pictures is what was written."""
    parts = [(source / file.name, file.bytes, file.sha256) for file in backup.files]
    parts += [
        (segment_path(source.parent, segment), segment.bytes, segment.sha256)
        for part in backup.vectors
        for segment in part.segments
    ]
    for done, (path, size, digest) in enumerate(parts):
        progress("checking", done, len(parts))
        try:
            whole = path.stat().st_size == size and file_hash(path) == digest
        except OSError as error:
            raise LoupeError(
                "BACKUP_DAMAGED", f"{path} cannot be read ({error.strerror}). Use another backup.", path=str(path)
            ) from error
        if not whole:
            raise LoupeError(
                "BACKUP_DAMAGED", f"{path} does not hold what was written to it. Use another backup.", path=str(path)
            )


def _prepare(source: Path, backup: Backup | None, new: Home, progress: Callable[[str, int, int], None]) -> int:
    """Make manifest, settings and vectors in `new`, in today's schema and on the disk. Returns how many vectors."""
    shutil.copyfile(source / "manifest.duckdb" if backup else source, new.manifest)
    _upgrade(source, new)
    if backup is None:
        _flush_files(new)
        return 0
    if any(file.name == "loupe.toml" for file in backup.files):
        shutil.copy2(source / "loupe.toml", new.path / "loupe.toml")
    done, total = 0, sum(segment.rows for part in backup.vectors for segment in part.segments)
    for part in backup.vectors:
        file = VectorFile(new.path / part.name)
        for segment in part.segments:
            progress("vectors", done, total)
            done += file.load(segment_path(source.parent, segment))
    _flush_files(new)
    return done


def _upgrade(source: Path, new: Home) -> None:
    """Bring the manifest to today's schema. Raises `BACKUP_DAMAGED`, or `BACKUP_TOO_NEW` for a manifest alone."""
    manifest = Manifest(new)
    try:
        with manifest.read() as tx:
            applied = applied_schemas(tx)
        if not applied:  # it would become an empty library
            raise LoupeError("BACKUP_DAMAGED", f"{source} holds no library.")
        manifest.prepare(keep_copy=False)
    except duckdb.Error as error:
        raise LoupeError("BACKUP_DAMAGED", f"{source} holds no manifest that can be opened.") from error
    except LoupeError as error:
        if error.code == "MANIFEST_DAMAGED":
            raise LoupeError("BACKUP_DAMAGED", f"{source} holds no manifest that can be opened.") from error
        if error.code == "HOME_TOO_NEW":
            raise LoupeError(
                "BACKUP_TOO_NEW", f"{source} was written by a newer Loupe. Upgrade Loupe.", **error.details
            ) from error
        raise


def _flush_files(new: Home) -> None:
    for path in new.path.iterdir():
        flush(path)
    flush(new.path)


def _bring_pictures(source: Path, home: Home, progress: Callable[[str, int, int], None]) -> int:
    """Copy the previews and thumbnails that the home lacks; damaged ones are left out: they can be made again."""
    here, stored = PhotoStore(home), PhotoStore(Home(source.parent))
    rows = list(picture_rows(source))
    brought = 0
    for done, (kind, name, size, digest) in enumerate(rows):
        path, copy = (
            (here.preview_path(name), stored.preview_path(name))
            if kind == "previews"
            else (here.thumbnail_path(name), stored.thumbnail_path(name))
        )
        if not (path.exists() and path.stat().st_size == size):
            if copy.exists() and copy.stat().st_size == size and file_hash(copy) == digest:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, copy.read_bytes(), durable=False)
                brought += 1
            else:
                log.warning("a picture of the backup is damaged and left out", path=str(copy))
        if done % 1000 == 0:
            progress("previews", done, len(rows))
    return brought


# The swap


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold every lock by which a process works on this home. Raises `HOME_IN_USE`."""
    home.index.mkdir(parents=True, exist_ok=True)
    locks = [
        home.run / "ingest.lock",
        home.run / "backup.lock",
        home.index / "owner.lock",
        home.manifest.with_suffix(".lock"),
        *(path.with_suffix(".lock") for path in home.path.glob("vectors-*.duckdb")),
    ]
    with ExitStack() as held:
        for path in locks:
            try:
                held.enter_context(FileLock(path).acquire(timeout=_LOCK_WAIT_S))
            except Timeout as error:
                raise _in_use(home) from error
        yield


def _swap(home: Home, new: Home, *, whole: bool) -> Path | None:
    """Set the old aside and put the new in its place. Returns the folder of the old, None when there was nothing."""
    old = [home.manifest, home.path / "manifest.duckdb.wal"]
    if whole:
        old += [*home.path.glob("vectors-*.duckdb"), *home.path.glob("vectors-*.duckdb.wal"), home.path / "loupe.toml"]
    old = [path for path in old if path.exists()]
    shards = [path for path in home.index.iterdir() if path.suffix != ".lock"]
    aside = set_aside_folder(home) if old or shards else None
    write_atomically(home.restoring / "commit.json", json.dumps({"set_aside": str(aside)}).encode())
    if aside:
        (aside / "index").mkdir()
        for path in old:
            path.rename(aside / path.name)
        for path in shards:
            path.rename(aside / "index" / path.name)
        flush(aside)
    for path in sorted(new.path.iterdir()):
        if path.suffix != ".lock":
            path.rename(home.path / path.name)
    flush(home.path)
    (home.restoring / "commit.json").unlink()
    shutil.rmtree(home.restoring, ignore_errors=True)
    return aside


def set_aside_folder(home: Home) -> Path:
    """A new folder for what must not be deleted; numbered, so that a clock that was set back hides nothing."""
    parent = home.path / "set-aside"
    parent.mkdir(exist_ok=True)
    taken = [int(path.name.partition("-")[0]) for path in parent.iterdir() if path.name.partition("-")[0].isdigit()]
    made = parent / f"{max(taken, default=0) + 1:04d}-{utc_now():%Y%m%dT%H%M%SZ}"
    made.mkdir()
    return made


def _in_use(home: Home) -> LoupeError:
    return LoupeError(
        "HOME_IN_USE",
        f"Loupe runs on {home.path}. Stop `loupe up` and every other Loupe command there, then try again.",
        path=str(home.path),
    )
