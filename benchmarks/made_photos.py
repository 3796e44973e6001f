"""Distinct photos of a size and a format, for measurements: one picture, shifted and with a patch of its own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bayer_dng import bayer_dng
from decode import picture, saved
from PIL import Image

__all__ = ["make"]


def make(name: str, folder: Path, count: int, megapixels: float, first: int = 0) -> Path:
    """`count` photos in `folder`, made here: "JPEG", "HEIC", "DNG" (no preview), "DNG with previews".

    Photos of another `first` are others. A DNG with previews has a full-size JPEG and one of 1,620 pixels, as cameras
    write them.
    """
    import pillow_heif

    folder.mkdir(parents=True)
    base = np.asarray(picture(megapixels))

    def heic(pixels: np.ndarray) -> bytes:
        out = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(out, quality=60)
        return out.getvalue()

    def camera_dng(pixels: np.ndarray) -> bytes:
        full = Image.fromarray(pixels)
        small = full.copy()
        small.thumbnail((1620, 1620))
        previews = [saved(small, "JPEG", quality=90)]
        return bayer_dng(pixels, preview_jpeg=saved(full, "JPEG", quality=90), more_previews=previews)

    encode: dict[str, Callable[[np.ndarray], bytes]] = {
        "JPEG": lambda pixels: saved(Image.fromarray(pixels), "JPEG", quality=90),
        "HEIC": heic,
        "DNG": bayer_dng,
        "DNG with previews": camera_dng,
    }
    suffix = name.split()[0].lower()
    for number in range(first, first + count):
        pixels = np.roll(base, 16 * number, axis=1)
        pixels[:64, :64] = number * 7 % 256
        pixels[64:128, :64] = number // 36 * 7 % 256
        (folder / f"IMG_{number:04d}.{suffix}").write_bytes(encode[name](pixels))
    return folder
