"""Changing the model: choosing one, going back to the one before, and what is under way meanwhile.

A change embeds pictures from their previews beside the vectors that are there. Search serves the old index until the
new one finds as much; photos that arrive meanwhile are seen by both models. Captions are replaced one by one.
Not here: the index's own switch (`vector_index/follower.py`), deleting what is no longer used (`model_pruning.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.library import Library, result_key
from resources.manifest import VectorStore, models, results
from resources.manifest.results import ResultKey
from resources.models import CAPTIONERS, PRESETS, ModelIdentity, captioner_spec, clip_spec
from resources.models.presets import ModelKind

__all__ = [
    "Chosen",
    "Completeness",
    "GoingModel",
    "ModelChange",
    "choose",
    "completeness",
    "going_model",
    "kinds_of",
    "model_changes",
    "roll_back",
    "searched_model",
]

log = structlog.get_logger(__name__)

_VECTORS_A_STEP = 10_000


@dataclass(frozen=True)
class Chosen:
    """What a choice did. `waiting` pictures have yet to be seen by the model, `behind` of them were by the one before.

    `before` is the model that was in use, None when there was none; the same as `name` when nothing changed.
    """

    kind: ModelKind
    name: str
    before: str | None
    changed: bool
    waiting: int
    behind: int


@dataclass(frozen=True)
class ModelChange:
    """A change that is under way: `waiting` pictures that the model before has seen and the new one has not.

    Until there are none, search serves the model before; of a captioner, its captions are shown.
    """

    kind: ModelKind
    before: str
    after: str
    waiting: int


@dataclass(frozen=True)
class Completeness:
    """Whether search finds every photo by the model in use: `photos` that a person can see, `found` by content.

    `embedded` have a vector by the manifest's word. `failed` files are those that the model cannot look at; they stand
    among the problem files. `change` is the one that is under way: `served_model` is then another.
    """

    model: str
    served_model: str | None
    photos: int
    embedded: int
    found: int
    failed: int
    missing_in_manifest: int
    missing_in_store: int
    missing_in_index: int
    change: ModelChange | None

    @property
    def whole(self) -> bool:
        missing = self.missing_in_manifest + self.missing_in_store + self.missing_in_index
        return not missing and self.change is None and self.served_model == self.model


@dataclass(frozen=True)
class GoingModel:
    """The model that search still serves, and since when (UTC) it is to be another."""

    model: ModelIdentity
    since: datetime


def kinds_of(name: str) -> list[ModelKind]:
    """What a model of this name is; the demo's is both. Raises `MODEL_UNKNOWN`."""
    known: tuple[tuple[ModelKind, bool], ...] = (
        ("clip", name in PRESETS),
        ("captioner", name in CAPTIONERS or "/" in name),
    )
    kinds = [kind for kind, is_one in known if is_one]
    if not kinds:
        raise LoupeError("MODEL_UNKNOWN", f"No model is called '{name}'; see `loupe models list`.", name=name)
    return kinds


def choose(library: Library, kind: ModelKind, name: str) -> Chosen:
    """Make a fetched model the one in use. Wake the index afterwards.

    Raises `MODEL_UNKNOWN`, `MODEL_NOT_FETCHED`, `MODEL_FILES_INVALID`.
    """
    identity = _identity(library, kind, name)
    key = result_key(identity)
    with library.manifest.write() as tx:
        current = models.in_use(tx, kind)
        changed = models.use(
            tx, kind, identity.name, identity.revision, identity.preprocess_version, identity.dim or None
        )
        stage = _stage(kind)
        waiting = results.count_pending(tx, stage, key)
        behind = results.count_behind(tx, stage, key, models.key_of(current)) if current else 0
    return Chosen(kind, name, current["name"] if current else None, changed, waiting, behind)


def roll_back(library: Library, kind: ModelKind) -> Chosen:
    """Choose the model that was in use before. Wake the index afterwards.

    Raises `NO_EARLIER_MODEL` when there was none, and what `choose` raises.
    """
    with library.manifest.read() as tx:
        before = models.previous(tx, kind)
    what = "image-text model" if kind == "clip" else "captioner"
    if before is None:
        raise LoupeError(
            "NO_EARLIER_MODEL", f"There is no {what} to go back to: none was in use before this one, or it was pruned."
        )
    if result_key(_identity(library, kind, before["name"])) != models.key_of(before):
        raise LoupeError(
            "NO_EARLIER_MODEL",
            f"The {what} '{before['name']}' was in use before, but its files are of another version now: its results "
            f"cannot be gone on with. `loupe models use {before['name']}` begins anew.",
            name=before["name"],
        )
    return choose(library, kind, before["name"])


def going_model(library: Library, clip: ModelIdentity) -> GoingModel | None:
    """The image-text model that search still serves while the library changes to `clip`; None when none does.

    One whose files are gone, or are of another version, cannot see new photos: these are found after the change.
    """
    from resources.vector_index import IndexModel, served_model

    served = served_model(library.settings)
    if served is None or served == IndexModel.of(clip):
        return None
    try:
        identity = clip_spec(library.settings, served.name)
    except LoupeError as error:
        log.warning("going_model_not_usable", model=served.name, code=error.code)
        return None
    if IndexModel.of(identity) != served:
        return None
    with library.manifest.read() as tx:
        row = models.in_use(tx, "clip")
    return GoingModel(identity, row["added_at"] if row else utc_now())


def searched_model(library: Library) -> ModelIdentity | None:
    """The model to search with where no search API runs: during a change the one before, which finds more.

    Raises as `Library.clip`.
    """
    from resources.vector_index import IndexModel
    from resources.vector_index.follower import takes_over

    clip = library.clip()
    going = going_model(library, clip) if clip else None
    if clip is None or going is None:
        return clip
    return clip if takes_over(library.manifest, IndexModel.of(going.model), IndexModel.of(clip)) else going.model


def model_changes(library: Library) -> list[ModelChange]:
    """The changes that are under way, of the image-text model and of the captioner. Raises `INDEX_UNREACHABLE`."""
    from resources.vector_index import served_model

    served = served_model(library.settings)
    with library.manifest.read() as tx:
        rows = {kind: models.in_use(tx, kind) for kind in ("clip", "captioner")}
        changes: list[ModelChange] = []
        if served and (row := rows["clip"]):
            before = ResultKey(served.name, served.revision, served.preprocess_version)
            if before != models.key_of(row):
                waiting = results.count_behind(tx, "embeddings", models.key_of(row), before)
                changes.append(ModelChange("clip", served.name, row["name"], waiting))
        if (row := rows["captioner"]) and library.settings.captions != "off":
            changes += [
                ModelChange("captioner", key.model, row["name"], waiting)
                for key in results.keys(tx, "captions")
                if key != models.key_of(row)
                and (waiting := results.count_behind(tx, "captions", models.key_of(row), key))
            ]
    return changes


def completeness(library: Library) -> Completeness | None:
    """Ask the manifest, the vector store and the index that serves for every photo; None without a model.

    Raises as `verify_through_owner`.
    """
    from resources.vector_index import verify_through_owner

    clip = library.clip()
    if clip is None:
        return None
    key = result_key(clip)
    with library.manifest.read() as tx:
        embedded = results.embedded_photos(tx, key)
        waiting = results.count_pending(tx, "embeddings", key)
        failed = results.count_failed(tx, "embeddings", key)
    store = VectorStore(library.home, key.model, key.revision, key.preprocess_version)
    hashes = sorted({pixel_hash for _, pixel_hash in embedded})
    stored = sum(len(store.get(hashes[at : at + _VECTORS_A_STEP])) for at in range(0, len(hashes), _VECTORS_A_STEP))
    found = verify_through_owner(library.manifest, library.settings, clip)
    return Completeness(
        clip.name,
        found.model,
        found.photos,
        len(embedded),
        found.embedded,
        failed,
        waiting,
        len(hashes) - stored,
        found.missing_count + found.unembedded_count,
        next((change for change in model_changes(library) if change.kind == "clip"), None),
    )


def _identity(library: Library, kind: ModelKind, name: str) -> ModelIdentity:
    return clip_spec(library.settings, name) if kind == "clip" else captioner_spec(library.settings, name)


def _stage(kind: ModelKind) -> results.Stage:
    return "embeddings" if kind == "clip" else "captions"
