"""Drawing the similarity map of a million photos: seconds, memory and what becomes of neighbours.

`BENCH_MAP_LARGE` is another number of photos.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from made_vectors import DIM, lost_neighbours, made_vectors
from results import LOUPE, Figure

from resources.projection import SAMPLE, project

_PHOTOS = int(os.environ.get("BENCH_MAP_LARGE", 1_000_000))
_BLOCK = 20_000


def measured() -> Iterator[Figure]:
    os.environ.pop("NUMBA_CACHE_DIR", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(next(made_vectors(1_000)), folder / "cache")  # compiles
        with (folder / "made.f4").open("wb") as file:
            for block in made_vectors(_PHOTOS):
                file.write(block.data)

        def blocks() -> Iterator[npt.NDArray[np.float32]]:
            for start in range(0, _PHOTOS, _BLOCK):
                read = np.fromfile(folder / "made.f4", np.float32, _BLOCK * DIM, offset=4 * start * DIM)
                yield read.reshape(-1, DIM)

        began = time.perf_counter()
        places = project(blocks(), folder / "cache")
        took = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        lost = lost_neighbours(blocks, places)
    yield Figure(f"{_PHOTOS:,} photos", LOUPE, took, "s", f"{min(SAMPLE, _PHOTOS):,} laid out, the others placed")
    vectors = f"the vectors are {_PHOTOS * DIM * 4 / 2**20:,.0f} MiB"
    yield Figure("most memory of the process that draws", LOUPE, peak / 2**20, "MiB", vectors)
    yield Figure("of the 15 most alike, not among the 15 nearest on the map", LOUPE, lost[0], "%")
    yield Figure("of the 15 most alike, not among the 50 nearest on the map", LOUPE, lost[1], "%")
    yield Figure("trustworthiness missing to 1", LOUPE, lost[2], "%")
