"""Who may open the index, which generation is current, and what happens to one that cannot be opened."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home, disk_bytes, storage_error, sweep_unfinished, write_atomically
from resources.settings import Settings
from resources.vector_index.embedded import EmbeddedIndex, ShardDamagedError
from resources.vector_index.points import IndexModel, ModelKey, generation_name
from resources.vector_index.protocol import VectorIndex

__all__ = ["IndexFolder", "IndexPosition", "open_index", "read_position"]

log = structlog.get_logger(__name__)

_SET_ASIDE = "damaged-"


def open_index(settings: Settings, model: ModelKey | None) -> VectorIndex:
    """The index of `model` (None: words and facts only), created empty when there is none.

    `apply_outbox` fills it. An embedded index is owned until `close()`; raises `INDEX_BUSY` at once when another
    process owns it, `INDEX_UNREACHABLE` when the server of `Settings.qdrant_url` is.
    """
    wanted = None if model is None else IndexModel.of(model)
    home = Home(settings.home)
    if settings.qdrant_url:
        from resources.vector_index.server import ServerIndex

        return ServerIndex.connect(settings, wanted)
    folder = IndexFolder(home)
    folder.own()
    try:
        return folder.open(wanted, release=True)
    except BaseException:
        folder.release()
        raise


@dataclass(frozen=True)
class IndexPosition:
    """How far an index was when it was last brought up to date; `applied_seq` is None while it was never whole."""

    generation: str
    points: int
    applied_seq: int | None


def read_position(settings: Settings, model: ModelKey | None) -> IndexPosition:
    """What the index of `model` holds, without opening, creating or changing it, whoever owns it.

    Raises `INDEX_UNREACHABLE` when the server of `Settings.qdrant_url` is.
    """
    wanted = None if model is None else IndexModel.of(model)
    generation = generation_name(wanted)
    if settings.qdrant_url:
        from resources.vector_index.server import ServerIndex

        return IndexPosition(generation, *ServerIndex.position(settings, wanted))
    try:
        said = json.loads((Home(settings.home).index / generation / "applied.json").read_bytes())
        return IndexPosition(generation, int(said["points"]), said["seq"])
    except (OSError, ValueError, KeyError, TypeError):
        return IndexPosition(generation, 0, None)


class IndexFolder:
    """`LOUPE_HOME/index`: one folder a generation, `current` that names the one in use, `owner.lock`."""

    def __init__(self, home: Home) -> None:
        self.path = home.index
        # The operating system frees the lock when its process ends, however that ends.
        self._lock = FileLock(self.path / "owner.lock", timeout=0, thread_local=False)

    def own(self) -> None:
        """Become the owner. Raises `INDEX_BUSY` at once when another process is."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as error:
            raise LoupeError(
                "INDEX_BUSY", "Another Loupe process owns the index: ask it, or stop it and try again."
            ) from error
        except OSError as error:
            raise storage_error(error, self.path) from error
        for folder in (self.path, *(path for path in self.path.iterdir() if path.is_dir())):
            sweep_unfinished(folder)

    def release(self) -> None:
        self._lock.release()

    def open(self, model: IndexModel | None, release: bool = False) -> EmbeddedIndex:
        """The generation of `model`, a damaged one set aside and begun anew. `release`: closing it unlocks."""
        folder = self.path / generation_name(model)
        on_close = self.release if release else None
        try:
            index = EmbeddedIndex(folder, model, on_close)
        except ShardDamagedError as damage:
            self._set_aside(folder, damage)
            index = EmbeddedIndex(folder, model, on_close)
        described = folder / "generation.json"
        if not described.exists():
            content = {"model": asdict(model) if model else None, "created_at": utc_now().isoformat()}
            write_atomically(described, json.dumps(content).encode())
        return index

    def current(self) -> tuple[bool, IndexModel | None]:
        """Whether a generation is in use, and of which model."""
        try:
            name = (self.path / "current").read_text()
            model = json.loads((self.path / name / "generation.json").read_text())["model"]
        except (OSError, ValueError, KeyError):
            return False, None
        return True, IndexModel(**model) if model else None

    def generations(self) -> list[Path]:
        """Every generation on the disk, newest use first."""
        found = [path for path in self.path.iterdir() if (path / "generation.json").exists()]
        found = [path for path in found if not path.name.startswith(_SET_ASIDE)]
        return sorted(found, key=lambda path: _used_ns(path), reverse=True)

    def prune(self, keep: int = 2) -> list[str]:
        """Delete all but the current generation and the `keep - 1` used last before it. Returns what was deleted."""
        try:
            current = (self.path / "current").read_text()
        except OSError:
            current = ""
        others = [path for path in self.generations() if path.name != current]
        gone = others[max(0, keep - 1) :]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        return [path.name for path in gone]

    def drop(self, name: str) -> int:
        """Delete a generation, which nobody has open, unless it is the current one. Returns the bytes freed."""
        folder = self.path / name
        with suppress(OSError):
            if (self.path / "current").read_text() == name:
                return 0
        if folder.parent != self.path or not (folder / "generation.json").exists():
            return 0
        freed = disk_bytes(folder)
        # Gone at once, whatever happens to the rest: what is left of it is no generation.
        (folder / "generation.json").unlink()
        shutil.rmtree(folder, ignore_errors=True)
        return freed

    def _set_aside(self, folder: Path, damage: ShardDamagedError) -> None:
        """Keep the last damaged files for whoever wants to look, out of the way."""
        for old in self.path.glob(f"{_SET_ASIDE}*"):
            shutil.rmtree(old, ignore_errors=True)
        aside = folder.with_name(f"{_SET_ASIDE}{utc_now():%Y%m%dT%H%M%S}-{folder.name}")
        log.warning("index damaged, building it again", folder=str(folder), set_aside=str(aside), reason=str(damage))
        folder.rename(aside)


def _used_ns(generation: Path) -> int:
    applied = generation / "applied.json"
    return (applied if applied.exists() else generation).stat().st_mtime_ns
