"""Groups of photos on the map: hills of density, told apart by how deep the valley between them is.

The method is ToMATo (Chazal, Guibas, Oudot, Skraba: Persistence-Based Clustering in Riemannian Manifolds, J. ACM 2013)
on a grid of Gaussian density: each cell belongs to the hill of its densest neighbour, and two hills that meet become
one, over the highest saddles first, unless both rise clearly above the saddle. Time grows with the photos only to count
them, where HDBSCAN of scikit-learn compares all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Found", "find_clusters"]

_GRID = 512
# The map is within -1..1.
_REACH = 1.05
# Width of the density's Gaussian: this many times the median distance to the fifth nearest photo, within these bounds
# in map units; and how many times higher than the saddle a hill is to stay one. docs/decisions/map-groups.md has why.
_WIDTH, _NEAR, _NARROWEST, _WIDEST = 2.0, 5, 0.008, 0.25
_RISE = 1.4
_MOST_ASKED = 5_000
# A photo that has fewer than this many others around it, by weight, stands between groups.
_LONE = 1.5
_FEWEST = 5
_FEWEST_SHARE = 0.002
# Each cell beside its neighbours to the right, below, and across both ways; the other way round are the rest of eight.
_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
_NEIGHBOURS = (
    ((_ALL, _FIRST), (_ALL, _LAST)),
    ((_FIRST, _ALL), (_LAST, _ALL)),
    ((_FIRST, _FIRST), (_LAST, _LAST)),
    ((_FIRST, _LAST), (_LAST, _FIRST)),
)


@dataclass(frozen=True)
class Found:
    """`cluster_of`: int32 `[n]`, from 0 for the largest group, -1 for none. `peaks`: float32 `[k, 2]`, map units."""

    cluster_of: npt.NDArray[np.int32]
    peaks: npt.NDArray[np.float32]


def find_clusters(places: npt.NDArray[np.float32]) -> Found:
    """Groups of the places float32 `[n, 2]` within -1..1. A group has at least 5 photos and 0.2 % of all."""
    count = len(places)
    cells = np.clip(((places + _REACH) / (2 * _REACH) * _GRID).astype(np.int64), 0, _GRID - 1)
    flat = cells[:, 0] * _GRID + cells[:, 1]
    width = _width(places) / (2 * _REACH) * _GRID
    near = np.exp(-0.5 * ((np.arange(_GRID)[:, None] - np.arange(_GRID)[None, :]) / width) ** 2)
    held = np.bincount(flat, minlength=_GRID * _GRID).reshape(_GRID, _GRID).astype(np.float64)
    density = (near @ held @ near).ravel()  # a photo alone has 1 at its own place
    hill_of = _hills(density)
    hill = hill_of[flat]
    peaks, index, sizes = np.unique(hill, return_inverse=True, return_counts=True)
    fewest = max(_FEWEST, int(_FEWEST_SHARE * count))
    kept = [n for n in np.argsort(-sizes, kind="stable") if peaks[n] >= 0 and sizes[n] >= fewest]
    number = np.full(len(peaks), -1, dtype=np.int32)
    number[kept] = np.arange(len(kept), dtype=np.int32)
    middles = np.stack(np.divmod(peaks[kept], _GRID), axis=1) if kept else np.zeros((0, 2))
    found = ((middles + 0.5) / _GRID * 2 - 1) * _REACH
    return Found(number[index] if count else np.zeros(0, dtype=np.int32), found.astype(np.float32))


def _width(places: npt.NDArray[np.float32]) -> float:
    if len(places) <= _NEAR:
        return _WIDEST
    from sklearn.neighbors import KDTree

    asked = places[:: -(-len(places) // _MOST_ASKED)]  # in the order of ids, which are hashes
    far, _ = KDTree(places).query(asked, k=_NEAR + 1)  # the first is the photo itself
    return float(np.clip(_WIDTH * np.median(far[:, -1]), _NARROWEST, _WIDEST))


def _hills(density: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """For each cell the cell of the peak of its hill, -1 where nearly nothing is."""
    rank = np.empty(len(density), dtype=np.int64)  # 0 for the densest; no two are equal
    rank[np.argsort(-density, kind="stable")] = np.arange(len(density))
    higher = np.arange(len(density)).reshape(_GRID, _GRID)
    cells, ranks = higher.copy(), rank.reshape(_GRID, _GRID)
    best = ranks.copy()
    for here, there in _NEIGHBOURS:
        for one, other in ((here, there), (there, here)):
            better = ranks[other] < best[one]
            best[one][better] = ranks[other][better]
            higher[one][better] = cells[other][better]
    peak_of = higher.ravel()
    while not np.array_equal(further := peak_of[peak_of], peak_of):
        peak_of = further
    merged = _merged(density, rank, peak_of)
    found: npt.NDArray[np.int64] = np.where(density > _LONE, merged[peak_of], -1)
    return found


def _merged(
    density: npt.NDArray[np.float64], rank: npt.NDArray[np.int64], peak_of: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """For each peak the one that its hill belongs to, over the highest saddles first."""
    peaks, dense = peak_of.reshape(_GRID, _GRID), density.reshape(_GRID, _GRID)
    sides = [(peaks[here].ravel(), peaks[there].ravel()) for here, there in _NEIGHBOURS]
    saddles = np.concatenate([np.minimum(dense[here], dense[there]).ravel() for here, there in _NEIGHBOURS])
    one, other = (np.concatenate(each) for each in zip(*sides, strict=True))
    meet = (one != other) & (saddles > _LONE)
    belongs = np.arange(len(density))

    def whole(peak: int) -> int:
        while (above := int(belongs[peak])) != peak:
            belongs[peak] = belongs[above]
            peak = above
        return peak

    order = np.flatnonzero(meet)[np.argsort(-saddles[meet], kind="stable")]
    pairs = np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1)[order]
    _, first = np.unique(pairs, axis=0, return_index=True)
    for n in np.sort(first):
        a, b = whole(int(pairs[n, 0])), whole(int(pairs[n, 1]))
        lower, upper = (a, b) if rank[a] > rank[b] else (b, a)
        if lower != upper and density[lower] < _RISE * saddles[order[n]]:
            belongs[lower] = upper
    for peak in np.unique(peak_of):
        belongs[peak] = whole(int(peak))
    return belongs
