"""The process that draws the map: `python -m resources.projection.process FOLDER CACHE DIM WAY`.

It reads `vectors.f4` (float32, rows of DIM) in FOLDER, and `drawn.f4` where there are places that stay (float32, rows
of 2, NaN for those that are wanted), and writes `places.f4`. A large library is drawn from a sample, evenly over all
that is there; each other photo is placed amid its neighbours in it, a block at a time, so memory hardly grows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resources.projection import DRAWN, PLACES, SAMPLE, VECTORS

__all__ = ["Vectors", "draw"]

_BLOCK = 20_000
_NEIGHBOURS = 15

Places = npt.NDArray[np.float32]
LayOut = Callable[[npt.NDArray[np.float32]], Places]


class Vectors:
    """A file of float32 vectors, `[n, dim]`, read by rows; nothing of it is kept."""

    def __init__(self, path: Path, dim: int) -> None:
        self._path, self._dim = path, dim
        self._count = path.stat().st_size // (4 * dim)

    def __len__(self) -> int:
        return self._count

    def blocks(self, rows: npt.NDArray[np.int64], size: int = _BLOCK) -> Iterator[tuple[npt.NDArray[np.int64], Places]]:
        """These rows, which ascend, in turn: their numbers and vectors, of `size` rows of the file at a time."""
        for start in range(0, len(self), size):
            some = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + size)]
            if len(some):
                block = np.fromfile(self._path, np.float32, size * self._dim, offset=4 * start * self._dim)
                yield some, block.reshape(-1, self._dim)[some - start]

    def rows(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """These rows, which ascend, float32 `[m, dim]`."""
        found = np.empty((len(rows), self._dim), dtype=np.float32)
        done = 0
        for _, block in self.blocks(rows):
            found[done : done + len(block)] = block
            done += len(block)
        return found


def draw(vectors: Vectors, drawn: Places | None, lay_out: LayOut, sample: int = SAMPLE) -> Places:
    """Places, float32 `[n, 2]`: of UMAP's plane, or with `drawn` of its own; those that it has stay as they are."""
    from resources.projection.layout import NEIGHBOURS, place
    from resources.projection.neighbours import Neighbours

    places = np.full((len(vectors), 2), np.nan, dtype=np.float32) if drawn is None else drawn.copy()
    there = np.arange(len(vectors)) if drawn is None else np.flatnonzero(~np.isnan(drawn[:, 0]))
    chosen = there[np.linspace(0, len(there) - 1, min(sample, len(there))).astype(np.int64)]
    among = vectors.rows(chosen)
    if drawn is None:
        places[chosen] = lay_out(among)
    wanted = np.flatnonzero(np.isnan(places[:, 0]))
    if len(wanted):
        neighbours, fixed = Neighbours(among), places[chosen]
        for rows, block in vectors.blocks(wanted):
            near, _ = neighbours.nearest(block, min(NEIGHBOURS, len(among)))
            places[rows] = place(near, fixed)
    return places


def by_gpu(vectors: npt.NDArray[np.float32]) -> Places:
    """Places by cuML, float32 `[n, 2]`. Raises ImportError without it, RuntimeError where it finds no GPU."""
    from cuml.manifold import UMAP  # type: ignore[import-not-found]

    laid_out = UMAP(n_neighbors=_NEIGHBOURS, n_components=2, min_dist=0.1, metric="cosine").fit_transform(vectors)
    places: Places = np.asarray(laid_out, dtype=np.float32)
    return places


def by_umap_learn(vectors: npt.NDArray[np.float32]) -> Places:
    """Places by umap-learn, float32 `[n, 2]`."""
    import umap

    neighbours = min(_NEIGHBOURS, len(vectors) - 1)
    # A fixed seed costs parallelism, which small maps do not need and large ones do.
    seed = {"random_state": 42} if len(vectors) <= 20_000 else {}
    laid_out = umap.UMAP(n_neighbors=neighbours, min_dist=0.1, metric="cosine", **seed).fit_transform(vectors)
    return np.asarray(laid_out, dtype=np.float32)


def best_way(told: Callable[[str], object] = lambda line: print(line, file=sys.stderr)) -> LayOut:
    """How vectors are laid out here: on a GPU where cuML is installed and finds one, else on the processor."""
    from resources.projection.layout import lay_out

    def on_gpu(vectors: npt.NDArray[np.float32]) -> Places:
        try:
            return by_gpu(vectors)
        except Exception as error:  # whatever CUDA raises: there is another way
            told(f"The map is drawn without the GPU: {type(error).__name__}: {error}")
            return lay_out(vectors)

    from importlib.util import find_spec

    return on_gpu if find_spec("cuml") else lay_out


def _main() -> None:
    folder, cache, dim, way = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    os.environ.setdefault("NUMBA_CACHE_DIR", cache)  # read when numba is imported
    stays = folder / DRAWN
    drawn = np.fromfile(stays, np.float32).reshape(-1, 2) if stays.exists() else None
    places = draw(Vectors(folder / VECTORS, dim), drawn, by_umap_learn if way == "umap-learn" else best_way())
    (folder / PLACES).write_bytes(places.astype(np.float32).tobytes())


if __name__ == "__main__":
    _main()
