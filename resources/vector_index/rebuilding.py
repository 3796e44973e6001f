"""Building the index anew from the manifest and the stored vectors, whoever owns it. No model is needed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, outbox
from resources.settings import Settings
from resources.vector_index.follower import model_in_use, owner_file, rebuild_file
from resources.vector_index.opening import IndexFolder, open_index
from resources.vector_index.outbox import AppliedCounts, apply_outbox
from resources.vector_index.photo_points import vector_store
from resources.vector_index.points import IndexModel, ModelKey, generation_name
from resources.vector_index.publishing import Patience, wake

__all__ = ["rebuild_index"]

_LOOK_S = 0.1


def rebuild_index(
    manifest: Manifest,
    settings: Settings,
    model: ModelKey | None = None,
    *,
    timeout_s: float = 120.0,
    progress: Callable[[AppliedCounts], None] = lambda counts: None,
) -> AppliedCounts:
    """Write every point again; `model` None: that of the manifest. Returns when the index shows the manifest.

    A free embedded index is deleted first. One that the search API owns, or that stands on a server, is written over
    point by point and searched meanwhile. The counts of an index that its owner rebuilt hold `rebuilt` and
    `applied_seq` alone. Raises `INDEX_BEHIND` after `timeout_s` seconds without progress, `INDEX_UNREACHABLE`.
    """
    home = Home(settings.home)
    wanted = model_in_use(manifest) if model is None else IndexModel.of(model)
    with manifest.read() as tx:
        target = outbox.newest_seq(tx)
    patience = Patience(timeout_s)
    try:
        while True:
            try:
                return _rebuild(manifest, settings, wanted, progress)
            except LoupeError as error:
                if error.code != "INDEX_BUSY":
                    raise
            reached = _by_owner(home, target, patience)
            if reached is not None:
                return AppliedCounts(rebuilt=True, applied_seq=reached)
    finally:
        rebuild_file(home).unlink(missing_ok=True)


def _rebuild(
    manifest: Manifest, settings: Settings, model: IndexModel | None, progress: Callable[[AppliedCounts], None]
) -> AppliedCounts:
    home = Home(settings.home)
    if not settings.qdrant_url:
        folder = IndexFolder(home)
        folder.own()
        try:
            shutil.rmtree(folder.path / generation_name(model), ignore_errors=True)
        finally:
            folder.release()
    index = open_index(settings, model)
    try:
        with index.changing():
            index.set_applied_seq(None)
            counts = apply_outbox(manifest, vector_store(home, model), index, progress=progress)
        index.make_current()
        return counts
    finally:
        index.close()


def _by_owner(home: Home, target: int, patience: Patience) -> int | None:
    """Ask the owner and wait until it is done; None when there is none to ask (any more)."""
    asked = False
    while (owner := home.read_run_file(owner_file(home))) is not None:
        if not asked:
            rebuild_file(home).touch()
            wake(home)
            asked = True
        elif not rebuild_file(home).exists():
            reached = owner["applied_seq"]
            if reached is not None and reached >= target:
                return int(reached)
        if patience.ended(owner):
            raise LoupeError("INDEX_BEHIND", "The owner of the index got no further. Look at its log, then try again.")
        time.sleep(_LOOK_S)
    if patience.ended(None):
        raise LoupeError("INDEX_BUSY", "Another Loupe process keeps the index: stop it and try again.")
    time.sleep(_LOOK_S)
    return None
