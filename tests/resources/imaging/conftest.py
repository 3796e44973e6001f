"""The picture that most tests start from; `bayer_dng` is shared with the measurements."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))


@pytest.fixture(scope="session")
def scene() -> Image.Image:
    """A picture that looks different in all eight orientations: four colours and a slope, 320 x 240."""
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    pixels = np.empty((240, 320, 3), np.uint8)
    pixels[..., 0] = np.where(x < 160, 220, 40)
    pixels[..., 1] = np.where(y < 120, 200, 60)
    pixels[..., 2] = (x + y) * 255 / 558
    return Image.fromarray(pixels)
