"""What goes into the index and what comes out: points, stored photos, ranked ids, the model a generation is of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "SCHEMA_VERSION",
    "Counts",
    "IndexModel",
    "IndexStats",
    "ModelKey",
    "PhotoPoint",
    "Ranked",
    "StoredPhoto",
    "Vector",
    "generation_name",
]

# Part of every generation's name: a change to payload keys, tokens or vectors builds a new index from the manifest.
SCHEMA_VERSION = 6

Vector = npt.NDArray[np.float32]


class ModelKey(Protocol):
    """What makes two vectors comparable. The models' own identity objects have these attributes."""

    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def preprocess_version(self) -> str: ...
    @property
    def dim(self) -> int: ...


@dataclass(frozen=True)
class IndexModel:
    """The image-text model whose vectors a generation holds; vectors are float32 `[dim]`."""

    name: str
    revision: str
    preprocess_version: str
    dim: int

    @classmethod
    def of(cls, key: ModelKey) -> IndexModel:
        return cls(key.name, key.revision, key.preprocess_version, int(key.dim))


@dataclass(frozen=True, eq=False)
class PhotoPoint:
    """One photo as the index holds it.

    `photo_id` is a uuid text, `vector` float32 `[dim]` of unit norm or None while not embedded, `words` the text for
    the word search, `payload` all that a result shows (keys without a value are left out).
    """

    photo_id: str
    vector: Vector | None
    words: str
    payload: dict[str, Any]


@dataclass(frozen=True, eq=False)
class StoredPhoto:
    """A photo read back: its payload, and its vector when asked for and there."""

    photo_id: str
    payload: dict[str, Any]
    vector: Vector | None = None


@dataclass(frozen=True)
class Counts:
    """What some photos have in common. `values`: of each counted key its values with counts, most frequent first."""

    total: int
    undated: int
    values: Mapping[str, list[tuple[str, int]]]


class Ranked(NamedTuple):
    """A photo and its score: cosine for vectors, BM25 for words. A tuple, as a query makes a thousand of them."""

    photo_id: str
    score: float


@dataclass(frozen=True)
class IndexStats:
    """What an index holds. `embedded` counts the points with a vector, `bytes` its files (0 when on a server)."""

    home: str
    generation: str
    model: IndexModel | None
    points: int
    embedded: int
    applied_seq: int | None
    bytes: int


def generation_name(model: IndexModel | None) -> str:
    """A folder and collection name: readable, and different whenever vectors or points could not be mixed."""
    if model is None:
        return f"words-only-v{SCHEMA_VERSION}"
    identity = repr(sorted(asdict(model).items()))
    slug = re.sub(r"[^a-z0-9]+", "-", model.name.lower()).strip("-")[:40]
    return f"{slug}-{hashlib.sha256(identity.encode()).hexdigest()[:10]}-v{SCHEMA_VERSION}"
