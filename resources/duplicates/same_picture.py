"""Whether two pictures are one, resized or compressed anew: told from hashes and thumbnails, without a model.

Candidates are those whose difference hashes are close; every pair of hashes is compared (about 1 ns a pair). Whether
a candidate is the same picture its thumbnail says, by areas: a copy differs little everywhere, another frame of the
same scene differs much somewhere. Thresholds: docs/decisions/duplicates.md.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["MADE_BY", "candidates", "grid_of", "likeness"]

# Another way of comparing is another name: pictures are then compared again.
MADE_BY = "areas-1"

_MOST_BITS = 10
_GRID = 24
_MOST_MEAN = 7.5  # root mean square over areas, of 255
_MOST_AREA = 20.0  # the worst area, its channels' mean
_MOST_SHAPE = 0.02  # natural logarithm of the ratio of the aspect ratios
# Of more candidates than this the closest are looked at: pictures of nothing have all the same hash.
_MOST_CANDIDATES = 64

Grid = npt.NDArray[np.float32]


def candidates(
    hashes: npt.NDArray[np.uint64], shapes: npt.NDArray[np.float64], first_new: int
) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """For each picture from `first_new` on: those before it whose hash and aspect ratio (width / height) are close.

    `hashes` and `shapes` are `[n]`. Each pair comes once.
    """
    logs = np.log(shapes)
    for index in range(first_new, len(hashes)):
        bits = np.bitwise_count(hashes[:index] ^ hashes[index])
        near = np.flatnonzero((bits <= _MOST_BITS) & (np.abs(logs[:index] - logs[index]) <= _MOST_SHAPE))
        if len(near) > _MOST_CANDIDATES:
            near = near[np.argsort(bits[near], kind="stable")[:_MOST_CANDIDATES]]
        if len(near):
            yield index, near


def grid_of(thumbnail: Path | io.BytesIO) -> Grid | None:
    """The picture averaged over areas: float32 `[24, 24, 3]`, 0 to 255; None when the thumbnail is not there."""
    try:
        with Image.open(thumbnail) as picture:
            areas = picture.convert("RGB").resize((_GRID, _GRID), Image.Resampling.BICUBIC)
    except OSError:
        return None
    return np.asarray(areas, dtype=np.float32)


def likeness(one: Grid, other: Grid) -> float | None:
    """How alike two pictures are, 1 for equal, when they are the same picture; else None."""
    apart = np.abs(one - other)
    mean = math.sqrt(float((apart * apart).mean()))
    if mean > _MOST_MEAN or float(apart.mean(axis=2).max()) > _MOST_AREA:
        return None
    return 1.0 - mean / 255.0
