"""Previews as a cache: kept under a limit by removing what can be made again, and made again when it is asked for.

Thumbnails stay, so that pages show every photo; they tell a culled preview from a lost one. Not here: what is done
about lost pictures (`repair`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from resources.engine import DecodeTask, Engine
from resources.folders import from_text
from resources.home import Home
from resources.library import Library, result_key
from resources.manifest import Manifest, integrity, previews, results
from resources.repair import remakeable_pictures

__all__ = [
    "CullCounts",
    "cull",
    "note_use",
    "orphan_pictures",
    "pictures_bytes",
    "remake_previews",
    "remove_orphans",
]

log = structlog.get_logger(__name__)

# A decode worker stores a picture moments before the manifest knows of it; a run flushes every 2 s.
_YOUNG_S = 3600.0
_USED_AGAIN_S = 3600.0
_ALL = 1_000_000_000


@dataclass(frozen=True)
class CullCounts:
    """What a cull did. `bytes_left` is what previews and thumbnails take after it, `over_limit` by how much too much:
    the rest are thumbnails, and previews whose original cannot be reached or that a model has yet to see."""

    culled: int = 0
    bytes_freed: int = 0
    bytes_left: int = 0
    over_limit: int = 0


@dataclass(frozen=True)
class _Picture:
    path: Path
    bytes: int
    used_at: float


def cull(
    library: Library, max_bytes: int | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> CullCounts:
    """Remove previews, used longest ago first, until all pictures take `max_bytes` (default: the setting) at most.

    Only what can be decoded again now and what no model waits for is removed. Without a limit nothing is.
    `progress` hears how many previews were looked at, and of how many.
    """
    limit = library.settings.cache_max_bytes if max_bytes is None else max_bytes
    total = pictures_bytes(library.home)
    if limit is None or total <= limit:
        return CullCounts(bytes_left=total)
    expendable = remakeable_pictures(library.manifest) - _awaited(library)
    thumbnails = library.store.thumbnail_hashes()
    culled = freed = 0
    oldest_first = sorted(_pictures(library.home.previews), key=lambda picture: picture.used_at)
    for number, picture in enumerate(oldest_first):
        if total - freed <= limit:
            break
        progress(number, len(oldest_first))
        # Without its thumbnail the picture would count as lost, and be made again by the next run.
        if picture.path.stem in expendable and picture.path.stem in thumbnails:
            picture.path.unlink(missing_ok=True)
            culled, freed = culled + 1, freed + picture.bytes
    progress(len(oldest_first), len(oldest_first))
    left = total - freed
    log.info("previews culled", culled=culled, bytes_freed=freed, bytes_left=left)
    return CullCounts(culled, freed, left, max(0, left - limit))


def pictures_bytes(home: Home) -> int:
    """What previews and thumbnails take."""
    return sum(picture.bytes for folder in (home.previews, home.thumbnails) for picture in _pictures(folder))


def note_use(preview: Path) -> None:
    """Have a preview count as used now, however the disk is mounted; said again within an hour it costs nothing."""
    with suppress(OSError):  # culled in this moment, or a home that cannot be written to
        info = preview.stat()
        if time.time() - max(info.st_atime, info.st_mtime) > _USED_AGAIN_S:
            os.utime(preview, ns=(time.time_ns(), info.st_mtime_ns))


def remake_previews(
    library: Library, engine: Engine, pixel_hashes: Iterable[str], stop: threading.Event | None = None
) -> set[str]:
    """Decode originals until these previews are in the store again, or it is stopped. Returns those that are.

    A file that changed since, or that decodes to other pixels today, is left to the next run.
    """
    with library.manifest.read() as tx:
        files = previews.originals(tx, sorted(set(pixel_hashes)))
    tasks = [
        DecodeTask(os.path.join(from_text(row["root_path"]), from_text(row["rel_path"])), "original", row["sha256"])
        for row in files
    ]
    wanted = {row["sha256"] for row in files}
    made: set[str] = set()
    for outcome in engine.decode(tasks, lambda sha256: sha256 in wanted, stop or threading.Event()):
        if outcome.decoded:
            made.update(page.pixel_hash for page in outcome.decoded.pages)
    return made & set(pixel_hashes)


def orphan_pictures(manifest: Manifest, home: Home, *, idle: bool = False) -> list[Path]:
    """Previews and thumbnails that belong to no photo, and what a killed writer left of one.

    Unless the home is `idle` (no ingest runs), those of the last hour are not counted: a run may be about to name them.
    """
    # The files are listed before the rows are read: what is stored in between has a row, or is younger.
    stored = [*_files(home.previews), *_files(home.thumbnails)]
    with manifest.read() as tx:
        wanted = integrity.pixel_hashes(tx)
    latest = time.time() - (0 if idle else _YOUNG_S)
    return [
        Path(entry.path)
        for entry in stored
        if (entry.name.startswith(".") or entry.name.removesuffix(".jpg") not in wanted)
        and (idle or _changed_at(entry) < latest)
    ]


def remove_orphans(manifest: Manifest, home: Home) -> int:
    """Remove orphan pictures. The caller holds the ingest lock. Returns how many."""
    orphans = orphan_pictures(manifest, home, idle=True)
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _awaited(library: Library) -> set[str]:
    """Pictures that a model in use has yet to see: it would only have them made again."""
    clip, captioner = library.clip(), library.captioner()
    with library.manifest.read() as tx:
        waiting = results.pending(tx, "embeddings", result_key(clip), _ALL) if clip else []
        waiting += results.pending(tx, "captions", result_key(captioner), _ALL) if captioner else []
    return {each.pixel_hash for each in waiting}


def _pictures(folder: Path) -> Iterator[_Picture]:
    for entry in _files(folder):
        try:
            info = entry.stat()
        except FileNotFoundError:
            continue
        # Most systems note a reading at most once a day, some never: then the oldest go first.
        yield _Picture(Path(entry.path), info.st_size, max(info.st_atime, info.st_mtime))


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    for shelf in os.scandir(folder):
        if shelf.is_dir():
            with os.scandir(shelf.path) as entries:
                yield from entries


def _changed_at(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return time.time()
