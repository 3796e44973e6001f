"""Making the index show the manifest, whoever owns it: the pipeline's `qdrant_points` step."""

from __future__ import annotations

import time
from typing import Any

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, outbox
from resources.settings import Settings
from resources.vector_index.follower import current_model, owner_file, served_model, takes_over
from resources.vector_index.opening import IndexFolder, open_index, read_position
from resources.vector_index.outbox import AppliedCounts, apply_outbox
from resources.vector_index.photo_points import vector_store
from resources.vector_index.points import IndexModel, ModelKey, generation_name

__all__ = ["Patience", "bring_up_to_date", "publish", "wake"]

_LOOK_S = 0.05
# How long an owner may take to notice another model before it is taken to serve its own on purpose.
_NOTICE_S = 10.0
# What of the owner's file moves while it gets on.
_PROGRESS = ("generation", "applied_seq", "next_seq", "written")


def wake(home: Home) -> None:
    """Tell the owner of the index that there is something to apply."""
    home.run.mkdir(parents=True, exist_ok=True)
    home.outbox_wake.touch()


def publish(manifest: Manifest, settings: Settings, model: ModelKey | None, timeout_s: float = 120.0) -> AppliedCounts:
    """Return when the index shows everything that the manifest held when this was called.

    If the index is free it is taken, brought up to date and released, and the counts say what was done. Else its owner
    is woken and waited for; the counts then hold only `applied_seq`. The index of `model` takes over once it finds as
    much as the one in use (`takes_over`). Until then an owner brings both up to date; without one that of `model` alone
    is, and the one in use is followed up by whoever serves it next. Raises `INDEX_BEHIND` after
    `timeout_s` seconds in which the owner got no further, and what stops this process from applying.
    """
    home = Home(settings.home)
    wanted = None if model is None else IndexModel.of(model)
    with manifest.read() as tx:
        target = outbox.newest_seq(tx)
    wake(home)
    patience = Patience(timeout_s)
    while True:
        try:
            return _apply(manifest, settings, wanted)
        except LoupeError as error:
            if error.code != "INDEX_BUSY":
                raise
        reached = _wait_for_owner(home, target, generation_name(wanted), patience)
        if reached is not None:
            return AppliedCounts(applied_seq=reached)


def bring_up_to_date(manifest: Manifest, settings: Settings, model: ModelKey | None) -> None:
    """As `publish`, where search does not show everything yet: nothing is opened or waited for otherwise.

    As long as the index of `model` finds less than the one that is served, it is that one which is brought up to date.
    Raises `INDEX_UNREACHABLE` when the server of `Settings.qdrant_url` is, and what `publish` raises.
    """
    wanted = None if model is None else IndexModel.of(model)
    served = served_model(settings)
    shown = wanted if takes_over(manifest, served, wanted) else served
    with manifest.read() as tx:
        newest = outbox.newest_seq(tx)
    if shown != served or (read_position(settings, shown).applied_seq or 0) != newest:
        publish(manifest, settings, shown)


class Patience:
    """Ends after `timeout_s` seconds without progress: a large library is not given up half way."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._seen: tuple[object, ...] | None = None
        self._moved_at = time.monotonic()

    def ended(self, owner: dict[str, Any] | None) -> bool:
        """Asked again and again with the owner's file as it is now."""
        seen = tuple(owner.get(key) for key in _PROGRESS) if owner else None
        if seen is not None and seen != self._seen:
            self._seen, self._moved_at = seen, time.monotonic()
        return time.monotonic() - self._moved_at > self._timeout_s


def _apply(manifest: Manifest, settings: Settings, model: IndexModel | None) -> AppliedCounts:
    index = open_index(settings, model)
    try:
        known, current = current_model(settings, IndexFolder(Home(settings.home)), model)
        takes = not known or takes_over(manifest, current, model)  # before it is applied: then it shows all of that
        counts = apply_outbox(manifest, vector_store(Home(settings.home), model), index)
        if takes:
            index.make_current()
        return counts
    finally:
        index.close()


def _wait_for_owner(home: Home, target: int, generation: str, patience: Patience) -> int | None:
    """The owner's position once it is at `target`; None when there is no owner to wait for (any more)."""
    started = time.monotonic()
    while True:
        owner = home.read_run_file(owner_file(home))
        reached = owner["applied_seq"] if owner else None
        if owner and reached is not None and reached >= target:
            switched = owner["generation"] == generation
            building = owner.get("next") == generation
            built = building and owner.get("next_seq") is not None and owner["next_seq"] >= target
            if switched or built or (not building and time.monotonic() - started > _NOTICE_S):
                return int(reached)
        if patience.ended(owner):
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
