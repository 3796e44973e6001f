"""Compacting the index when somebody asks, whoever owns it: `loupe index compact`."""

from __future__ import annotations

import time
from typing import Any

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest
from resources.settings import Settings
from resources.vector_index.compaction import Compactor
from resources.vector_index.embedded import Compacted, EmbeddedIndex
from resources.vector_index.follower import compact_file, model_in_use, owner_file
from resources.vector_index.opening import open_index
from resources.vector_index.outbox import apply_outbox
from resources.vector_index.photo_points import vector_store
from resources.vector_index.points import IndexModel, ModelKey
from resources.vector_index.publishing import wake

__all__ = ["compact_index"]

_LOOK_S = 0.2
# A compaction of a million photos says nothing for an hour; an owner that does not even begin is given up.
_BEGIN_S = 60.0
_AT_REST = ("idle", "no_room", "failed")


def compact_index(manifest: Manifest, settings: Settings, model: ModelKey | None = None) -> Compacted | None:
    """Compact the index of `model` (None: that of the manifest), or have its owner compact the one that it serves.

    None when there is nothing to compact: no vectors, or an index on a server, which compacts by itself. Raises
    `COMPACTION_FAILED`, `DISK_FULL`, and `INDEX_BUSY` when another process keeps the index and does not answer.
    """
    if settings.qdrant_url:
        return None
    wanted = model_in_use(manifest) if model is None else IndexModel.of(model)
    home = Home(settings.home)
    deadline = time.monotonic() + _BEGIN_S
    while True:
        try:
            return _compact(manifest, settings, wanted)
        except LoupeError as error:
            if error.code != "INDEX_BUSY" or time.monotonic() > deadline:
                raise
        if home.read_run_file(owner_file(home)) is not None:
            return _by_owner(home)
        time.sleep(_LOOK_S)  # another process applies, or the owner is about to say who it is


def _compact(manifest: Manifest, settings: Settings, model: IndexModel | None) -> Compacted | None:
    if model is None:
        return None
    index = open_index(settings, model)
    try:
        assert isinstance(index, EmbeddedIndex)
        apply_outbox(manifest, vector_store(Home(settings.home), model), index)
        return Compactor(settings, manifest).run(index)
    finally:
        index.close()


def _by_owner(home: Home) -> Compacted | None:
    """Ask the owner and wait until it is done."""
    request = compact_file(home)
    request.touch()
    wake(home)
    deadline = time.monotonic() + _BEGIN_S
    try:
        while owner := home.read_run_file(owner_file(home)):
            if not request.exists() and (said := owner["compaction"])["state"] in _AT_REST:
                return _outcome(said)
            if request.exists() and _rests(owner) and time.monotonic() > deadline:
                break
            time.sleep(_LOOK_S)
    finally:
        request.unlink(missing_ok=True)
    raise LoupeError("INDEX_BUSY", "The owner of the index ended, or does not answer. Try again.")


def _rests(owner: dict[str, Any]) -> bool:
    """Whether the owner does no compaction that the one asked for waits for."""
    return owner["compaction"]["state"] in _AT_REST


def _outcome(said: dict[str, Any]) -> Compacted | None:
    if said["error"]:
        raise LoupeError("COMPACTION_FAILED", said["error"])
    return Compacted(**said["compacted"]) if said["compacted"] else None
