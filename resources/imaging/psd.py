"""The flattened picture of Photoshop documents, PSD and PSB of 1 to 32 bits.

Layers are not put together: Photoshop stores the result beside them unless told otherwise. Pillow reads 8-bit PSD only.
Format: Adobe Photoshop File Formats Specification, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.blocks import metadata_or_warning, photo_metadata
from resources.imaging.color import samples_picture
from resources.imaging.previews import fit_within
from resources.imaging.raster import (
    LEAST_READABLE,
    PILLOW_ERRORS,
    Raster,
    check_size,
    decode_raster,
    finished,
    greyed,
    plain,
)
from resources.imaging.sniff import Sniffed

__all__ = ["decode_psd"]

_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _MULTICHANNEL, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 7, 8, 9
_COLORS = {_BITMAP: 1, _GREY: 1, _INDEXED: 1, _RGB: 3, _CMYK: 4, _MULTICHANNEL: 1, _DUOTONE: 1, _LAB: 3}
_RAW, _RUN_LENGTHS = 0, 1
_THUMBNAIL, _ICC, _VERSION_INFO = 1036, 1039, 1057
_LEAST_THUMBNAIL_PX = 96
_PSD = Sniffed("PSD", "image/vnd.adobe.photoshop", "psd")
_JPEG = Sniffed("JPEG", "image/jpeg", "raster")


@dataclass(frozen=True)
class _Header:
    large: bool
    channels: int
    height: int
    width: int
    bits: int
    mode: int


def decode_psd(buffer: bytes, *, name: str, preview_px: int, max_pixels: int) -> Raster:
    """The document's flattened picture; where none was stored its thumbnail, with "PREVIEW_ONLY".

    Rows that are cut off are grey, with "TRUNCATED"; a quarter must be there. Raises `DecodeError`.
    """
    try:
        header = _header(buffer)
        check_size(header.width, header.height, max_pixels, name)
        palette_size = int.from_bytes(buffer[26:30], "big")
        palette = buffer[30 : 30 + palette_size]
        at = 30 + palette_size
        resources_size = int.from_bytes(buffer[at : at + 4], "big")
        resources = _resources(buffer[at + 4 : at + 4 + resources_size])
        at += 4 + resources_size
        size_bytes = 8 if header.large else 4
        layers_size = int.from_bytes(buffer[at : at + size_bytes], "big")
        transparent = _has_transparency(buffer, at + size_bytes, header)
        at += size_bytes + layers_size
        warnings: tuple[str, ...] = ()
        metadata, faults = metadata_or_warning(lambda: photo_metadata(buffer, _PSD))
        if not _has_picture(resources):
            return _thumbnail(resources, header, name, preview_px, max_pixels)
        values, rows = _picture(buffer, at, header)
        if rows < header.height:
            if rows / header.height < LEAST_READABLE:
                raise DecodeError(
                    "TRUNCATED", f"{name} ends before its picture does; {rows / header.height:.0%} is readable."
                )
            warnings = ("TRUNCATED",)
        image = _as_image(values, header, palette, transparent)
        if rows < header.height:
            image = greyed(image, 0, rows)
        size = fit_within(header.width, header.height, preview_px)
        pixels = finished(image, size, icc=resources.get(_ICC))
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except DecodeError:
        raise
    except PILLOW_ERRORS as error:
        raise plain(error, _PSD, name) from error
    return Raster(pixels, header.width, header.height, "raster", (*warnings, *faults), metadata)


def _header(buffer: bytes) -> _Header:
    if len(buffer) < 34:
        raise EOFError("truncated")
    channels = int.from_bytes(buffer[12:14], "big")
    height, width = (int.from_bytes(buffer[at : at + 4], "big") for at in (14, 18))
    bits, mode = (int.from_bytes(buffer[at : at + 2], "big") for at in (22, 24))
    if mode not in _COLORS or bits not in (1, 8, 16, 32) or not _COLORS[mode] <= channels <= 56:
        raise ValueError(f"mode {mode} of {channels} channels with {bits} bits")
    return _Header(buffer[5] == 2, channels, height, width, bits, mode)


def _resources(block: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 12 <= len(block) and block[at : at + 4] in (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"):
        key = int.from_bytes(block[at + 4 : at + 6], "big")
        at += 6 + (block[at + 6] + 2) // 2 * 2
        size = int.from_bytes(block[at : at + 4], "big")
        found.setdefault(key, block[at + 4 : at + 4 + size])
        at += 4 + size + size % 2
    return found


def _has_transparency(buffer: bytes, at: int, header: _Header) -> bool:
    """Whether the first channel after the colours is the picture's own transparency, not somebody's mask."""
    size_bytes = 8 if header.large else 4
    count = int.from_bytes(buffer[at + size_bytes : at + size_bytes + 2], "big", signed=True)
    return int.from_bytes(buffer[at : at + size_bytes], "big") > 0 and count < 0


def _has_picture(resources: dict[int, bytes]) -> bool:
    version = resources.get(_VERSION_INFO, b"")
    return len(version) < 5 or version[4] != 0


def _picture(buffer: bytes, at: int, header: _Header) -> tuple[np.ndarray, int]:
    """Samples [channels, h, w] and how many rows, from the top, have all their colours."""
    kind = int.from_bytes(buffer[at : at + 2], "big")
    at += 2
    count = min(header.channels, _COLORS[header.mode] + 1)
    row_bytes = (header.width + 7) // 8 if header.bits == 1 else header.width * header.bits // 8
    plane_bytes = row_bytes * header.height
    if kind == _RAW:
        data = buffer[at : at + count * plane_bytes]
    elif kind == _RUN_LENGTHS:
        data = _unpacked(buffer, at, header, count, row_bytes)
    else:
        raise ValueError(f"unknown compression {kind}")
    if len(data) <= (_COLORS[header.mode] - 1) * plane_bytes:
        raise EOFError("truncated")  # not even one row has all its colours
    rows = min(header.height, (len(data) - (_COLORS[header.mode] - 1) * plane_bytes) // row_bytes)
    planes = np.frombuffer(data.ljust(count * plane_bytes, b"\0"), np.uint8).reshape(count, header.height, row_bytes)
    if header.bits == 1:
        return 255 * (1 - np.unpackbits(planes, axis=2)[..., : header.width]), rows
    return planes.view({8: "u1", 16: ">u2", 32: ">f4"}[header.bits]), rows


def _unpacked(buffer: bytes, at: int, header: _Header, count: int, row_bytes: int) -> bytes:
    """The first `count` channels out of their run lengths, up to the first row that is not whole."""
    import imagecodecs

    width = 4 if header.large else 2
    if at + width * header.channels * header.height > len(buffer):
        raise EOFError("truncated")
    table = np.frombuffer(buffer, f">u{width}", header.channels * header.height, at)
    at += table.nbytes
    rows = []
    for size in table[: count * header.height].tolist():
        try:
            row = bytes(imagecodecs.packbits_decode(buffer[at : at + size], out=row_bytes))
        except RuntimeError:  # more than a row
            break
        if at + size > len(buffer) or len(row) != row_bytes:
            break
        rows.append(row)
        at += size
    return b"".join(rows)


def _as_image(planes: np.ndarray, header: _Header, palette: bytes, transparent: bool) -> Image.Image:
    colors = _COLORS[header.mode]
    if header.mode == _INDEXED:
        image = Image.fromarray(np.ascontiguousarray(planes[0]), "P")
        image.putpalette(bytes(np.frombuffer(palette[:768].ljust(768, b"\0"), np.uint8).reshape(3, 256).T.tobytes()))
        return image
    values = np.moveaxis(planes, 0, -1)
    if header.mode == _CMYK:
        return samples_picture(_inverted(values[..., :4]), bits=header.bits, mode="CMYK")
    if header.mode == _LAB:
        eight = np.ascontiguousarray(values[..., :3] >> 8 if header.bits == 16 else values[..., :3]).astype(np.uint8)
        return Image.frombytes("LAB", (header.width, header.height), eight.tobytes())
    with_alpha = transparent and planes.shape[0] > colors and header.mode in (_RGB, _GREY, _DUOTONE)
    mode = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA"}[colors, with_alpha]
    if header.bits == 32:  # linear light by definition
        values = np.where(values > 0, np.clip(values, 0, 1) ** np.float32(1 / 2.2), 0).astype(np.float32)
    return samples_picture(values[..., : colors + with_alpha], bits=header.bits, mode=mode)


def _inverted(values: np.ndarray) -> np.ndarray:
    """Photoshop stores ink as its absence."""
    return np.asarray(1 - values if values.dtype.kind == "f" else np.iinfo(values.dtype).max - values)


def _thumbnail(resources: dict[int, bytes], header: _Header, name: str, preview_px: int, max_pixels: int) -> Raster:
    jpeg = resources.get(_THUMBNAIL, b"")[28:]
    if jpeg.startswith(b"\xff\xd8\xff"):
        small = decode_raster(jpeg, _JPEG, name=name, preview_px=preview_px, max_pixels=max_pixels, orientation=1)
        if max(small.width, small.height) >= _LEAST_THUMBNAIL_PX:
            return Raster(
                small.pixels, header.width, header.height, "embedded_preview", ("PREVIEW_ONLY",), small.metadata
            )
    raise DecodeError(
        "UNSUPPORTED_FORMAT",
        f"{name} was saved without its flattened picture; in Photoshop, save it with maximised compatibility.",
    )
