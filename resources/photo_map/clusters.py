"""Groups of photos on the map: hills of density, told apart by how deep the valley between them is.

The method is ToMATo (Chazal, Guibas, Oudot, Skraba: Persistence-Based Clustering in Riemannian Manifolds, J. ACM 2013)
on a grid of Gaussian density: cells are taken densest first, each joins the hill of its densest neighbour, and two
hills that meet become one unless both rise clearly above the saddle. Time grows with the photos only to count them,
where HDBSCAN of scikit-learn compares all pairs.
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
_WIDTH, _NEIGHBOUR, _NARROWEST, _WIDEST = 2.0, 5, 0.008, 0.25
_RISE = 1.4
_MOST_ASKED = 5_000
# A photo that has fewer than this many others around it, by weight, stands between groups.
_LONE = 1.5
_FEWEST = 5
_FEWEST_SHARE = 0.002


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
    if len(places) <= _NEIGHBOUR:
        return _WIDEST
    from sklearn.neighbors import KDTree

    asked = places[:: -(-len(places) // _MOST_ASKED)]  # in the order of ids, which are hashes
    far, _ = KDTree(places).query(asked, k=_NEIGHBOUR + 1)  # the first is the photo itself
    return float(np.clip(_WIDTH * np.median(far[:, -1]), _NARROWEST, _WIDEST))


def _hills(density: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """For each cell the cell of the peak of its hill, -1 where nearly nothing is."""
    dense = np.flatnonzero(density > _LONE)
    order = dense[np.argsort(-density[dense], kind="stable")].tolist()
    height = density.tolist()
    peak_of: dict[int, int] = {}  # of a cell that was taken: a cell of its hill, in the end the peak

    def peak(cell: int) -> int:
        while (above := peak_of[cell]) != cell:
            peak_of[cell] = peak_of[above]
            cell = above
        return cell

    for cell in order:
        row, column = divmod(cell, _GRID)
        met = {
            peak(other)
            for r in range(max(row - 1, 0), min(row + 2, _GRID))
            for c in range(max(column - 1, 0), min(column + 2, _GRID))
            if (other := r * _GRID + c) in peak_of
        }
        if not met:
            peak_of[cell] = cell
            continue
        highest = max(met, key=lambda each: (height[each], -each))
        peak_of[cell] = highest
        for other in met:
            if height[other] < _RISE * height[cell]:
                peak_of[other] = highest
    hills = np.full(len(density), -1, dtype=np.int64)
    for cell in order:
        hills[cell] = peak(cell)
    return hills
