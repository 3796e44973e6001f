"""Making the index show the manifest, whoever owns it: the pipeline's `qdrant_points` step."""

from __future__ import annotations

import time

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, outbox
from resources.settings import Settings
from resources.vector_index.follower import owner_file, vector_store
from resources.vector_index.opening import open_index
from resources.vector_index.outbox import AppliedCounts, apply_outbox
from resources.vector_index.points import IndexModel, ModelKey, generation_name

__all__ = ["publish", "wake"]

_LOOK_S = 0.05
# How long an owner may take to notice another model before it is taken to serve its own on purpose.
_NOTICE_S = 10.0


def wake(home: Home) -> None:
    """Tell the owner of the index that there is something to apply."""
    home.run.mkdir(parents=True, exist_ok=True)
    home.outbox_wake.touch()


def publish(manifest: Manifest, settings: Settings, model: ModelKey | None, timeout_s: float = 120.0) -> AppliedCounts:
    """Return when the index shows everything that the manifest held when this was called.

    If the index is free it is taken, brought up to date and released, and the counts say what was done. Else its owner
    is woken and waited for, and for its switch to `model`; the counts then hold only `applied_seq`. Raises
    `INDEX_BEHIND` after `timeout_s` seconds without arriving, and what the owner reports when it cannot go on.
    """
    home = Home(settings.home)
    wanted = None if model is None else IndexModel.of(model)
    with manifest.read() as tx:
        target = outbox.newest_seq(tx)
    wake(home)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return _apply(manifest, settings, wanted)
        except LoupeError as error:
            if error.code != "INDEX_BUSY":
                raise
        reached = _wait_for_owner(home, target, generation_name(wanted), deadline)
        if reached is not None:
            return AppliedCounts(applied_seq=reached)


def _apply(manifest: Manifest, settings: Settings, model: IndexModel | None) -> AppliedCounts:
    index = open_index(settings, model)
    try:
        counts = apply_outbox(manifest, vector_store(Home(settings.home), model), index)
        index.make_current()
        return counts
    finally:
        index.close()


def _wait_for_owner(home: Home, target: int, generation: str, deadline: float) -> int | None:
    """The owner's position once it is at `target`; None when there is no owner to wait for (any more)."""
    started = time.monotonic()
    while True:
        owner = home.read_run_file(owner_file(home))
        reached = owner["applied_seq"] if owner else None
        if owner and reached is not None and reached >= target:
            switched = owner["generation"] == generation
            noticed = owner.get("next") == generation
            if switched or (not noticed and time.monotonic() - started > _NOTICE_S):
                return int(reached)
        if time.monotonic() > deadline:
            error = (owner or {}).get("error") or {}
            raise LoupeError(
                "INDEX_BEHIND",
                f"The index did not catch up in time ({error['message']})."
                if error
                else "The index did not catch up in time. Search shows the rest when it has; run the step again.",
                applied_seq=reached,
                wanted_seq=target,
            )
        if owner is None and time.monotonic() - started > 1.0:
            return None  # another batch was being applied, or the owner is gone: try to take the index again
        time.sleep(_LOOK_S)
