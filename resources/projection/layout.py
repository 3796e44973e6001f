"""UMAP (McInnes, Healy, Melville 2018): weights of neighbours, and the places in the plane that keep them together.

The same graph and the same objective as umap-learn with `min_dist=0.1`; tests hold both against it. Written here
because the compiled code can be kept between processes. docs/decisions/map-layout.md has the comparison. Imports numba:
for the process that draws the map alone.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from resources.projection.neighbours import Neighbours

__all__ = ["NEIGHBOURS", "graph", "lay_out", "place", "weights"]

# Besides the photo itself, which umap-learn counts among its 15.
NEIGHBOURS = 14
# The curve 1 / (1 + a d^2b) that `min_dist=0.1, spread=1` stands for (umap-learn's `find_ab_params`).
_A, _B = np.float32(1.5769434601962196), np.float32(0.8950608781227859)
_STRANGERS = 5
# A library of so many photos is drawn in one thread, which makes the same map each time.
_ALIKE = 20_000
_SMALL, _EPOCHS_SMALL, _EPOCHS = 10_000, 500, 100
_SEED = 42
_HALVINGS = 40


def lay_out(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Places in UMAP's plane, float32 `[n, 2]`, of unit vectors float32 `[n, dim]`, 16 or more."""
    rows = np.arange(len(vectors), dtype=np.int32)
    edges = graph(*Neighbours(vectors).nearest(vectors, min(NEIGHBOURS, len(vectors) - 1), rows))
    epochs = _EPOCHS_SMALL if len(vectors) <= _SMALL else _EPOCHS
    edges.data[edges.data < edges.data.max() / epochs] = 0
    edges.eliminate_zeros()
    places = _first_places(vectors)
    threads = numba.get_num_threads()
    numba.set_num_threads(1 if len(vectors) <= _ALIKE else threads)
    _descend(places, *_schedule(edges), epochs, _A, _B, _STRANGERS, _SEED)
    numba.set_num_threads(threads)
    return places


def place(near: npt.NDArray[np.int32], drawn: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Places `[m, 2]` in the middle of those of their neighbours `near` `[m, k]` among `drawn`, float32 `[n, 2]`.

    The middle is the median: a mean lies in the void between two groups. A tenth of how far the neighbours lie apart is
    added by chance, or photos that are alike would hide each other.
    """
    around = drawn[np.where(near < 0, near[:, :1], near)]
    middle = np.median(around, axis=1)
    apart = np.median(np.abs(around - middle[:, None]), axis=1)
    chance = np.random.default_rng(_SEED).normal(0, 0.1, middle.shape)
    return (middle + apart * chance).astype(np.float32)


def weights(far: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much each neighbour counts, 0 to 1 `[n, k]`, by distances `[n, k]`: the nearest wholly, all log2(k + 1)."""
    beyond = np.where(far > 0, far, np.inf).min(axis=1, keepdims=True)
    beyond = np.maximum(far - np.where(np.isfinite(beyond), beyond, 0), 0)
    low, high, width = np.zeros(len(far)), np.full(len(far), np.inf), np.ones(len(far))
    wanted = np.log2(far.shape[1] + 1)
    for _ in range(_HALVINGS):
        much = np.exp(-beyond / width[:, None]).sum(axis=1) > wanted
        low, high = np.where(much, low, width), np.where(much, width, high)
        width = np.where(np.isinf(high), 2 * low, (low + high) / 2)
    finite = np.where(np.isfinite(far), far, 0)
    width = np.maximum(width, 1e-3 * finite.mean(axis=1))
    return np.exp(-beyond / np.maximum(width, 1e-12)[:, None]).astype(np.float32)


def graph(near: npt.NDArray[np.int32], far: npt.NDArray[np.float32]) -> csr_matrix:
    """The weights of both directions between neighbours, `[n, n]`: a + b - ab."""
    count = len(near)
    strength = np.where(near >= 0, weights(far), 0)
    one_way = csr_matrix(
        (strength.ravel(), np.maximum(near, 0).ravel(), np.arange(0, near.size + 1, near.shape[1])),
        shape=(count, count),
    )
    other_way = one_way.T.tocsr()
    both = (one_way + other_way - one_way.multiply(other_way)).tocsr()
    both.eliminate_zeros()
    return both


def _first_places(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The two main axes of variance, 10 wide, and a little noise, or equal photos could not part."""
    middle = vectors.mean(axis=0)
    some = vectors[:: -(-len(vectors) // 20_000)] - middle
    _, axes = np.linalg.eigh(some.T @ some)
    flat = (vectors - middle) @ axes[:, :-3:-1]
    low, high = flat.min(axis=0), flat.max(axis=0)
    noise = np.random.default_rng(_SEED).normal(0, 1e-4, flat.shape)
    return (10 * (flat - low) / np.maximum(high - low, 1e-9) + noise).astype(np.float32)


def _schedule(edges: csr_matrix) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Where each row's edges begin, where they lead, and each how many epochs one of them comes up."""
    every = edges.data.max(initial=0) / edges.data
    return edges.indptr.astype(np.int64), edges.indices.astype(np.int32), every.astype(np.float32)


@numba.njit(cache=True, parallel=True, fastmath=True)
def _descend(places, starts, ends, every, epochs, a, b, strangers, seed):  # type: ignore[no-untyped-def]
    """Move `places` `[n, 2]`, both ends of an edge towards each other, and each away from others by chance.

    Threads write the same places without locks, as umap-learn's do: what one of them loses another epoch mends.
    """
    due = every.copy()
    one, most, least = np.float32(1), np.float32(4), np.float32(0.001)
    for epoch in range(epochs):
        alpha = np.float32(1 - epoch / epochs)
        for i in numba.prange(len(places)):
            x, y = places[i, 0], places[i, 1]
            state = np.uint64(seed) + np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ np.uint64(epoch + 1)) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(31))) | np.uint64(1)
            for edge in range(starts[i], starts[i + 1]):
                if due[edge] > epoch:
                    continue
                due[edge] += every[edge]
                j = ends[edge]
                dx, dy = x - places[j, 0], y - places[j, 1]
                far = dx * dx + dy * dy
                if far > 0:
                    power = a * far**b
                    pull = -2 * b * power / (far * (one + power))
                    dx, dy = max(-most, min(most, pull * dx)) * alpha, max(-most, min(most, pull * dy)) * alpha
                    x += dx
                    y += dy
                    places[j, 0] -= dx
                    places[j, 1] -= dy
                for _ in range(strangers):
                    state ^= state << np.uint64(13)
                    state ^= state >> np.uint64(7)
                    state ^= state << np.uint64(17)
                    j = np.int64(((state >> np.uint64(32)) * np.uint64(len(places))) >> np.uint64(32))
                    dx, dy = x - places[j, 0], y - places[j, 1]
                    far = dx * dx + dy * dy
                    if far > 0:
                        push = 2 * b / ((least + far) * (one + a * far**b))
                        x += max(-most, min(most, push * dx)) * alpha
                        y += max(-most, min(most, push * dy)) * alpha
            places[i, 0], places[i, 1] = x, y
