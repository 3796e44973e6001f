"""The pictures that a RAW carries ready-made: where they lie, and whether one can stand for the photo.

Taking one instead of developing the sensor data is what makes RAW fast, and what makes it go wrong elsewhere: cameras
store previews that are too small, black, cut, turned, framed with bars or cropped to another shape. What belongs
here: finding previews and saying no to them. What does not: LibRaw (`raw`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.blocks import metadata_or_warning
from resources.imaging.color import ADOBE_RGB, PROPHOTO_RGB, Coded
from resources.imaging.isobmff import boxes
from resources.imaging.metadata import PhotoMetadata, exif_directories, read_metadata
from resources.imaging.previews import Pixels, fit_within, orient, reduce_to
from resources.imaging.raster import PILLOW_ERRORS, Raster, camera_color, decode_raster
from resources.imaging.sniff import Sniffed
from resources.imaging.tiff import Directory, Tiff, TiffError

__all__ = ["Preview", "RawFacts", "decode_preview", "is_blank", "show_one_picture", "stored_previews"]

QUARTER_TURNS = (5, 6, 7, 8)

# Camera previews and LibRaw's sizes differ by the margin that demosaicing needs: under 1% over the samples. The next
# shape that cameras offer (3:2 to 4:3, 3:2 to 16:9) is 12% away.
_SAME_SHAPE = 0.04
# Black bars at two opposite sides, each at least this share: a picture of another shape on black.
_LEAST_BAR, _BAR_LEVEL = 0.02, 12
# Spread of grey levels (of 255) below which a picture is blank.
_BLANK_SPREAD = 2
# Two previews of one photo, as 12 x 12 greys. Over 40 photos a thumbnail in bars reaches 0.98 with its own picture;
# with another's the median is 0.16 and the 95th percentile 0.42.
_SAME_PICTURE, _SIGNATURE_PX, _LEAST_WITNESS_PX, _MOST_WITNESS_PX = 0.7, 12, 64, 1100

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 0x0100, 0x0101, 0x0102, 0x0103, 0x0106
_SAMPLES, _PLANAR, _STRIP_OFFSETS, _STRIP_BYTES = 0x0115, 0x011C, 0x0111, 0x0117
_JPEG_OFFSET, _JPEG_BYTES, _JPG_FROM_RAW, _PREVIEW_COLOR_SPACE = 0x0201, 0x0202, 0x002E, 0xC71A
_RGB, _PLANES = 2, 2
_DNG_COLOR_SPACES = {3: ADOBE_RGB, 4: PROPHOTO_RGB}
_MOST_PREVIEWS = 8
_CR3_PREVIEW = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")
_SOI = b"\xff\xd8\xff"
_JPEG = Sniffed("JPEG", "image/jpeg", "raster")


@dataclass(frozen=True)
class RawFacts:
    """What LibRaw's header says, or for files that LibRaw refuses what is left of it; 0 where nothing is."""

    width: int  # upright
    height: int
    orientation: int | None  # EXIF form, from the RAW's own header

    @property
    def shape_known(self) -> bool:
        return self.width > 0 and self.height > 0


@dataclass(frozen=True)
class Preview:
    """An embedded picture as stored: a JPEG file or pixels uint8 [h, w, 3]."""

    width: int
    height: int
    orientation: int | None = None  # its own tag
    jpeg: bytes | None = None
    pixels: Pixels | None = None
    coded: Coded | None = None
    rendered: bool = True  # as the photo should look; Canon's small uncompressed pictures are linear and unbalanced

    @classmethod
    def of_jpeg(cls, jpeg: bytes, coded: Coded | None = None) -> Preview | None:
        """None for what is no JPEG picture, as the lossless JPEG of sensor data."""
        try:
            with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
                exif = image.info.get("exif")
                block = exif if isinstance(exif, bytes) else None
                said, _ = metadata_or_warning(lambda: read_metadata(exif_directories(block)))
                return cls(*image.size, said.orientation, jpeg=jpeg, coded=coded)
        except PILLOW_ERRORS:
            return None

    @property
    def long_edge(self) -> int:
        return max(self.width, self.height)


def stored_previews(buffer: bytes, sniffed: Sniffed) -> list[Preview]:
    """The pictures that the file's own structure points to, smallest first."""
    found = {(preview.width, preview.height): preview for preview in _stored(buffer, sniffed)}
    return sorted(found.values(), key=lambda preview: preview.width * preview.height)


def _stored(buffer: bytes, sniffed: Sniffed) -> Iterator[Preview]:
    if sniffed.format == "RAF":
        start, size = (int.from_bytes(buffer[at : at + 4], "big") for at in (84, 88))
        yield from _jpegs(buffer, [(start, size)])
        return
    if sniffed.format == "CR3":
        yield from _jpegs(buffer, _cr3_previews(buffer))
        return
    try:
        tiff = Tiff(buffer)
    except TiffError:
        return
    camera = camera_color(tiff)
    for directory in list(tiff.directories())[: 2 * _MOST_PREVIEWS]:
        coded = _DNG_COLOR_SPACES.get(directory.integer(_PREVIEW_COLOR_SPACE) or 0, camera)
        ranges = list(zip(directory.integers(_JPEG_OFFSET), directory.integers(_JPEG_BYTES), strict=False))
        offsets, sizes = directory.integers(_STRIP_OFFSETS), directory.integers(_STRIP_BYTES)
        if directory.integer(_COMPRESSION) in (6, 7) and len(offsets) == len(sizes) == 1:
            ranges.append((offsets[0], sizes[0]))
        if sniffed.format in ("RW2", "RWL") and (place := directory.position(_JPG_FROM_RAW)):
            ranges.append((place, len(directory.blob(_JPG_FROM_RAW) or b"")))
        yield from _jpegs(buffer, ranges, coded)
        if uncompressed := _uncompressed(buffer, directory, tiff.byte_order, coded):
            yield uncompressed


def _jpegs(buffer: bytes, ranges: list[tuple[int, int]], coded: Coded | None = None) -> Iterator[Preview]:
    for start, size in ranges[:_MOST_PREVIEWS]:
        if buffer[start : start + 3] == _SOI and (found := Preview.of_jpeg(buffer[start : start + size], coded)):
            yield found


def _cr3_previews(buffer: bytes) -> list[tuple[int, int]]:
    view = memoryview(buffer)
    found = []
    for box in boxes(view, 0, len(view)):
        if box.kind == b"uuid" and bytes(view[box.start : box.start + 16]) == _CR3_PREVIEW:
            start = bytes(view[box.start : box.end]).find(_SOI)
            if start > 0:
                found.append((box.start + start, box.end - box.start - start))
    return found


def _uncompressed(buffer: bytes, directory: Directory, byte_order: str, coded: Coded | None) -> Preview | None:
    """Plain RGB strips: thumbnails of older cameras, and whole pictures in the RAW of film scanners."""
    if directory.integer(_COMPRESSION) != 1 or directory.integer(_PHOTOMETRIC) != _RGB:
        return None
    width, height, bits = (directory.integer(tag) or 0 for tag in (_WIDTH, _HEIGHT, _BITS))
    if directory.integer(_SAMPLES) != 3 or directory.integer(_PLANAR) == _PLANES or bits not in (8, 16):
        return None
    offsets, sizes = directory.integers(_STRIP_OFFSETS), directory.integers(_STRIP_BYTES)
    needed = width * height * 3 * bits // 8
    if not offsets or needed <= 0 or any(a + b != c for a, b, c in zip(offsets, sizes, offsets[1:], strict=False)):
        return None
    if offsets[0] + needed > len(buffer):
        return None
    kind = np.dtype("u1" if bits == 8 else byte_order + "u2")
    values = np.frombuffer(buffer, kind, width * height * 3, offsets[0]).reshape(height, width, 3)
    pixels = values if bits == 8 else (values >> 8).astype(np.uint8)
    return Preview(width, height, pixels=pixels, coded=coded, rendered=False)


def decode_preview(
    preview: Preview, facts: RawFacts, name: str, preview_px: int, max_pixels: int, *, any_shape: bool = False
) -> Raster | None:
    """The preview turned upright; None when it cannot be decoded, is blank or does not have the photo's shape.

    `any_shape` lets in what was cropped in the camera: better than nothing where the sensor data is lost.
    """
    orientation = _orientation(preview, facts)
    if orientation is None:
        return None
    try:
        if preview.jpeg is not None:
            decoded = decode_raster(
                preview.jpeg,
                _JPEG,
                name=f"the preview in {name}",
                preview_px=preview_px,
                max_pixels=max_pixels,
                orientation=orientation,
                coded=preview.coded,
            )
        elif preview.pixels is not None:
            size = fit_within(preview.width, preview.height, preview_px)
            image = orient(reduce_to(Image.fromarray(preview.pixels), size), orientation)
            width, height = preview.width, preview.height
            if orientation in QUARTER_TURNS:
                width, height = height, width
            decoded = Raster(np.asarray(image), width, height, "raster", (), PhotoMetadata())
        else:
            return None
    except (DecodeError, *PILLOW_ERRORS):
        return None
    if is_blank(decoded.pixels):
        return None
    if not any_shape and facts.shape_known:
        other = abs(decoded.width * facts.height / (decoded.height * facts.width) - 1) > _SAME_SHAPE
        if other or _has_bars(decoded.pixels):
            return None
    return replace(decoded, rung="embedded_preview")


def _orientation(preview: Preview, facts: RawFacts) -> int | None:
    """How to turn a preview. Its own tag counts where the result then has the photo's shape.

    Makers differ: most store previews unturned as the sensor saw them, tagged or not; some store them upright,
    and LibRaw tags those for a second turn. None when no reading gives the photo's shape.
    """
    own = preview.orientation or facts.orientation or 1
    if not facts.shape_known or _squarish(preview.width, preview.height) or _squarish(facts.width, facts.height):
        return own
    turned = (preview.width > preview.height) != (facts.width > facts.height)
    if turned:
        return next((value for value in (own, facts.orientation) if value in QUARTER_TURNS), None)
    return own if own not in QUARTER_TURNS else 1


def _squarish(width: int, height: int) -> bool:
    return max(width, height) <= 1.05 * min(width, height)


def is_blank(pixels: Pixels) -> bool:
    """Whether a picture is one flat colour."""
    step = max(1, min(pixels.shape[:2]) // 128)
    low, high = np.percentile(pixels[::step, ::step], (0.5, 99.5), axis=(0, 1))
    return bool((high - low).max() <= _BLANK_SPREAD)


def _has_bars(pixels: Pixels) -> bool:
    """Whether two opposite sides are black bars of the same width on a picture that is not black itself."""
    for dark in _dark_lines(pixels):
        if dark.all() or not (dark[0] and dark[-1]):
            continue
        before, after = int(np.argmin(dark)), int(np.argmin(dark[::-1]))
        if min(before, after) >= _LEAST_BAR * len(dark) and abs(before - after) <= 0.02 * len(dark) + 1:
            return True
    return False


def _dark_lines(pixels: Pixels) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows and which columns are black, by every eighth of their pixels."""
    rows = np.ascontiguousarray(pixels[:, ::8]).reshape(len(pixels), -1).max(axis=1)
    columns = pixels[::8].max(axis=0).max(axis=1)
    return rows <= _BAR_LEVEL, columns <= _BAR_LEVEL


def show_one_picture(chosen: Raster, others: list[Preview], facts: RawFacts, name: str) -> bool:
    """Whether another preview of the file agrees with the chosen one, or there is none to ask.

    Editors and repair tools leave previews of another photo, and bits that flip garble a JPEG without an error. The
    smallest other one is asked, if it is small: that costs a millisecond.
    """
    for other in others:
        if not _LEAST_WITNESS_PX <= other.long_edge <= _MOST_WITNESS_PX:
            continue
        witness = decode_preview(other, facts, name, 4 * _LEAST_WITNESS_PX, 1 << 24, any_shape=True)
        if witness is None:
            continue
        first, second = (_signature(_without_bars(raster.pixels)) for raster in (chosen, witness))
        if min(first.std(), second.std()) < 1:
            return True
        return float(np.corrcoef(first, second)[0, 1]) >= _SAME_PICTURE
    return True


def _signature(pixels: Pixels) -> np.ndarray:
    grey = Image.fromarray(pixels).resize((_SIGNATURE_PX, _SIGNATURE_PX), Image.Resampling.BOX).convert("L")
    return np.asarray(grey, np.float32).ravel()


def _without_bars(pixels: Pixels) -> Pixels:
    rows, columns = (np.flatnonzero(~dark) for dark in _dark_lines(pixels))
    if not len(rows) or not len(columns):
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
