"""Drawing the similarity map of 100,000 photos against plain umap-learn, and placing 1,000 new ones on it.

`BENCH_MAP_PHOTOS` is another number of photos.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import peers
from made_vectors import lost_neighbours, made_vectors
from results import LOUPE, Figure

from resources.projection import place, project

_PHOTOS = int(os.environ.get("BENCH_MAP_PHOTOS", 100_000))
_NEW = 1_000
_PEER = "umap-learn"
_LOST = (
    "of the 15 most alike, not among the 15 nearest on the map",
    "of the 15 most alike, not among the 50 nearest on the map",
    "trustworthiness missing to 1",
)


def measured() -> Iterator[Figure]:
    os.environ.pop("NUMBA_CACHE_DIR", None)
    vectors = np.concatenate(list(made_vectors(_PHOTOS)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "vectors.npy", vectors)
        first = _seconds(vectors, folder / "cache")[0]
        peer = peers.run("umap_learn", str(folder / "vectors.npy"), str(folder / "theirs.npy"))
        fresh, own = _seconds(vectors, folder / "cache")
        theirs = np.load(folder / "theirs.npy")
        wanted = np.sort(np.random.default_rng(4).choice(_PHOTOS, _NEW, replace=False))
        drawn = own.copy()
        drawn[wanted] = np.nan
        began = time.perf_counter()
        placed = place([(vectors, drawn)], folder / "cache")
        placing = time.perf_counter() - began
    photos = f"{_PHOTOS:,} photos"
    warm = "the same process a second time, everything compiled and imported"
    yield Figure(f"{photos}, a new process", LOUPE, fresh, "s", "starts, reads, draws, writes; code compiled before")
    yield Figure(f"{photos}, a new process", f"{_PEER}, warm", peer["warm_s"], "s", warm)
    yield Figure(f"{photos}, a new process", f"{_PEER}, cold", peer["cold_s"], "s")
    yield Figure(f"{photos}, the first time ever", LOUPE, first, "s", "compiles")
    yield Figure(f"{photos}, the first time ever", f"{_PEER}, cold", peer["cold_s"], "s")
    for what, mine, other in zip(_LOST, _lost(vectors, own), _lost(vectors, theirs), strict=True):
        yield Figure(what, LOUPE, mine, "%")
        yield Figure(what, f"{_PEER}, warm", other, "%")
    yield Figure(f"placing {_NEW:,} new photos among {_PHOTOS - _NEW:,}", LOUPE, placing, "s")
    for what, mine in zip(_LOST, _lost(vectors, placed, wanted), strict=True):
        yield Figure(f"of those placed: {what}", LOUPE, mine, "%")


def _seconds(vectors: npt.NDArray[np.float32], cache: Path) -> tuple[float, npt.NDArray[np.float32]]:
    began = time.perf_counter()
    places = project(vectors, cache)
    return time.perf_counter() - began, places


def _lost(
    vectors: npt.NDArray[np.float32], places: npt.NDArray[np.float32], asked: npt.NDArray[np.int64] | None = None
) -> tuple[float, float, float]:
    blocks = [vectors[start : start + 20_000] for start in range(0, len(vectors), 20_000)]
    return lost_neighbours(lambda: iter(blocks), places, asked)
