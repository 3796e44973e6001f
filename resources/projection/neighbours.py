"""Nearest neighbours among unit vectors, which are gathered in cells: each cell is compared with those near it.

Comparing is a product of matrices, which every BLAS does as fast as the machine can. docs/decisions/map-layout.md has
how many neighbours that misses. Imports numba: for the process that draws the map alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

__all__ = ["Neighbours"]

# So many vectors make a cell on average. Those of four cells are looked through for one, of more while that costs no
# more than for a sample of 100,000; measured.
_A_CELL = 300
_CELLS, _MORE_CELLS = 4, 400_000
# Fewer are all compared with all.
_FEWEST_FOR_CELLS = 4_000
_ROUNDS = 5
_TRAINED_ON = 64
_SEED = 1
_BLOCK = 4_096


class Neighbours:
    """Finds the nearest of these unit vectors, float32 `[n, dim]`."""

    def __init__(self, vectors: npt.NDArray[np.float32]) -> None:
        cells = len(vectors) // _A_CELL if len(vectors) >= _FEWEST_FOR_CELLS else 1
        self._middles = _middles(vectors, cells)
        kept, cell = np.unique(self._cells(vectors), return_inverse=True)
        self._middles = self._middles[kept]  # those that nothing is in answer nobody
        self._order = np.argsort(cell, kind="stable").astype(np.int32)
        self._starts = np.searchsorted(cell[self._order], np.arange(len(kept) + 1))
        self._vectors = vectors[self._order]
        self._near = np.argsort(-(self._middles @ self._middles.T), axis=1)[
            :, : max(_CELLS, _MORE_CELLS // len(vectors))
        ]

    def nearest(
        self, asked: npt.NDArray[np.float32], count: int, own: npt.NDArray[np.int32] | None = None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Which are nearest to each of `asked`, and their cosine distances, both `[m, count]`, the nearest first.

        `own` are the numbers of `asked` among the vectors, which are not their own neighbours. Where fewer than `count`
        were found the rest is -1, at a distance of infinity.
        """
        found = np.full((len(asked), count), -1, dtype=np.int32)
        likeness = np.full((len(asked), count), -np.inf, dtype=np.float32)
        own = np.full(len(asked), -1, dtype=np.int32) if own is None else own
        cell = self._cells(asked)
        order = np.argsort(cell, kind="stable")

        def search(rows: npt.NDArray[np.int64]) -> None:
            parts = [slice(*self._starts[near : near + 2]) for near in self._near[cell[rows[0]]]]
            numbers = np.concatenate([self._order[part] for part in parts])
            vectors = np.concatenate([self._vectors[part] for part in parts]) if len(parts) > 1 else self._vectors
            for start in range(0, len(rows), _BLOCK):
                some = rows[start : start + _BLOCK]
                _keep_best(asked[some] @ vectors.T, numbers, some, own, found, likeness)

        cells = [rows for rows in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1) if len(rows)]
        # A thread for each cell; threads of the BLAS itself would wait for each other at every cell's end.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(numba.get_num_threads()) as pool:
            list(pool.map(search, cells))
        return found, np.maximum(1 - likeness, 0)

    def _cells(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        blocks = [vectors[start : start + _BLOCK] for start in range(0, len(vectors), _BLOCK)]
        return np.concatenate([np.argmax(block @ self._middles.T, axis=1) for block in blocks] or [np.zeros(0, int)])


def _middles(vectors: npt.NDArray[np.float32], cells: int) -> npt.NDArray[np.float32]:
    """The middles of `cells` cells by k-means, float32 `[cells, dim]`."""
    random = np.random.default_rng(_SEED)
    some = vectors[np.sort(random.choice(len(vectors), min(len(vectors), _TRAINED_ON * cells), replace=False))]
    middles = some[random.choice(len(some), cells, replace=False)]
    for _ in range(_ROUNDS if cells > 1 else 0):
        cell = np.argmax(some @ middles.T, axis=1)
        one = np.ones(len(some), dtype=np.float32)
        sums = csr_matrix((one, cell, np.arange(len(some) + 1)), shape=(len(some), cells)).T @ some
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        middles = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), middles)
    return middles


@numba.njit(cache=True, nogil=True)
def _keep_best(likenesses, numbers, rows, own, found, likeness):  # type: ignore[no-untyped-def]
    """Sort each row of `likenesses` `[r, c]`, whose columns are `numbers`, into the best of `rows`."""
    count = found.shape[1]
    for r in range(len(rows)):
        row = rows[r]
        for c in range(len(numbers)):
            value = likenesses[r, c]
            if value <= likeness[row, count - 1] or numbers[c] == own[row]:
                continue
            place = count - 1
            while place > 0 and likeness[row, place - 1] < value:
                likeness[row, place], found[row, place] = likeness[row, place - 1], found[row, place - 1]
                place -= 1
            likeness[row, place], found[row, place] = value, numbers[c]
