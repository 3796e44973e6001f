"""What Pillow leaves unchecked in JPEG: whether the picture is all there.

libjpeg fills what is missing with the last colour it saw and, where an end marker follows, says nothing.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from resources.errors import DecodeError

__all__ = ["is_incomplete", "missing_rows", "readable_part"]

_EOI, _SOS = 0xD9, 0xDA
_END = b"\xff\xd9"

# A picture whose last rows are all one colour, at least this share of it, may be cut with an end marker put behind.
_SUSPICIOUS_SHARE = 0.06
# Coded data that would be read if the picture were not complete. No marker, and codes of many lengths.
_PROBE = bytes(range(1, 255)) * 8
# Grey levels between two readings of the same rows that differ in nothing but the probe.
_SAME = 1.0


def missing_rows(image: Image.Image) -> float:
    """The share of rows at the bottom that are one flat value, the same as the last: what libjpeg filled in."""
    rows = np.asarray(image.convert("L").resize((64, min(image.height, 512)), Image.Resampling.BOX))
    spread = rows.max(axis=1).astype(int) - rows.min(axis=1)
    same = (spread <= 2) & (abs(rows.mean(axis=1) - rows[-1].mean()) <= 2)
    return (len(same) if same.all() else int(np.argmin(same[::-1]))) / len(same)


def is_incomplete(buffer: bytes, image: Image.Image) -> bool:
    """Whether a JPEG that decoded without complaint lacks some of its coded data. `image` is what came out."""
    if not buffer[-64:].strip(b"\0"):
        # Zeros after the end marker are padding that some cameras write; without one, a copy never finished.
        return not buffer.rstrip(b"\0").endswith(_END)
    last = image.crop((0, image.height - max(1, int(image.height * _SUSPICIOUS_SHARE)), image.width, image.height))
    if max(high - low for low, high in _extrema(last)) > 2:
        return False
    return _reads_on(buffer, image)


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    found = image.getextrema()
    return [found] if isinstance(found[0], (int, float)) else list(found)  # type: ignore[list-item]


def _reads_on(buffer: bytes, image: Image.Image) -> bool:
    """Whether more coded data before the end marker would change the picture: then it was not complete."""
    end = _end_of_scans(buffer)
    if end is None:
        return False
    probed = Image.open(io.BytesIO(buffer[:end] + _PROBE + _END), formats=["JPEG"])
    probed.draft("RGB", image.size)
    try:
        probed.load()
    except OSError:
        return False
    if probed.size != image.size or probed.mode != image.mode:
        return False
    difference = np.abs(np.asarray(probed).astype(np.int16) - np.asarray(image))
    return float(difference.max()) > _SAME


def _end_of_scans(buffer: bytes) -> int | None:
    """Where the first picture's end marker stands."""
    at = 2
    while at + 2 <= len(buffer):
        if buffer[at] != 0xFF:
            return None
        kind = buffer[at + 1]
        if kind == _EOI:
            return at
        if kind == 0xFF:
            at += 1
            continue
        at += 2 + int.from_bytes(buffer[at + 2 : at + 4], "big")
        if kind == _SOS:  # coded data follows, up to a marker that is neither stuffing nor a restart
            while True:
                at = buffer.find(b"\xff", at)
                if at < 0 or at + 1 >= len(buffer):
                    return None
                if buffer[at + 1] and not 0xD0 <= buffer[at + 1] <= 0xD7 and buffer[at + 1] != 0xFF:
                    break
                at += 1 if buffer[at + 1] == 0xFF else 2
    return None


def readable_part(buffer: bytes, target: tuple[int, int], name: str) -> Image.Image:
    """The part of a cut JPEG that is there, the rest flat grey: libjpeg fills it in when an end marker follows."""
    image = Image.open(io.BytesIO(buffer.rstrip(b"\0") + _END), formats=["JPEG"])
    image.draft("RGB", target)
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise DecodeError("TRUNCATED", f"{name} ends before its picture does; nothing of it is readable.") from error
    return image
