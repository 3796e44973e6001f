"""Well-known photographs that installed packages carry, with what is on them.

Not here: what they are shown for (`check`: is this the model it says it is; `int8`: does it bear rounding).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Picture", "photographs"]


@dataclass(frozen=True)
class Picture:
    """One picture of the check: uint8 `[h, w, 3]` pixels, its caption, and words of which a caption has one."""

    name: str
    pixels: np.ndarray
    caption: str
    words: tuple[str, ...]


def photographs() -> list[Picture]:
    """Fourteen photographs out of the installed packages; nothing is downloaded."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    def motorcycle() -> np.ndarray:
        left: np.ndarray = data.stereo_motorcycle()[0]
        return left

    known: list[tuple[str, Callable[[], Any], str, str]] = [
        ("astronaut", data.astronaut, "a portrait of an astronaut in an orange suit", "astronaut woman suit space"),
        ("cat", data.chelsea, "a close-up of a ginger cat's face", "cat kitten"),
        ("coffee", data.coffee, "a cup of coffee on a saucer with a spoon", "coffee cup espresso"),
        ("rocket", data.rocket, "a rocket on its launch pad", "rocket launch space shuttle tower"),
        ("motorcycle", motorcycle, "a motorcycle parked in a garage", "motorcycle bike motorbike scooter garage"),
        ("coins", data.coins, "rows of ancient coins", "coins coin money buttons"),
        ("moon", data.moon, "craters on the surface of the moon", "moon crater craters surface planet"),
        ("page", data.page, "a page of printed text", "page text book paper words document writing"),
        ("camera", data.camera, "a man with a camera on a tripod in a field", "camera man tripod photographer"),
        ("brick", data.brick, "a brick wall", "brick wall bricks"),
        ("grass", data.grass, "a close-up of grass", "grass plant field straw hair fur"),
        ("galaxies", data.hubble_deep_field, "many galaxies and stars in deep space", "galaxies stars space galaxy"),
        ("temple", lambda: load_sample_image("china.jpg"), "a Chinese temple with ornate roofs", "temple building"),
        ("flower", lambda: load_sample_image("flower.jpg"), "a large red and orange flower", "flower flowers dahlia"),
    ]
    return [Picture(name, _rgb(load()), caption, tuple(words.split())) for name, load, caption, words in known]


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """uint8 `[h, w, 3]` from a grey or colour picture."""
    pixels = np.asarray(pixels, dtype=np.uint8)
    return np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels[..., :3]
