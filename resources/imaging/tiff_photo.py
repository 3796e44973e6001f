"""TIFF pictures: through Pillow where it reads them right, through tifffile where it does not; cut ones in part.

Pillow takes 8-bit pictures of every kind and most of 16 bits. Floats, signed and 32-bit samples, 16-bit planes and
codecs that libtiff is built without come from tifffile and imagecodecs as arrays.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import IO, cast

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from resources.errors import DecodeError
from resources.imaging.blocks import metadata_or_warning, tiff_blocks
from resources.imaging.color import samples_picture
from resources.imaging.metadata import ExifDirectories, exif_directories
from resources.imaging.previews import fit_within
from resources.imaging.quiet import silenced
from resources.imaging.raster import (
    LEAST_READABLE,
    PILLOW_ERRORS,
    Raster,
    check_size,
    finished,
    greyed,
    plain,
)
from resources.imaging.sniff import Sniffed
from resources.imaging.tiff import Directory, PageFile, Tiff, TiffError

__all__ = ["TiffPage", "decode_tiff"]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 0x0100, 0x0101, 0x0102, 0x0103, 0x0106
_ORIENTATION, _SAMPLES, _ROWS_PER_STRIP, _PLANAR = 0x0112, 0x0115, 0x0116, 0x011C
_STRIP_OFFSETS, _STRIP_BYTES = 0x0111, 0x0117
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 0x0142, 0x0143, 0x0144, 0x0145
_SAMPLE_FORMAT, _EXTRA_SAMPLES, _EXIF_IFD, _GPS_IFD = 0x0153, 0x0152, 0x8769, 0x8825
_ICC = 0x8773
_WHITE_IS_ZERO, _RGB, _SEPARATED, _CIELAB = 0, 2, 5, 8
_SEPARATE_PLANES, _PREMULTIPLIED, _STRAIGHT = 2, 1, 2
# Used share of their range below which 16-bit colours are stretched, in 8-bit levels.
_NARROW_LEVELS = 32
# Samples per pixel that are believed; more are no photograph, and multiply the memory that is needed.
_MOST_SAMPLES = 32
_ERRORS = (*PILLOW_ERRORS, struct.error, zlib.error)
_TIFF = Sniffed("TIFF", "image/tiff", "tiff")


@dataclass(frozen=True)
class TiffPage:
    """One of several pictures of a TIFF; `shared` is the document's changeable copy."""

    tiff: Tiff
    offset: int
    directory: Directory
    shared: bytearray

    def exif_directories(self) -> ExifDirectories:
        exif, gps = (self.tiff.child(self.directory, tag) for tag in (_EXIF_IFD, _GPS_IFD))
        return ExifDirectories(self.directory, exif, gps)


def decode_tiff(buffer: bytes, *, name: str, preview_px: int, max_pixels: int, page: TiffPage | None = None) -> Raster:
    """One picture of a TIFF: the first, or `page`. Raises `DecodeError`.

    Warnings: "TRUNCATED" where rows lie beyond the end of the file, or the end of the directory, which may have said
    how the rows are to be read; "CORRUPT" where rows cannot be decoded. What is missing is grey, and a quarter of the
    picture must be there.
    """
    directory = page.directory if page else _first(buffer, name)
    width, height = directory.integer(_WIDTH) or 0, directory.integer(_HEIGHT) or 0
    check_size(width, height, max_pixels, name)
    if (directory.integer(_SAMPLES) or 1) > _MOST_SAMPLES:
        raise DecodeError("UNSUPPORTED_FORMAT", f"{name} has more channels than a photo.")
    rows = _rows_in_file(directory, height, len(buffer))
    warnings: tuple[str, ...] = ("TRUNCATED",) if rows < height or directory.ends_early else ()
    _check_rows(rows / height, name)
    try:
        image, found = _image(buffer, directory, page, rows)
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except _ERRORS as error:
        if rows < height:
            raise DecodeError("TRUNCATED", f"{name} is cut: its TIFF structure points beyond its end.") from error
        raise plain(error, _TIFF, name) from error
    if found < rows:
        _check_rows(found / height, name, "CORRUPT")
        warnings = (*warnings, "CORRUPT")
    metadata, faults = metadata_or_warning(
        lambda: tiff_blocks(page.exif_directories() if page else exif_directories(buffer)).metadata()
    )
    orientation = metadata.orientation or 1
    size = fit_within(*image.size, preview_px)
    try:
        pixels = finished(image, size, icc=directory.blob(_ICC), bits=directory.integer(_BITS), orientation=orientation)
        if _may_be_narrow(directory) and pixels.max() < _NARROW_LEVELS:
            pixels = finished(_samples(buffer, page), size, icc=directory.blob(_ICC), orientation=orientation)
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except _ERRORS as error:
        raise plain(error, _TIFF, name) from error
    width, height = image.size
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Raster(pixels, width, height, "raster", (*warnings, *faults), metadata)


def _first(buffer: bytes, name: str) -> Directory:
    try:
        tiff = Tiff(buffer)
    except TiffError as error:
        raise DecodeError("CORRUPT", f"{name} begins like TIFF, but its header is damaged.") from error
    directory = tiff.first()
    if directory is not None and len(directory):
        return directory
    if tiff.first_offset + 2 > len(buffer):
        raise DecodeError("TRUNCATED", f"{name} is cut: its TIFF structure points beyond its end.")
    raise DecodeError("CORRUPT", f"{name} begins like TIFF, but its directory is damaged.")


def _check_rows(readable: float, name: str, code: str = "TRUNCATED") -> None:
    if readable < LEAST_READABLE:
        words = "are in the file" if code == "TRUNCATED" else "can be decoded"
        raise DecodeError(code, f"{name} is cut or damaged: only {readable:.0%} of its rows {words}.")


def _rows_in_file(directory: Directory, height: int, size: int) -> int:
    """How many rows from the top lie wholly within a file of `size` bytes."""
    if offsets := directory.integers(_TILE_OFFSETS):
        width, step = directory.integer(_WIDTH) or 1, max(1, directory.integer(_TILE_HEIGHT) or height)
        across, counts = -(-width // max(1, directory.integer(_TILE_WIDTH) or width)), directory.integers(_TILE_BYTES)
    else:
        offsets, counts = directory.integers(_STRIP_OFFSETS), directory.integers(_STRIP_BYTES)
        across, step = 1, max(1, min(directory.integer(_ROWS_PER_STRIP) or height, height))
    within = [start + count <= size for start, count in zip(offsets, counts, strict=False)]
    if all(within):
        return height
    if directory.integer(_PLANAR) == _SEPARATE_PLANES and (directory.integer(_SAMPLES) or 1) > 1:
        return 0  # the last planes are missing: rows without all their colours
    first = within.index(False)
    rows = first // across * step
    if not directory.integers(_TILE_OFFSETS) and directory.integer(_COMPRESSION) in (None, 1) and counts[first]:
        there = max(0, size - offsets[first])
        rows += int(min(step, height - rows) * there / counts[first])
    return min(rows, height)


def _image(buffer: bytes, directory: Directory, page: TiffPage | None, rows: int) -> tuple[Image.Image, int]:
    """The picture as stored and how many rows of it are good; `rows` are in the file."""
    height = directory.integer(_HEIGHT) or 0
    if _beyond_pillow(directory):
        if rows < height:
            raise EOFError("truncated")
        return _samples(buffer, page), height
    try:
        image = Image.open(_file(buffer, page), formats=[TiffImagePlugin.TiffImageFile.format])
    except UnidentifiedImageError:
        if rows < height:
            raise
        return _samples(buffer, page), height
    # Pillow would turn the picture at full size; `finished` turns what is left of it.
    image.getexif().pop(_ORIENTATION, None)
    image._size = cast("TiffImagePlugin.TiffImageFile", image)._tile_size
    try:
        with silenced():
            image.load()
    except OSError:
        if image._im is None:
            raise
        image.tile = []  # done: Pillow would begin anew with every access
        if rows == height:
            grey = np.asarray(image.convert("L"))
            blank = grey.max(axis=1) == 0
            if blank.all():  # a codec that Pillow's libtiff is built without says so only now
                return _samples(buffer, page), height
            rows = height - int(np.argmin(blank[::-1]))
        return greyed(image, 0, rows), rows
    return (image if rows == height else greyed(image, 0, rows)), rows


def _file(buffer: bytes, page: TiffPage | None) -> IO[bytes]:
    """What Pillow is to read for one picture of a TIFF: it knows no big-endian BigTIFF and no page by its place."""
    if buffer.startswith(b"MM\0+"):
        tiff = Tiff(buffer)
        directory = page.directory if page else tiff.first()
        return io.BytesIO((directory and tiff.as_classic(directory)) or buffer)
    if page is not None:
        return cast("IO[bytes]", PageFile(page.shared, page.offset, page.tiff))
    return io.BytesIO(buffer)


# Arrays


def _beyond_pillow(directory: Directory) -> bool:
    """What Pillow refuses, or shows wrong without a word: measured over 112 kinds that tifffile writes."""
    bits = max(directory.integers(_BITS) or (1,))
    form = directory.integer(_SAMPLE_FORMAT) or 1
    photometric, samples = directory.integer(_PHOTOMETRIC), directory.integer(_SAMPLES) or 1
    if bits > 16 or form != 1:
        return not (bits == 32 and form == 3 and samples == 1) and not (bits == 16 and form == 2 and samples == 1)
    if bits != 16:  # grey with a channel of no declared kind is no transparency
        return samples == 2 and directory.integer(_EXTRA_SAMPLES) not in (_PREMULTIPLIED, _STRAIGHT)
    return (
        photometric in (_WHITE_IS_ZERO, _CIELAB)
        or (samples > 1 and directory.integer(_PLANAR) == _SEPARATE_PLANES)
        or (samples == 2)
    )


def _may_be_narrow(directory: Directory) -> bool:
    """16-bit colours, of which Pillow keeps the upper 8 bits: of 12 bits in 16 that leaves a black picture."""
    return directory.integer(_BITS) == 16 and directory.integer(_PHOTOMETRIC) == _RGB


def _samples(buffer: bytes, page: TiffPage | None) -> Image.Image:
    """One picture through tifffile and imagecodecs."""
    import tifffile

    source = io.BytesIO(bytes(page.shared) if page else buffer)
    if page is not None:  # point the header at the page
        code, at = ("Q", 8) if page.tiff.big else ("I", 4)
        source.seek(at)
        source.write(struct.pack(page.tiff.byte_order + code, page.offset))
        source.seek(0)
    with tifffile.TiffFile(source) as document:
        picture = document.pages.first
        values = np.asarray(picture.asarray(maxworkers=1))
        photometric, bits = int(picture.photometric), int(picture.bitspersample)
        axes, extra = picture.axes, tuple(int(kind) for kind in picture.extrasamples)
    while values.ndim > 2 and axes[0] not in "SYX":  # slices of a volume: the first
        values, axes = values[0], axes[1:]
    if axes.startswith("S"):
        values = np.moveaxis(values, 0, -1)
    channels = values.shape[2] if values.ndim == 3 else 1
    if photometric == _CIELAB and channels >= 3:
        return _lab(values)
    if photometric == _SEPARATED:
        return samples_picture(values, bits=bits, mode="CMYK")
    colors = 3 if channels >= 3 else 1
    alpha = bool(extra) and extra[0] in (_PREMULTIPLIED, _STRAIGHT) and channels > colors
    mode = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA"}[colors, alpha]
    image = samples_picture(values, bits=bits, mode=mode, inverted=photometric == _WHITE_IS_ZERO)
    if alpha and extra[0] == _PREMULTIPLIED:
        image = Image.frombytes({"LA": "La", "RGBA": "RGBa"}[mode], image.size, image.tobytes())
    return image


def _lab(values: np.ndarray) -> Image.Image:
    """CIE L*a*b* of 8 or 16 bits, a and b signed, as Pillow's mode "LAB" keeps it: a and b from 0 at 128."""
    wide = values.dtype.itemsize == 2
    lightness = values[..., 0].astype(np.float32) / (257 if wide else 1)
    signed = values[..., 1:3].astype(np.int16 if wide else np.int8)
    colors = (signed // 256 if wide else signed).astype(np.int16) + 128
    lab = np.dstack([np.clip(lightness + 0.5, 0, 255).astype(np.uint8), colors.astype(np.uint8)])
    return Image.frombytes("LAB", lab.shape[1::-1], np.ascontiguousarray(lab).tobytes())
