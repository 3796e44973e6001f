"""Pictures that a model finds alike: cosines of new vectors with all, block by block; exact, in bounded memory.

What counts as alike depends on the model, so it is measured on the library's own pictures: `threshold_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

__all__ = ["CALIBRATION_PICTURES", "alike", "altered", "threshold_of"]

Vectors = npt.NDArray[np.float32]

CALIBRATION_PICTURES = 64
# The most alike that one picture keeps: a thousand screenshots would otherwise be half a million pairs.
_MOST_PAIRS = 32
_ROWS = 1024
# A cropped or lightened copy is found with this probability; chance pairs come through with that one, whichever of
# the two is the stricter.
_FOUND = 0.90
_BY_CHANCE = 1e-4
_COPIES = 2.0


def alike(
    new: Vectors,
    batches: Iterable[tuple[Sequence[str], Vectors]],
    names: Sequence[str],
    others: set[str],
    threshold: float,
) -> list[tuple[str, str, float]]:
    """Pairs `(name, other name, cosine)` at or above `threshold`, each once.

    `new` is `[n, dim]`, named by `names`; `batches` hold every vector with its name, and of these only `others` and
    those in `names` themselves count. Vectors are of unit length.
    """
    position = {name: index for index, name in enumerate(names)}
    best: list[list[tuple[float, str]]] = [[] for _ in names]
    for keys, vectors in batches:
        taken = np.array([key in others or key in position for key in keys], dtype=bool)
        if not taken.any():
            continue
        kept = [key for key, wanted in zip(keys, taken, strict=True) if wanted]
        matrix = vectors[taken]
        for start in range(0, len(new), _ROWS):
            cosines = new[start : start + _ROWS] @ matrix.T
            for row, column in np.argwhere(cosines >= threshold).tolist():
                index, key = start + row, kept[column]
                # Of two new ones the later finds the earlier.
                if key not in position or position[key] < index:
                    best[index].append((float(cosines[row, column]), key))
    pairs = []
    for name, found in zip(names, best, strict=True):
        pairs += [(name, key, cosine) for cosine, key in sorted(found, reverse=True)[:_MOST_PAIRS]]
    return pairs


def altered(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture as somebody might have edited it: a tenth cropped from two sides, lightened by a fifth."""
    height, width = pixels.shape[:2]
    cropped = Image.fromarray(pixels[: max(1, height * 9 // 10), width // 10 :])
    return np.asarray(ImageEnhance.Brightness(cropped).enhance(1.2))


def threshold_of(
    vectors: Vectors, edited: Vectors, library: Vectors, random: Callable[[int, int], npt.NDArray[np.intp]]
) -> float:
    """The cosine from which this model's pictures count as alike.

    `vectors[i]` and `edited[i]` are of one picture and its altered copy, `library` are vectors of different pictures;
    `random(n, m)` draws `m` numbers below `n`. The cosine that 90 % of the copies reach, unless more than one chance
    pair in ten thousand reaches it as well: then the cosine that they do not. In a small library chance pairs are
    alike more often, for each picture may have a copy or two.
    """
    reached = float(np.quantile((vectors * edited).sum(axis=1), 1 - _FOUND))
    if len(library) < 2:
        return reached
    one, other = random(len(library), 20_000), random(len(library), 20_000)
    apart = one != other
    by_chance = (library[one[apart]] * library[other[apart]]).sum(axis=1)
    return max(reached, float(np.quantile(by_chance, 1 - max(_BY_CHANCE, _COPIES / len(library)))))
