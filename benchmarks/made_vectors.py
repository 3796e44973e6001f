"""Made vectors that lie as an image model's do, and how many neighbours a map of them keeps.

Two hundred kinds of unlike size around a direction that all share, each spread in 24 directions of falling weight, and
a little of everything: the likeness of two photos of one kind is about .56, of two kinds .33, of nearest neighbours .8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["DIM", "lost_neighbours", "made_vectors"]

DIM = 512
_KINDS, _WAYS, _BLOCK = 200, 24, 50_000
_NEAR, _ASKED = 15, 1_000
Vectors = npt.NDArray[np.float32]


def made_vectors(count: int, block: int = _BLOCK) -> Iterator[Vectors]:
    """So many unit vectors, float32 `[m, 512]` at a time; the same each time."""
    random = np.random.default_rng(1)
    shared, kinds = random.normal(size=DIM), random.normal(size=(_KINDS, DIM)) / np.sqrt(DIM)
    shares = random.dirichlet(np.full(_KINDS, 2.0))
    ways = (random.normal(size=(_KINDS, _WAYS, DIM)) / np.sqrt(DIM)).astype(np.float32)
    weight = 0.6 / np.sqrt(1 + np.arange(_WAYS))
    middles = (shared / np.linalg.norm(shared) + 0.8 * kinds).astype(np.float32)
    for start in range(0, count, block):
        size = min(block, count - start)
        kind = random.choice(_KINDS, size, p=shares)
        vectors = middles[kind] + random.normal(0, 0.35 / np.sqrt(DIM), (size, DIM)).astype(np.float32)
        far = (random.normal(size=(size, _WAYS)) * weight).astype(np.float32)
        for each in range(_KINDS):
            vectors[kind == each] += far[kind == each] @ ways[each]
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def lost_neighbours(
    blocks: Callable[[], Iterator[Vectors]], places: Vectors, asked: npt.NDArray[np.int64] | None = None
) -> tuple[float, float, float]:
    """In percent: of the 15 nearest in vectors those not among the nearest 15, and 50, in the plane; 100 - trust.

    `blocks` gives the vectors again and again; a thousand of them are asked, or the rows `asked`. The third is what is
    missing to a trustworthiness of 1 (Venna and Kaski 2001): by how many ranks too far those are that lie near.
    """
    from sklearn.neighbors import KDTree

    count = len(places)
    if asked is None:
        asked = np.sort(np.random.default_rng(2).choice(count, min(_ASKED, count), replace=False))
    wanted = np.empty((len(asked), DIM), dtype=np.float32)
    start = 0
    for block in blocks():
        here = (asked >= start) & (asked < start + len(block))
        wanted[here] = block[asked[here] - start]
        start += len(block)
    shown = KDTree(places).query(places[asked], k=51)[1]
    shown = np.array([row[row != own][:50] for row, own in zip(shown, asked, strict=True)])
    near_shown = _likeness(blocks, wanted, shown[:, :_NEAR])
    best = np.full((len(asked), _NEAR), -2, dtype=np.float32)
    number = np.full((len(asked), _NEAR), -1)
    before = np.zeros((len(asked), _NEAR), dtype=np.int64)
    start = 0
    for block in blocks():
        likeness = wanted @ block.T
        here = np.flatnonzero((asked >= start) & (asked < start + len(block)))
        likeness[here, asked[here] - start] = -2
        for column in range(_NEAR):
            before[:, column] += (likeness > near_shown[:, column, None] + 1e-6).sum(axis=1)
        some = np.argpartition(-likeness, _NEAR, axis=1)[:, :_NEAR]
        best = np.concatenate([best, np.take_along_axis(likeness, some, axis=1)], axis=1)
        number = np.concatenate([number, some + start], axis=1)
        keep = np.argsort(-best, axis=1)[:, :_NEAR]
        best, number = np.take_along_axis(best, keep, axis=1), np.take_along_axis(number, keep, axis=1)
        start += len(block)
    kept = [np.mean([np.isin(a, b[:most]).mean() for a, b in zip(number, shown, strict=True)]) for most in (_NEAR, 50)]
    too_far = np.maximum(before + 1 - _NEAR, 0).sum() * 2 / (len(asked) * _NEAR * (2 * count - 3 * _NEAR - 1))
    return 100 * float(1 - kept[0]), 100 * float(1 - kept[1]), 100 * float(too_far)


def _likeness(blocks: Callable[[], Iterator[Vectors]], wanted: Vectors, of: npt.NDArray[np.int64]) -> Vectors:
    """The likeness `[m, k]` of each of `wanted` to the vectors of the rows that `of` `[m, k]` names."""
    found, start = np.empty(of.shape, dtype=np.float32), 0
    for block in blocks():
        row, column = np.nonzero((of >= start) & (of < start + len(block)))
        found[row, column] = (wanted[row] * block[of[row, column] - start]).sum(axis=1)
        start += len(block)
    return found
