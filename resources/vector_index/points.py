"""What goes into the index and what comes out: points, stored photos, ranked ids, the model a generation is of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol, overload

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
    "RankedList",
    "StoredPhoto",
    "Vector",
    "generation_name",
]

# Part of every generation's name: a change to payload keys, tokens or vectors builds a new index from the manifest.
SCHEMA_VERSION = 7

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
    """A photo and its score: cosine for vectors, BM25 for words."""

    photo_id: str
    score: float


class RankedList(Sequence[Ranked]):
    """Photos by their scores, best first, and by id where these are equal.

    An id is made when it is looked at: that costs 5 µs, and of a thousand that are ranked some dozens are shown.
    `scores` are those of all.
    """

    def __init__(self, scores: Sequence[float], id_at: Callable[[int], str]) -> None:
        """`scores` best first, equal ones in any order; `id_at` gives the id at a place among them."""
        self.scores = scores
        self._uncut = scores
        self._id_at = id_at
        self._made: dict[int, str] = {}

    @property
    def ids(self) -> list[str]:
        """Those of all."""
        return [self._made.get(at) or self._make(at) for at in range(len(self))]

    def _make(self, at: int) -> str:
        """The id at a place; of all with the same score at once, as their order is to be known."""
        scores, start, end = self._uncut, at, at + 1
        while start and scores[start - 1] == scores[at]:
            start -= 1
        while end < len(scores) and scores[end] == scores[at]:
            end += 1
        if end - start == 1:
            self._made[at] = self._id_at(at)
        else:
            self._made |= enumerate(sorted(map(self._id_at, range(start, end))), start)
        return self._made[at]

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Ranked]:
        return map(Ranked, self.ids, self.scores)

    @overload
    def __getitem__(self, place: int) -> Ranked: ...
    @overload
    def __getitem__(self, place: slice) -> list[Ranked]: ...
    def __getitem__(self, place: int | slice) -> Ranked | list[Ranked]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        score = self.scores[place]  # raises IndexError
        at = place + len(self) if place < 0 else place
        return Ranked(self._made.get(at) or self._make(at), score)

    def first(self, count: int) -> RankedList:
        """The best `count`."""
        if count >= len(self):
            return self
        cut = copy(self)
        cut.scores = self.scores[:count]
        return cut


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
