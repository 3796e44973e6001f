"""Deleting what models that are no longer in use have left: vectors, rows, index generations, weights.

Never what the model in use made, nor what a change still needs, nor what a person wrote. Every step may be repeated:
the manifest forgets first, so that it never promises a vector that is gone, and the model's own row goes last.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from resources.errors import LoupeError
from resources.home import disk_bytes, write_atomically
from resources.library import Library, result_key
from resources.manifest import VectorStore, models, projections, results
from resources.manifest.results import ResultKey
from resources.models import captioner_preset, clip_preset, model_folder
from resources.models.presets import ModelKind
from resources.photo_map import sweep_points

__all__ = ["Prunable", "Pruned", "find_prunable", "prune_models"]

_OWNER_S = 5.0
_LOOK_S = 0.1
_IN_USE, _CHANGING = "it is in use", "a change from it is under way"


@dataclass(frozen=True)
class Prunable:
    """A model that can be pruned. `results` rows of the manifest would go; the bytes are those of files that would."""

    kind: ModelKind
    name: str
    revision: str
    preprocess_version: str
    results: int
    vectors_bytes: int
    index_bytes: int
    weights: Path | None
    weights_bytes: int
    dim: int | None = None

    @property
    def key(self) -> ResultKey:
        return ResultKey(self.name, self.revision, self.preprocess_version)

    @property
    def bytes(self) -> int:
        return self.vectors_bytes + self.index_bytes + self.weights_bytes


@dataclass(frozen=True)
class Pruned:
    """What went: models, rows, and bytes on this machine's disk. `index_later`: the search API deletes it soon."""

    models: int
    results: int
    bytes: int
    index_later: bool


def find_prunable(library: Library, names: Sequence[str] = (), *, weights: bool = False) -> list[Prunable]:
    """The models that are not in use and that no change is under way from; only `names` when there are any.

    With `weights` their fetched folders go too. Raises `MODEL_IN_USE` for a name that may not be pruned, and
    `MODEL_UNKNOWN` for one that has left nothing here.
    """
    held, found = _held(library), _with_results(library, names)
    prunable: list[Prunable] = []
    for kind, key, dim in found:
        if (kind, key) in held or (not names and _is_last_word(library, kind)):
            continue
        folder = _weights(library, kind, key.model, held) if weights else None
        with library.manifest.read() as tx:
            count = results.keys(tx, "embeddings" if kind == "clip" else "captions").get(key, 0)
        prunable.append(
            Prunable(
                kind,
                key.model,
                key.revision,
                key.preprocess_version,
                count,
                _vectors_bytes(library, key, held) if kind == "clip" else 0,
                disk_bytes(library.home.index / _generation(key, dim)) if kind == "clip" and dim else 0,
                folder,
                disk_bytes(folder) if folder else 0,
                dim,
            )
        )
    if weights:
        prunable += _never_used(library, names, held, {(each.kind, each.name) for each in prunable})
    for name in names:
        if not any(each.name == name for each in prunable):
            why = next((why for (_, key), why in held.items() if key.model == name), None)
            if why:
                raise LoupeError("MODEL_IN_USE", f"'{name}' cannot be pruned: {why}.", name=name)
            raise LoupeError("MODEL_UNKNOWN", f"A model called '{name}' has left nothing here.", name=name)
    return prunable


def prune_models(library: Library, chosen: Sequence[Prunable]) -> Pruned:
    """Delete these. Wake the index afterwards.

    Raises `INGEST_BUSY` while a run may be writing results, and `MODEL_IN_USE` when one came into use meanwhile.
    """
    with library.ingesting(wait_s=_OWNER_S):
        held = _held(library)
        for each in chosen:
            if (each.kind, each.key) in held:
                raise LoupeError("MODEL_IN_USE", f"'{each.name}' is in use now.", name=each.name)
        rows = freed = 0
        for each in chosen:
            with library.manifest.write() as tx:
                rows += results.forget(tx, "embeddings" if each.kind == "clip" else "captions", each.key)
                if each.kind == "clip" and not any(key.model == each.name for _, key in held):
                    projections.drop(tx, each.name)
            if each.kind == "clip":
                freed += _drop_vectors(library, each.key, held)
        freed_index, later = _drop_generations(library, chosen)
        for each in chosen:
            if each.weights is not None and each.weights.is_dir():
                size = disk_bytes(each.weights)
                going = each.weights.with_name(f".{each.weights.name}.going")  # gone at once, or not at all
                shutil.rmtree(going, ignore_errors=True)
                each.weights.rename(going)
                shutil.rmtree(going, ignore_errors=True)
                freed += size
            with library.manifest.write() as tx:
                models.forget(tx, each.kind, each.key)
    with library.manifest.read() as tx:
        drawn = projections.generations(tx)
    sweep_points(library.home, drawn)
    return Pruned(len(chosen), rows, freed + freed_index, later)


def _held(library: Library) -> dict[tuple[str, ResultKey], str]:
    """What may not go, and why: the models in use, by the manifest and by the settings, and what changes go from."""
    from resources.vector_index import served_model

    held: dict[tuple[str, ResultKey], str] = {}
    if served := served_model(library.settings):
        held["clip", ResultKey(served.name, served.revision, served.preprocess_version)] = _CHANGING
    stages: tuple[tuple[ModelKind, results.Stage], ...] = (("clip", "embeddings"), ("captioner", "captions"))
    with library.manifest.read() as tx:
        for kind, stage in stages:
            row = models.in_use(tx, kind)
            if row is None:
                continue
            for key in results.keys(tx, stage):
                if results.count_behind(tx, stage, models.key_of(row), key):
                    held[kind, key] = _CHANGING
            held[kind, models.key_of(row)] = _IN_USE
    for kind, choose in (("clip", library.clip), ("captioner", library.captioner)):
        try:
            identity = choose()
        except LoupeError:
            continue
        if identity:
            held[kind, result_key(identity)] = _IN_USE
    return held


def _is_last_word(library: Library, kind: ModelKind) -> bool:
    """Whether no model of the kind is in use: what others made is then all that there is, and goes only by name."""
    with library.manifest.read() as tx:
        return models.in_use(tx, kind) is None


def _with_results(library: Library, names: Collection[str]) -> list[tuple[ModelKind, ResultKey, int | None]]:
    """Every model that has a row or results here, with the length of its vectors where it is known."""
    with library.manifest.read() as tx:
        found: dict[tuple[ModelKind, ResultKey], int | None] = {
            (row["kind"], models.key_of(row)): row["dim"] for row in models.list_all(tx)
        }
        for key in results.keys(tx, "embeddings"):
            found.setdefault(("clip", key), None)
        for key in results.keys(tx, "captions"):
            found.setdefault(("captioner", key), None)
    return [(kind, key, dim) for (kind, key), dim in found.items() if not names or key.model in names]


def _never_used(
    library: Library, names: Sequence[str], held: Collection[tuple[str, ResultKey]], known: Collection[tuple[str, str]]
) -> list[Prunable]:
    """Fetched models that have left no result here, when they are named."""
    from resources.models import available

    kept = {(kind, key.model) for kind, key in held}
    return [
        Prunable(status.preset.kind, status.preset.name, status.preset.revision, "", 0, 0, 0, status.path, status.bytes)
        for status in available(library.settings)
        if status.preset.name in names
        and status.preset.repo
        and status.path.is_dir()
        and (status.preset.kind, status.preset.name) not in {*kept, *known}
    ]


def _weights(library: Library, kind: ModelKind, name: str, held: Collection[tuple[str, ResultKey]]) -> Path | None:
    """The model's fetched folder, unless another revision of it is in use or it ships with the checkout."""
    if any(kind == other and key.model == name for other, key in held):
        return None
    try:
        preset = clip_preset(name) if kind == "clip" else captioner_preset(name)
    except LoupeError:
        return None
    folder = model_folder(library.settings, preset)
    return folder if preset.repo and folder.is_dir() else None


def _store(library: Library, key: ResultKey) -> VectorStore:
    return VectorStore(library.home, key.model, key.revision, key.preprocess_version)


def _shares_file(library: Library, key: ResultKey, held: Collection[tuple[str, ResultKey]]) -> bool:
    """Whether the vectors stand in a file with those of a model that stays: of another revision of it."""
    path = _store(library, key).path
    return any(kind == "clip" and _store(library, other).path == path for kind, other in held)


def _vectors_bytes(library: Library, key: ResultKey, held: Collection[tuple[str, ResultKey]]) -> int:
    return 0 if _shares_file(library, key, held) else sum(disk_bytes(path) for path in _store(library, key).files())


def _drop_vectors(library: Library, key: ResultKey, held: Collection[tuple[str, ResultKey]]) -> int:
    """Delete the file, or, where others share it, the rows. Returns the bytes freed."""
    store = _store(library, key)
    if not _shares_file(library, key, held):
        return store.delete_file()
    store.clear()
    return 0


def _generation(key: ResultKey, dim: int) -> str:
    from resources.vector_index import IndexModel
    from resources.vector_index.points import generation_name

    return generation_name(IndexModel(key.model, key.revision, key.preprocess_version, dim))


def _drop_generations(library: Library, chosen: Sequence[Prunable]) -> tuple[int, bool]:
    """Delete the indexes of these models, or ask their owner to. Returns the bytes freed, and whether some go later."""
    from resources.vector_index import wake
    from resources.vector_index.follower import drop_generations, prune_file
    from resources.vector_index.opening import IndexFolder

    names = sorted({_generation(each.key, each.dim) for each in chosen if each.kind == "clip" and each.dim})
    if not names:
        return 0, False
    if library.settings.qdrant_url:
        return drop_generations(library.settings, names), False
    folder = IndexFolder(library.home)
    try:
        folder.own()
    except LoupeError as error:
        if error.code != "INDEX_BUSY":
            raise
    else:
        try:
            return drop_generations(library.settings, names), False
        finally:
            folder.release()
    before = sum(disk_bytes(library.home.index / name) for name in names)
    asked = prune_file(library.home)
    write_atomically(asked, json.dumps(names).encode())
    deadline = time.monotonic() + _OWNER_S
    while asked.exists() and time.monotonic() < deadline:
        wake(library.home)
        time.sleep(_LOOK_S)
    return before - sum(disk_bytes(library.home.index / name) for name in names), asked.exists()
