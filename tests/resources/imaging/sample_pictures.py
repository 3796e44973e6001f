"""Where the sample photos lie, and two tools for pictures that tests make on the spot."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "photos"


def sample_rows() -> list[dict[str, str]]:
    """The rows of the samples' table; empty where the samples are absent."""
    table = SAMPLES / "manifest.csv"
    if not table.exists():
        return []
    with table.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """The picture as the bytes of a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def difference(pixels: np.ndarray, expected: Image.Image) -> float:
    """Mean difference of two pictures in grey levels; both must have the same size."""
    assert pixels.shape[1::-1] == expected.size
    return float(np.abs(pixels.astype(int) - np.asarray(expected.convert("RGB")).astype(int)).mean())
