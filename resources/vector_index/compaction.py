"""Compacting the embedded index: another process builds the search graph of a copy, which then takes over.

Without it every search looks at every vector. The engine's `optimize()` stops queries for as long as it takes, so it
never runs in the process that answers them. Belongs here: when to compact, the process, catching up, taking over. Not
here: how a shard is copied and exchanged (`embedded.py`), why these figures (docs/decisions/compaction.md).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import psutil
import structlog

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home, free_bytes, this_process, write_atomically
from resources.manifest import Manifest, VectorStore
from resources.settings import Settings
from resources.vector_index import compacting
from resources.vector_index.embedded import Compacted, CompactedCopy, EmbeddedIndex, ShardDamagedError, compacting_file
from resources.vector_index.outbox import apply_outbox, why_rebuild
from resources.vector_index.photo_points import vector_store
from resources.vector_index.protocol import VectorIndex

__all__ = ["CompactionStatus", "Compactor", "command"]

log = structlog.get_logger(__name__)


class _NoRoomError(LoupeError):
    """Disk or memory would not do; nothing was begun."""


CompactionState = Literal["idle", "copying", "building", "catching_up", "no_room", "failed"]

_LOOK_S = 0.2
# After one that failed, or for which there was no room, the next is tried so much later.
_TRY_AGAIN_S = 3600.0
# The copy, the compacted segment beside what it is made of, and the log: somewhat more than twice the shard.
_ROOM = 3
# Vectors and graph are built in memory, beside what the copy maps.
_MEMORY = 3
_SPARE_BYTES = 256 << 20


@dataclass(frozen=True)
class CompactionStatus:
    """What compaction does now. `tail` are the points at most that a search looks at one by one.

    `error` says why there is none although the tail is long.
    """

    state: CompactionState = "idle"
    tail: int = 0
    compacted: Compacted | None = None
    error: str | None = None


def command(shard: Path) -> list[str]:
    """What compacts the shard in this folder."""
    return [sys.executable, "-P", compacting.__file__, str(shard)]


class Compactor:
    """Compacts one index at a time. Safe to ask from several threads."""

    def __init__(
        self,
        settings: Settings,
        manifest: Manifest,
        changed: Callable[[], None] = lambda: None,
        build: Callable[[Path], list[str]] | None = None,
    ) -> None:
        """`changed` is called, in any thread, whenever the status is another; `build`: the command that compacts."""
        self._settings = settings
        self._manifest = manifest
        self._changed = changed
        self._build = build or command
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._state: CompactionState = "idle"
        self._error: str | None = None
        self._next_try = 0.0

    def status(self, index: VectorIndex) -> CompactionStatus:
        if not isinstance(index, EmbeddedIndex):
            return CompactionStatus()
        return CompactionStatus(self._state, index.tail, index.compacted, self._error)

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def is_due(self, index: VectorIndex) -> bool:
        """Whether so many points are in no graph that one pays."""
        return (
            isinstance(index, EmbeddedIndex)
            and index.model is not None
            and index.applied_seq is not None
            and index.tail >= self._settings.compact_photos
            and time.monotonic() >= self._next_try
        )

    def start(self, index: VectorIndex) -> None:
        """Compact in a thread; does nothing while one runs. What goes wrong is logged and stands in the status."""
        if not self.running and isinstance(index, EmbeddedIndex):
            self._say("copying")
            self._thread = threading.Thread(target=self._try, args=(index,), name="index-compaction", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Give up the one that runs; what it had is deleted."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def run(self, index: EmbeddedIndex) -> Compacted | None:
        """Compact now; None when it was given up: the index was begun anew or closed, or `stop` was called.

        Raises `DISK_FULL` and `COMPACTION_FAILED`; the index is as before then.
        """
        if index.model is None:
            return None
        started = time.monotonic()
        self._check_room(index)
        copy = index.copy_shard()
        copied_s = time.monotonic() - started
        log.info("compacting the index", points=copy.position.points, tail=index.tail, copied_s=round(copied_s, 2))
        try:
            self._say("building")
            if not self._compact(copy, index.folder):
                return None
            self._say("catching_up")
            copy.open()
            vectors = vector_store(Home(self._settings.home), index.model)
            # Most of what changed meanwhile is applied beside the index, the rest while nothing changes it.
            if not self._catch_up(copy, vectors):
                return None
            with index.changing():
                if not self._catch_up(copy, vectors):
                    return None
                compacted = Compacted(utc_now().isoformat(), copy.position.points, round(time.monotonic() - started, 1))
                if not index.take_over(copy, compacted):
                    return None
        except ShardDamagedError as error:
            raise LoupeError("COMPACTION_FAILED", f"The compacted copy of the index cannot be used: {error}") from error
        except LoupeError as error:
            if error.code == "INDEX_LOADING":
                return None  # closed meanwhile
            raise
        finally:
            copy.discard()
        log.info("index compacted", points=compacted.points, seconds=compacted.seconds, tail=index.tail)
        return compacted

    def _try(self, index: EmbeddedIndex) -> None:
        try:
            self.run(index)
            self._say("idle")
        except LoupeError as error:
            self._next_try = time.monotonic() + _TRY_AGAIN_S
            log.warning("index not compacted", code=error.code, reason=error.message)
            self._say("no_room" if isinstance(error, _NoRoomError) else "failed", error.message)
        except Exception as error:
            self._next_try = time.monotonic() + _TRY_AGAIN_S
            log.exception("index not compacted")
            self._say("failed", str(error))

    def _catch_up(self, copy: CompactedCopy, vectors: VectorStore | None) -> bool:
        """Whether the copy shows the manifest. It is given up when that would mean building it from nothing."""
        if self._stop.is_set() or why_rebuild(self._manifest, copy):
            return False
        apply_outbox(self._manifest, vectors, copy, stop=self._stop)
        return not self._stop.is_set()

    def _check_room(self, index: EmbeddedIndex) -> None:
        held = index.shard_bytes()
        needed, free = _ROOM * held + _SPARE_BYTES, free_bytes(index.folder)
        if free < needed:
            raise _NoRoomError(
                "DISK_FULL",
                f"Compacting the search index takes {_gb(needed)} for a while, and {_gb(free)} are free on its disk. "
                "Search goes on without, more slowly.",
            )
        needed, free = _MEMORY * held, psutil.virtual_memory().available
        if free < needed:
            raise _NoRoomError(
                "COMPACTION_FAILED",
                f"Compacting the search index takes {_gb(needed)} of memory, and {_gb(free)} are free. "
                "Search goes on without, more slowly.",
            )

    def _compact(self, copy: CompactedCopy, folder: Path) -> bool:
        """Run the process that compacts and wait for it. False when `stop` was called."""
        with subprocess.Popen(
            self._build(copy.path), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                # It begins when it is told: whoever owns the index next knows it by this file, or it never began.
                write_atomically(compacting_file(folder), json.dumps(this_process(process.pid)).encode())
                assert process.stdin is not None
                _begin(process.stdin)
                while process.poll() is None and not self._stop.wait(_LOOK_S):
                    pass
            finally:
                if process.poll() is None:
                    process.kill()
                _, said = process.communicate()
                compacting_file(folder).unlink(missing_ok=True)
        if self._stop.is_set():
            return False
        if process.returncode:
            last = said.strip().splitlines()[-1:] or [f"it ended with {process.returncode}"]
            raise LoupeError("COMPACTION_FAILED", f"The index could not be compacted: {last[0]}")
        return True

    def _say(self, state: CompactionState, error: str | None = None) -> None:
        self._state, self._error = state, error
        self._changed()


def _begin(stdin: IO[str]) -> None:
    try:
        stdin.write("go\n")
        stdin.flush()
    except BrokenPipeError:
        pass  # it ended already; why is said by what it wrote


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
