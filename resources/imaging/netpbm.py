"""Portable arbitrary maps (P7) and colour float maps (PF, Pf), which Pillow reads in part or not at all.

Formats: netpbm.sourceforge.net/doc/pam.html and pfm.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from PIL import Image

from resources.imaging.color import samples_picture

__all__ = ["netpbm_picture"]

_MOST_HEADER_BYTES = 4096
_FLOAT_HEADER = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+0-9.eE]{1,32})\s")


def netpbm_picture(buffer: bytes, check: Callable[[int, int], None]) -> Image.Image:
    """The picture; `check` is called with width and height before anything is allocated. Raises `ValueError`."""
    if buffer.startswith(b"P7"):
        return _arbitrary(buffer, check)
    found = _FLOAT_HEADER.match(buffer)
    if found is None:
        raise ValueError("not a float map header")
    width, height, scale = int(found[2]), int(found[3]), float(found[4])
    check(width, height)
    channels = 3 if found[1] == b"F" else 1
    values = _samples(buffer, found.end(), np.dtype("<f4" if scale < 0 else ">f4"), (height, width, channels))
    return samples_picture(values[::-1])  # rows are stored from the bottom up


def _arbitrary(buffer: bytes, check: Callable[[int, int], None]) -> Image.Image:
    header, end, _rest = buffer[:_MOST_HEADER_BYTES].partition(b"ENDHDR")
    if not end:
        raise ValueError("the header does not end")
    start = len(header) + len(end) + 1
    fields = {
        key: value
        for line in header.splitlines()[1:]
        if not line.startswith(b"#")
        for key, _, value in [line.strip().partition(b" ")]
    }
    width, height, depth, most = (int(fields[key]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    check(width, height)
    if not 1 <= depth <= 4 or not 1 <= most <= 65_535:
        raise ValueError(f"{depth} channels of at most {most}")
    values = _samples(buffer, start, np.dtype("u1" if most < 256 else ">u2"), (height, width, depth))
    if most not in (255, 65_535):
        values = (values.astype(np.uint32) * 255 // most).astype(np.uint8)
    return samples_picture(values, bits=16 if values.dtype.itemsize == 2 else 8)


def _samples(buffer: bytes, start: int, kind: np.dtype[np.generic], shape: tuple[int, int, int]) -> np.ndarray:
    count = shape[0] * shape[1] * shape[2]
    if start + count * kind.itemsize > len(buffer):
        raise EOFError("not enough image data")
    return np.frombuffer(buffer, kind, count, start).reshape(shape)
