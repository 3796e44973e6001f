"""The similarity map: UMAP from vectors to two dimensions, always in a process of its own.

Concurrent UMAP or numba calls abort a process, so nothing but `python -m resources.projection IN.npy OUT.npy` runs
them; `project` starts that and waits.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resources.errors import LoupeError
from resources.home import storage_error

__all__ = ["project"]

# Below this UMAP's neighbourhoods are the whole set; the two main axes of variance say as much.
_FEWEST_FOR_UMAP = 16
_NEIGHBOURS = 15
_SEED = 42


def project(vectors: npt.NDArray[np.float32], cache: Path, timeout_s: float = 3600.0) -> npt.NDArray[np.float32]:
    """Places on the map: float32 `[n, 2]` for unit vectors float32 `[n, dim]`, scaled to lie within -1..1.

    `cache` is a folder for numba's compiled code and, meanwhile, the vectors. Raises `JOB_FAILED` when the process
    fails or takes longer than `timeout_s` seconds, `DISK_FULL` or `HOME_NOT_WRITABLE` when `cache` cannot be written.
    """
    if len(vectors) < _FEWEST_FOR_UMAP:
        return _scaled(_main_axes(vectors))
    try:
        return _scaled(_by_umap(vectors, cache, timeout_s))
    except OSError as error:
        raise storage_error(error, cache) from error


def _by_umap(vectors: npt.NDArray[np.float32], cache: Path, timeout_s: float) -> npt.NDArray[np.float32]:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        given, answer = Path(folder) / "vectors.npy", Path(folder) / "places.npy"
        np.save(given, vectors)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "resources.projection", str(given), str(answer), str(cache)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                cwd="/",
            )
        except subprocess.TimeoutExpired as error:
            raise LoupeError("JOB_FAILED", f"Drawing the map took longer than {timeout_s:g} s.") from error
        if os.strerror(errno.ENOSPC) in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if done.returncode != 0 or not answer.exists():
            raise LoupeError("JOB_FAILED", f"Drawing the map failed: {done.stderr.strip()[-500:]}")
        places: npt.NDArray[np.float32] = np.load(answer)
    return places


def _main_axes(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if len(vectors) == 0:
        return np.zeros((0, 2), dtype=np.float32)
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(vectors), 2), dtype=np.float32)
    flat = centred @ axes[:2].T
    places[:, : flat.shape[1]] = flat
    return places


def _scaled(places: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if len(places) == 0:
        return places.astype(np.float32)
    centred = places - (places.max(axis=0) + places.min(axis=0)) / 2
    reach = float(np.abs(centred).max()) or 1.0
    return (centred / reach).astype(np.float32)


def _main() -> None:
    import os

    given, answer, cache = sys.argv[1:4]
    os.environ.setdefault("NUMBA_CACHE_DIR", cache)
    import umap

    vectors = np.load(given)
    neighbours = min(_NEIGHBOURS, len(vectors) - 1)
    # A fixed seed costs parallelism, which small maps do not need and large ones do.
    seed = {"random_state": _SEED} if len(vectors) <= 20_000 else {}
    places = umap.UMAP(n_neighbors=neighbours, min_dist=0.1, metric="cosine", **seed).fit_transform(vectors)
    np.save(answer, places.astype(np.float32))


if __name__ == "__main__":
    _main()
