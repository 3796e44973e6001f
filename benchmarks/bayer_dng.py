"""Bayer DNG files made from ordinary pictures, for measurements and tests: a sensor's layout, no camera.

What does not belong here: any expectation about how such a file decodes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["bayer_dng"]

# XYZ (D65) to linear sRGB: the "camera" of these files sees sRGB primaries.
_COLOR_MATRIX = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
_BLACK, _WHITE = 512, 15_000
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_FORMATS = {_BYTE: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "I", _SRATIONAL: "i"}

_Entries = dict[int, tuple[int, tuple[int, ...] | bytes]]


def bayer_dng(
    pixels: NDArray[np.uint8],
    *,
    preview_jpeg: bytes | None = None,
    more_previews: Sequence[bytes] = (),
    orientation: int = 1,
    make: str = "Loupe",
) -> bytes:
    """A 16-bit RGGB DNG of the picture uint8 [h, w, 3] (even sides), with an embedded JPEG preview if given.

    `more_previews` stand in directories of their own. `orientation` is the EXIF tag of the photo; all pictures are
    stored as they are given.
    """
    height, width = pixels.shape[:2]
    linear = ((pixels.astype(np.float32) / 255) ** 2.2 * (_WHITE - _BLACK) + _BLACK).astype("<u2")
    mosaic = np.empty((height, width), "<u2")
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = linear[row::2, column::2, channel]

    camera: _Entries = {
        271: (_ASCII, make.encode() + b"\0"),
        272: (_ASCII, b"Bayer\0"),
        274: (_SHORT, (orientation,)),
        50706: (_BYTE, (1, 4, 0, 0)),  # DNG version
        50708: (_ASCII, f"{make} Bayer".encode() + b"\0"),
        50721: (_SRATIONAL, tuple(part for value in _COLOR_MATRIX for part in (round(value * 10_000), 10_000))),
        50728: (_RATIONAL, (1, 1) * 3),  # neutral as shot
        50778: (_SHORT, (21,)),  # calibrated under D65
    }
    sensor = {
        **_picture(width, height, mosaic.tobytes(), bits=(16,), compression=1, photometric=32803),
        33421: (_SHORT, (2, 2)),
        33422: (_BYTE, (0, 1, 1, 2)),
        50714: (_SHORT, (_BLACK,)),
        50717: (_SHORT, (_WHITE,)),
    }
    if preview_jpeg is None:
        return _tiff([{**camera, **sensor}], [mosaic.tobytes()])
    first, *others = (
        {**_picture(*_jpeg_size(jpeg), jpeg, bits=(8, 8, 8), compression=7, photometric=6), 254: (_LONG, (1,))}
        for jpeg in (preview_jpeg, *more_previews)
    )
    return _tiff([{**first, **camera}, *others, sensor], [preview_jpeg, *more_previews, mosaic.tobytes()])


def _picture(
    width: int, height: int, data: bytes, *, bits: tuple[int, ...], compression: int, photometric: int
) -> _Entries:
    return {
        254: (_LONG, (0,)),
        256: (_LONG, (width,)),
        257: (_LONG, (height,)),
        258: (_SHORT, bits),
        259: (_SHORT, (compression,)),
        262: (_SHORT, (photometric,)),
        273: (_LONG, (0,)),  # where the data lies, filled in when it is known
        277: (_SHORT, (len(bits),)),
        278: (_LONG, (height,)),
        279: (_LONG, (len(data),)),
    }


def _tiff(directories: list[_Entries], pictures: list[bytes]) -> bytes:
    """A little-endian TIFF: pictures first, then the directories; the others are SubIFDs of the first."""
    body = bytearray(b"II*\0\0\0\0\0")
    for directory, picture in zip(directories, pictures, strict=True):
        directory[273] = (_LONG, (len(body),))
        body += picture + b"\0" * (len(picture) % 2)
    places: list[int] = []
    for directory in reversed(directories):
        if places and directory is directories[0]:
            directory[330] = (_LONG, tuple(reversed(places)))
        places.append(len(body))
        table = bytearray(struct.pack("<H", len(directory)))
        tail = bytearray()
        tail_start = len(body) + 2 + 12 * len(directory) + 4
        for tag, (kind, values) in sorted(directory.items()):
            raw = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)
            count = len(values) // (2 if kind in (_RATIONAL, _SRATIONAL) else 1)
            table += struct.pack("<HHI", tag, kind, count)
            if len(raw) <= 4:
                table += raw.ljust(4, b"\0")
            else:
                table += struct.pack("<I", tail_start + len(tail))
                tail += raw + b"\0" * (len(raw) % 2)
        body += table + b"\0\0\0\0" + tail
    struct.pack_into("<I", body, 4, places[-1])
    return bytes(body)


def _jpeg_size(jpeg: bytes) -> tuple[int, int]:
    """Width and height from the frame header."""
    at = 2
    while jpeg[at] == 0xFF:
        if 0xC0 <= jpeg[at + 1] <= 0xC3:
            return int.from_bytes(jpeg[at + 7 : at + 9], "big"), int.from_bytes(jpeg[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    raise ValueError("no frame header")
