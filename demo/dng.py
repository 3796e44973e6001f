"""Writes a real raw file: a Bayer DNG, with or without an embedded JPEG preview.

Belongs here: the TIFF structure that LibRaw and other raw converters read. Not here: which photos become raw files.

A small writer of its own, because the libraries at hand write neither JPEG strips nor an Exif directory into a TIFF.
Tags follow Adobe's DNG specification 1.4 and TIFF 6.0.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from PIL import Image

__all__ = ["dng_bytes"]

BLACK, WHITE = 256, 16383

# XYZ (D65) to linear sRGB: the drawn "camera" sees exactly sRGB's primaries.
_COLOUR_MATRIX = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_FORMATS = {_BYTE: "B", _ASCII: "s", _SHORT: "H", _LONG: "I", _RATIONAL: "II", _SRATIONAL: "ii"}

Entry = tuple[int, int, list[int] | list[Fraction] | str]  # tag, type, values


def dng_bytes(
    picture: Image.Image,
    *,
    preview_px: int | None,
    make: str,
    model: str,
    taken_at: str,
    offset: str,
    exposure_s: Fraction,
    f_number: Fraction,
    iso: int,
    focal_length_mm: int,
    lens: str,
) -> bytes:
    """A DNG of an RGB picture (even width and height), mosaiced RGGB at 14 bits.

    `preview_px`: long edge of the embedded JPEG, None for none. `taken_at`: "2021:07:12 18:40:03"; `offset`: "+02:00".
    """
    main: list[Entry] = [
        (271, _ASCII, make),
        (272, _ASCII, model),
        (274, _SHORT, [1]),
        (305, _ASCII, "Loupe demo"),
        (306, _ASCII, taken_at),
        (50706, _BYTE, [1, 4, 0, 0]),
        (50707, _BYTE, [1, 1, 0, 0]),
        (50708, _ASCII, f"{make} {model}"),
        (50721, _SRATIONAL, [Fraction(round(v * 10000), 10000) for row in _COLOUR_MATRIX for v in row]),
        (50728, _RATIONAL, [Fraction(1), Fraction(1), Fraction(1)]),
        (50778, _SHORT, [21]),  # D65
    ]
    exif: list[Entry] = [
        (33434, _RATIONAL, [exposure_s]),
        (33437, _RATIONAL, [f_number]),
        (34855, _SHORT, [iso]),
        (36867, _ASCII, taken_at),
        (36880, _ASCII, offset),
        (36881, _ASCII, offset),
        (37386, _RATIONAL, [Fraction(focal_length_mm)]),
        (42036, _ASCII, lens),
    ]
    mosaic = _mosaic(picture)
    raw_image = [
        (254, _LONG, [0]),
        (256, _LONG, [picture.width]),
        (257, _LONG, [picture.height]),
        (258, _SHORT, [16]),
        (259, _SHORT, [1]),
        (262, _SHORT, [32803]),  # colour filter array
        (277, _SHORT, [1]),
        (278, _LONG, [picture.height]),
        (284, _SHORT, [1]),
        (33421, _SHORT, [2, 2]),
        (33422, _BYTE, [0, 1, 1, 2]),
        (50714, _SHORT, [BLACK]),
        (50717, _SHORT, [WHITE]),
    ]
    raw_entries: list[Entry] = [(tag, kind, values) for tag, kind, values in raw_image]
    if preview_px is None:
        return _tiff(main + raw_entries, mosaic, exif, None)
    preview = picture.copy()
    preview.thumbnail((preview_px, preview_px))
    buffer = io.BytesIO()
    preview.save(buffer, "JPEG", quality=88)
    preview_image: list[Entry] = [
        (254, _LONG, [1]),  # a reduced version of another image
        (256, _LONG, [preview.width]),
        (257, _LONG, [preview.height]),
        (258, _SHORT, [8, 8, 8]),
        (259, _SHORT, [7]),  # JPEG
        (262, _SHORT, [6]),  # YCbCr
        (277, _SHORT, [3]),
        (278, _LONG, [preview.height]),
        (284, _SHORT, [1]),
    ]
    return _tiff(main + preview_image, buffer.getvalue(), exif, (raw_entries, mosaic))


def _mosaic(picture: Image.Image) -> bytes:
    values = np.asarray(picture.convert("RGB"), np.float32) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    mosaic = np.empty(linear.shape[:2], np.float32)
    for (row, column), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[row::2, column::2] = linear[row::2, column::2, channel]
    return (BLACK + mosaic * (WHITE - BLACK)).round().astype("<u2").tobytes()


def _tiff(entries: list[Entry], strip: bytes, exif: list[Entry], below: tuple[list[Entry], bytes] | None) -> bytes:
    """Directory 0 with one strip, its Exif directory and perhaps one directory below it with a strip of its own."""
    pointers = {34665: 0} | ({330: 0} if below else {})

    def directory(own: list[Entry], data_at: int, data: bytes, links: Mapping[int, int]) -> list[Entry]:
        linked: list[Entry] = [(tag, _LONG, [at]) for tag, at in links.items()]
        return [*own, (273, _LONG, [data_at]), (279, _LONG, [len(data)]), *linked]

    at = 8
    first_at = at
    at += len(_directory(directory(entries, 0, strip, pointers), at))
    exif_at = at
    at += len(_directory(exif, at))
    below_at = at
    if below:
        at += len(_directory(directory(below[0], 0, below[1], {}), at))
    strip_at = at
    below_strip_at = at + len(strip) + len(strip) % 2
    pointers = {34665: exif_at} | ({330: below_at} if below else {})
    out = b"II*\0" + struct.pack("<I", first_at)
    out += _directory(directory(entries, strip_at, strip, pointers), first_at)
    out += _directory(exif, exif_at)
    if below:
        out += _directory(directory(below[0], below_strip_at, below[1], {}), below_at)
    out += strip + b"\0" * (len(strip) % 2)
    return out + (below[1] if below else b"")


def _directory(entries: list[Entry], at: int) -> bytes:
    """One image file directory placed at byte `at`, values that do not fit behind it."""
    table, tail = b"", b""
    tail_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, values in sorted(entries, key=lambda entry: entry[0]):
        count, data = _pack(kind, values)
        table += struct.pack("<HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack("<I", tail_at + len(tail))
            tail += data + b"\0" * (len(data) % 2)
    return struct.pack("<H", len(entries)) + table + struct.pack("<I", 0) + tail


def _pack(kind: int, values: list[int] | list[Fraction] | str) -> tuple[int, bytes]:
    if isinstance(values, str):
        data = values.encode("ascii") + b"\0"
        return len(data), data
    if kind in (_RATIONAL, _SRATIONAL):
        pairs = [part for value in values for part in Fraction(value).as_integer_ratio()]
        return len(values), struct.pack("<" + _FORMATS[kind] * len(values), *pairs)
    return len(values), struct.pack("<" + _FORMATS[kind] * len(values), *[int(value) for value in values])
