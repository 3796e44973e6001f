"""The similarity map: UMAP from vectors to two dimensions, always in a process of its own.

Concurrent numba calls abort a process, so nothing but `python -m resources.projection.process` runs them; `project`
starts that and waits. Belongs here: places. Not here: groups and labels (`resources/photo_map/`), rows (`manifest/`).
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import structlog

from resources.errors import LoupeError
from resources.home import storage_error

__all__ = ["DRAWN", "FEWEST_FOR_UMAP", "PLACES", "SAMPLE", "VECTORS", "Way", "place", "project"]

log = structlog.get_logger(__name__)

Way = Literal["auto", "umap-learn"]

# Below this UMAP's neighbourhoods are the whole set; the two main axes of variance say as much.
FEWEST_FOR_UMAP = 16
# So many are laid out together; the others are placed among them.
SAMPLE = 100_000
# What the two processes hand each other, in a folder: rows of float32.
VECTORS, DRAWN, PLACES = "vectors.f4", "drawn.f4", "places.f4"


def project(
    vectors: npt.NDArray[np.float32] | Iterable[npt.NDArray[np.float32]],
    cache: Path,
    way: Way = "auto",
    timeout_s: float = 3600.0,
) -> npt.NDArray[np.float32]:
    """Places on the map: float32 `[n, 2]` within -1..1, laid out by `way` (`Settings.map_layout`).

    `vectors` are unit vectors, float32 `[n, dim]`, or blocks of such, which are never all in memory. `cache` is a
    folder for compiled code and, meanwhile, the vectors. Raises `JOB_FAILED` when the process fails or takes longer
    than `timeout_s` seconds, `DISK_FULL` or `HOME_NOT_WRITABLE` when `cache` cannot be written.
    """
    with _folder(cache) as folder:
        with (folder / VECTORS).open("wb") as file:
            shapes = [_add(file, block) for block in ([vectors] if isinstance(vectors, np.ndarray) else vectors)]
        count = sum(rows for rows, _ in shapes)
        if count < FEWEST_FOR_UMAP:
            few = np.fromfile(folder / VECTORS, dtype=np.float32)
            return _scaled(_main_axes(few.reshape(count, -1 if count else 0)))
        return _scaled(_in_a_process(folder, cache, shapes[0][1], way, timeout_s))


def place(
    blocks: Iterable[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]], cache: Path, timeout_s: float = 3600.0
) -> npt.NDArray[np.float32]:
    """Places for photos that are new on a map, amid their neighbours on it: float32 `[n, 2]` within -1..1.

    Each block has unit vectors `[m, dim]` and their places `[m, 2]`, NaN for those that are wanted; the others stay
    exactly as they are, and there must be some. Raises as `project`.
    """
    with _folder(cache) as folder:
        dim = 0
        with (folder / VECTORS).open("wb") as vectors, (folder / DRAWN).open("wb") as drawn:
            for block, places in blocks:
                _, dim = _add(vectors, block)
                _add(drawn, places)
        return (
            np.clip(_in_a_process(folder, cache, dim, "auto", timeout_s), -1, 1)
            if dim
            else np.zeros((0, 2), np.float32)
        )


@contextmanager
def _folder(cache: Path) -> Iterator[Path]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:
            yield Path(name)
    except OSError as error:
        raise storage_error(error, cache) from error


def _add(file: BinaryIO, rows: npt.NDArray[np.float32]) -> tuple[int, int]:
    file.write(np.ascontiguousarray(rows, dtype=np.float32).data)  # `tofile` hides what the system says
    return rows.shape[0], rows.shape[1]


def _in_a_process(folder: Path, cache: Path, dim: int, way: Way, timeout_s: float) -> npt.NDArray[np.float32]:
    answer = folder / PLACES
    try:
        done = subprocess.run(
            [sys.executable, "-m", "resources.projection.process", folder, cache, str(dim), way],
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
    for line in done.stderr.splitlines():
        log.info("map.drawing", said=line)
    return np.fromfile(answer, dtype=np.float32).reshape(-1, 2)


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
