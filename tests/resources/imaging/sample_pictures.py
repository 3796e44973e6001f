"""Where the sample photos lie, and two tools for pictures that tests make on the spot."""

from __future__ import annotations

import csv
import io
import struct
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


def photoshop(
    pixels: np.ndarray,
    *,
    mode: int = 3,
    large: bool = False,
    packed: bool = True,
    transparency: bool = False,
    resources: dict[int, bytes] | None = None,
    palette: bytes = b"",
) -> bytes:
    """A Photoshop document with a flattened picture [h, w, channels] of uint8, uint16 or float32, and no layers.

    `transparency` says that the channel after the colours is the picture's own; `large` writes PSB.
    """
    import imagecodecs

    planes = np.moveaxis(pixels if pixels.ndim == 3 else pixels[..., None], -1, 0)
    channels, height, width = planes.shape
    planes = np.ascontiguousarray(planes.astype(planes.dtype.newbyteorder(">")))
    head = b"8BPS" + struct.pack(">H6xHIIHH", 2 if large else 1, channels, height, width, 8 * planes.itemsize, mode)
    blocks = b"".join(
        b"8BIM" + struct.pack(">HHI", key, 0, len(data)) + data + b"\0" * (len(data) % 2)
        for key, data in (resources or {}).items()
    )
    count = "Q" if large else "I"
    layers = struct.pack(">" + count + "h", 2, -1) if transparency else b""
    body = struct.pack(">" + count, len(layers)) + layers
    if packed:
        rows = [bytes(imagecodecs.packbits_encode(row.tobytes())) for plane in planes for row in plane]
        sizes = struct.pack(f">{len(rows)}{'I' if large else 'H'}", *map(len, rows))
        picture = b"\0\x01" + sizes + b"".join(rows)
    else:
        picture = b"\0\0" + planes.tobytes()
    colors = struct.pack(">I", len(palette)) + palette
    return head + colors + struct.pack(">I", len(blocks)) + blocks + body + picture
