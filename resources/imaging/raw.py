"""Camera RAW through a ladder: the embedded preview, else LibRaw at half size, else at full size.

An embedded preview costs a tenth of developing the sensor data, but it is taken only when it is large enough for
the photo, not blank, whole, and turned the way the RAW is. LibRaw is never believed without a check of its own:
it answers stubs and cut files with black or noise and no error.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import rawpy
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.blocks import photo_metadata
from resources.imaging.isobmff import boxes
from resources.imaging.metadata import PhotoMetadata, exif_directories, read_metadata
from resources.imaging.previews import Pixels, fit_within, orient, reduce_to
from resources.imaging.quiet import silenced
from resources.imaging.raster import PILLOW_ERRORS, Raster, check_size, decode_raster
from resources.imaging.sniff import Sniffed
from resources.imaging.tiff import Directory, Tiff, TiffError

__all__ = ["decode_raw"]

# Shares of the photo's long edge. A preview this close to the whole is as good as the whole at any size.
_AS_GOOD_AS_FULL = 0.9
# Half size may fall this little short of the preview size; developing at full size costs four times as much.
_ENOUGH_OF_TARGET = 0.9
# When the sensor data cannot be developed, a preview of at least this long edge still shows the photo.
_LEAST_PREVIEW_PX = 320
# Bytes per pixel. The strongest RAW compression (lossy DNG) needs about 0.1; below this there is no picture.
_LEAST_BYTES_PER_PIXEL = 0.02
# No camera RAW is smaller: Kodak's DC series of 1996 needed 40 KB.
_LEAST_RAW_BYTES = 32_768
# Formats of the past, every variant of which LibRaw reads: what it calls unsupported there is damaged.
_WHOLLY_SUPPORTED = {"CR2", "CRW", "KDC", "MRW"}
# Spread of grey levels (of 255) below which a picture is blank.
_BLANK_SPREAD = 2

_RAW_ERRORS = (rawpy.LibRawError, *PILLOW_ERRORS)

# LibRaw's flip to EXIF orientation.
_ORIENTATION_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)

_QUARTER_TURNS = (5, 6, 7, 8)

_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC = 0x0100, 0x0101, 0x0103, 0x0106
_STRIP_OFFSETS, _STRIP_BYTES = 0x0111, 0x0117
_JPEG_OFFSET, _JPEG_BYTES = 0x0201, 0x0202
_SENSOR_PHOTOMETRICS = {32803, 34892}


@dataclass(frozen=True)
class _Facts:
    """What LibRaw's header says, or for files that LibRaw refuses what is left of it."""

    width: int  # upright
    height: int
    orientation: int | None  # EXIF form, from the RAW's own header


def decode_raw(buffer: bytes, sniffed: Sniffed, *, name: str, preview_px: int, max_pixels: int) -> Raster:
    """One RAW photo; `rung` says how far down the ladder it went.

    Warnings: "PREVIEW_ONLY" where the sensor data could not be developed and the preview is all there is,
    "TRUNCATED" where sensor data is missing from the file. Raises `DecodeError`.
    """
    metadata = photo_metadata(buffer, sniffed)
    try:
        with silenced(), rawpy.imread(io.BytesIO(buffer)) as raw:
            return _ladder(raw, buffer, sniffed, metadata, name, preview_px, max_pixels)
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except _RAW_ERRORS as error:
        # LibRaw does not know the camera or the header is damaged; the preview may still be whole.
        facts = _declared_facts(buffer, metadata)
        warnings = ("TRUNCATED",) if _is_cut(buffer) else ()
        previews = _scanned_previews(buffer, sniffed)
        rescued = _rescue(previews, facts, metadata, warnings, name, preview_px, max_pixels)
        if rescued is not None:
            return rescued
        raise _refusal(buffer, sniffed, facts, error, name) from error


def _ladder(
    raw: rawpy.RawPy,
    buffer: bytes,
    sniffed: Sniffed,
    metadata: PhotoMetadata,
    name: str,
    preview_px: int,
    max_pixels: int,
) -> Raster:
    facts = _facts(raw)
    check_size(facts.width, facts.height, max_pixels, name)
    if sniffed.format == "X3F":
        metadata = _completed(metadata, raw, sniffed)
    missing = _sensor_data_missing(buffer, sniffed, facts)
    warnings = ("TRUNCATED",) if missing else ()
    target = fit_within(facts.width, facts.height, preview_px)
    enough = min(preview_px, _AS_GOOD_AS_FULL * max(facts.width, facts.height))

    previews: list[Raster] = []
    for preview in _previews(raw, buffer, sniffed):
        decoded = _decode_preview(preview, facts, name, preview_px, max_pixels)
        if decoded is None:
            continue
        if max(decoded.width, decoded.height) >= enough and not decoded.warnings:
            return replace(decoded, width=facts.width, height=facts.height, warnings=warnings, metadata=metadata)
        previews.append(decoded)

    failure: BaseException | None = None
    if not missing:
        try:
            developed = _developed(raw, facts, metadata, target, name)
            return replace(developed, metadata=_completed(metadata, raw, sniffed))
        except MemoryError as error:
            raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to develop than there is.") from error
        except (DecodeError, *_RAW_ERRORS) as error:
            failure = error
    best = max(previews, key=lambda preview: preview.width * preview.height, default=None)
    if best is not None and max(best.width, best.height) >= _LEAST_PREVIEW_PX:
        return replace(
            best,
            width=facts.width,
            height=facts.height,
            warnings=tuple(dict.fromkeys((*warnings, *best.warnings, "PREVIEW_ONLY"))),
            metadata=metadata,
        )
    if isinstance(failure, DecodeError):
        raise failure
    raise _refusal(buffer, sniffed, facts, failure, name) from failure


def _facts(raw: rawpy.RawPy) -> _Facts:
    sizes = raw.sizes
    width, height, aspect = sizes.width, sizes.height, sizes.pixel_aspect
    if aspect > 1:  # LibRaw stretches the shorter side of pixels that are not square
        width = int(width * aspect + 0.5)
    elif 0 < aspect < 1:
        height = int(height / aspect + 0.5)
    flip = sizes.flip & 7
    if flip & 4:
        width, height = height, width
    return _Facts(width, height, _ORIENTATION_OF_FLIP[flip])


def _declared_facts(buffer: bytes, metadata: PhotoMetadata) -> _Facts:
    """What the directories declare of a file that LibRaw refuses; sizes are 0 where they say nothing."""
    sizes = [
        (directory.integer(_WIDTH) or 0, directory.integer(_HEIGHT) or 0)
        for directory in _directories(buffer)
        if directory.integer(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS
    ]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    if metadata.orientation in _QUARTER_TURNS:
        width, height = height, width
    return _Facts(width, height, metadata.orientation)


# Embedded previews


@dataclass(frozen=True)
class _Preview:
    """An embedded picture as stored: a JPEG file or pixels uint8 [h, w, 3]."""

    jpeg: bytes | None = None
    pixels: Pixels | None = None


def _previews(raw: rawpy.RawPy, buffer: bytes, sniffed: Sniffed) -> Iterator[_Preview]:
    """LibRaw's choice (the largest it knows), then whatever else the directories point to."""
    try:
        thumb = raw.extract_thumb()
    except _RAW_ERRORS:
        thumb = None
    if thumb is not None:
        if thumb.format == rawpy.ThumbFormat.JPEG:
            yield _Preview(jpeg=bytes(thumb.data))
        elif getattr(thumb.data, "ndim", 0) == 3 and thumb.data.dtype == np.uint8:
            yield _Preview(pixels=thumb.data)
    yield from _scanned_previews(buffer, sniffed)


def _scanned_previews(buffer: bytes, sniffed: Sniffed) -> list[_Preview]:
    """The JPEG pictures that the file's own structure points to, largest first."""
    ranges: set[tuple[int, int]] = set()
    if sniffed.format == "RAF":
        ranges.add((int.from_bytes(buffer[84:88], "big"), int.from_bytes(buffer[88:92], "big")))
    else:
        for directory in _directories(buffer):
            offset, size = directory.integer(_JPEG_OFFSET), directory.integer(_JPEG_BYTES)
            if offset and size:
                ranges.add((offset, size))
            offsets, sizes = directory.integers(_STRIP_OFFSETS), directory.integers(_STRIP_BYTES)
            if directory.integer(_COMPRESSION) in (6, 7) and len(offsets) == len(sizes) == 1:
                ranges.add((offsets[0], sizes[0]))
    found = sorted(ranges, key=lambda place: -place[1])[:4]
    return [
        _Preview(jpeg=buffer[start : start + size])
        for start, size in found
        if buffer[start : start + 3] == b"\xff\xd8\xff"
    ]


def _decode_preview(preview: _Preview, facts: _Facts, name: str, preview_px: int, max_pixels: int) -> Raster | None:
    """The preview turned upright; None when it cannot be decoded, is blank or its orientation is a riddle."""
    try:
        if preview.jpeg is not None:
            stored, tag = _jpeg_head(preview.jpeg)
            orientation = _preview_orientation(stored, tag, facts)
            if orientation is None:
                return None
            decoded = decode_raster(
                preview.jpeg,
                _JPEG,
                name=f"the preview in {name}",
                preview_px=preview_px,
                max_pixels=max_pixels,
                orientation=orientation,
            )
        elif preview.pixels is not None:
            height, width = preview.pixels.shape[:2]
            orientation = _preview_orientation((width, height), None, facts)
            if orientation is None:
                return None
            image = orient(Image.fromarray(preview.pixels), orientation)
            image_size = image.size
            image = reduce_to(image, fit_within(*image_size, preview_px))
            decoded = Raster(np.asarray(image), *image_size, "raster", (), PhotoMetadata())
        else:
            return None
    except (DecodeError, *_RAW_ERRORS):
        return None
    return None if _is_blank(decoded.pixels) else replace(decoded, rung="embedded_preview")


_JPEG = Sniffed("JPEG", "image/jpeg", "raster")


def _jpeg_head(jpeg: bytes) -> tuple[tuple[int, int], int | None]:
    """A JPEG's stored size and the orientation it is tagged with."""
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        exif = image.info.get("exif")
        tag = read_metadata(exif_directories(exif)).orientation if isinstance(exif, bytes) else None
        return image.size, tag


def _preview_orientation(stored: tuple[int, int], tag: int | None, facts: _Facts) -> int | None:
    """How to turn a preview. Its own tag counts where the result then has the photo's shape.

    Makers differ: most store previews unturned as the sensor saw them, tagged or not; some store them upright,
    and LibRaw tags those for a second turn. None when no reading gives the photo's shape.
    """
    own = tag or facts.orientation or 1
    if not facts.width or _squarish(*stored) or _squarish(facts.width, facts.height):
        return own
    turned = (stored[0] > stored[1]) != (facts.width > facts.height)
    if turned:
        return next((value for value in (own, facts.orientation) if value in _QUARTER_TURNS), None)
    return own if own not in _QUARTER_TURNS else 1


def _squarish(width: int, height: int) -> bool:
    return max(width, height) <= 1.05 * min(width, height)


def _is_blank(pixels: Pixels) -> bool:
    low, high = np.percentile(pixels[::4, ::4], (0.5, 99.5))
    return bool(high - low <= _BLANK_SPREAD)


def _rescue(
    previews: list[_Preview],
    facts: _Facts,
    metadata: PhotoMetadata,
    warnings: tuple[str, ...],
    name: str,
    preview_px: int,
    max_pixels: int,
) -> Raster | None:
    """The best preview of a file that LibRaw refuses, if it is large enough to show the photo."""
    for preview in previews:
        decoded = _decode_preview(preview, facts, name, preview_px, max_pixels)
        if decoded is not None and max(decoded.width, decoded.height) >= _LEAST_PREVIEW_PX:
            found = tuple(dict.fromkeys((*warnings, *decoded.warnings, "PREVIEW_ONLY")))
            width, height = (facts.width, facts.height) if facts.width else (decoded.width, decoded.height)
            return replace(decoded, width=width, height=height, warnings=found, metadata=metadata)
    return None


# Developing sensor data


def _developed(raw: rawpy.RawPy, facts: _Facts, metadata: PhotoMetadata, target: tuple[int, int], name: str) -> Raster:
    """Half size where that is enough for the preview, else full size. Raises `DECODE_BLANK`, `TRUNCATED`."""
    lost = _missing_rows(raw)
    if lost >= 1:
        raise DecodeError("DECODE_BLANK", f"{name} holds no sensor data: LibRaw answers one flat value.")
    if lost > 0.75:
        raise DecodeError("TRUNCATED", f"{name} is cut: {lost:.0%} of its sensor rows are missing.")
    half = max(facts.width, facts.height) // 2 >= _ENOUGH_OF_TARGET * max(target)
    pixels = raw.postprocess(use_camera_wb=True, half_size=half, output_bps=8)
    if _is_blank(pixels):
        raise DecodeError("DECODE_BLANK", f"{name} develops to one flat colour.")
    developed_long = max(pixels.shape[:2])
    rung = "half_size" if half and developed_long < max(facts.width, facts.height) else "full"
    height, width = pixels.shape[:2]
    image = reduce_to(Image.fromarray(pixels), fit_within(width, height, max(target)))
    warnings = ("TRUNCATED",) if lost > 0.02 else ()
    return Raster(np.asarray(image), facts.width, facts.height, rung, warnings, metadata)


def _missing_rows(raw: rawpy.RawPy) -> float:
    """The share of sensor rows at the bottom that hold one value: where a cut file was filled up."""
    if raw.raw_type != rawpy.RawType.Flat:
        return 0.0
    mosaic = raw.raw_image_visible
    flat = mosaic.max(axis=1) == mosaic.min(axis=1)
    return 1.0 if flat.all() else float(np.argmin(flat[::-1])) / len(flat)


# Whether the sensor data is there


def _directories(buffer: bytes) -> list[Directory]:
    try:
        return list(Tiff(buffer).directories())
    except TiffError:
        return []


def _sensor_data_missing(buffer: bytes, sniffed: Sniffed, facts: _Facts) -> bool:
    """Whether the file cannot hold the sensor data it declares. Asked before LibRaw, which may not notice."""
    if len(buffer) < _LEAST_BYTES_PER_PIXEL * facts.width * facts.height:
        return True
    if sniffed.format == "CR3":
        view = memoryview(buffer)
        return any(box.lacking for box in boxes(view, 0, len(view)))
    if sniffed.format == "RAF":
        start, size = (int.from_bytes(buffer[at : at + 4], "big") for at in (100, 104))
        return start + size > len(buffer)
    return any(
        start + size > len(buffer)
        for directory in _directories(buffer)
        if directory.integer(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS
        for start, size in directory.extents()
    )


def _refusal(buffer: bytes, sniffed: Sniffed, facts: _Facts, error: BaseException | None, name: str) -> DecodeError:
    size = f"{len(buffer):,} bytes"
    if facts.width and _sensor_data_missing(buffer, sniffed, facts):
        return DecodeError(
            "TRUNCATED",
            f"{name} ({size}) ends before the sensor data of its {facts.width} x {facts.height} pixels does, "
            "and it carries no usable preview.",
        )
    if isinstance(error, rawpy.LibRawIOError) or _is_cut(buffer):
        return DecodeError("TRUNCATED", f"{name} ({size}) is cut: its {sniffed.format} data points beyond its end.")
    if len(buffer) < _LEAST_RAW_BYTES:
        return DecodeError("CORRUPT", f"{name} ({size}) is too small to hold a {sniffed.format} photo.")
    if isinstance(error, rawpy.LibRawFileUnsupportedError) and sniffed.format in _WHOLLY_SUPPORTED:
        return DecodeError("CORRUPT", f"{name} ({size}) is cut or damaged: its {sniffed.format} structure is broken.")
    if isinstance(error, rawpy.LibRawFileUnsupportedError):
        return DecodeError(
            "UNSUPPORTED_FORMAT",
            f"{name} is a {sniffed.format} file that LibRaw cannot develop, and it carries no usable preview.",
        )
    return DecodeError(
        "DECODE_RAW",
        f"{name} is a {sniffed.format} file that LibRaw cannot develop ({_words(error)}), "
        "and it carries no usable preview.",
    )


def _is_cut(buffer: bytes) -> bool:
    try:
        return Tiff(buffer).is_cut()
    except TiffError:
        return False


def _words(error: BaseException | None) -> str:
    if error is None or not error.args:
        return type(error).__name__
    first = error.args[0]
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


# Metadata


def _completed(metadata: PhotoMetadata, raw: rawpy.RawPy, sniffed: Sniffed) -> PhotoMetadata:
    """What only the maker's notes say, as LibRaw reads them: ISO, lens; everything for X3F, which has no EXIF.

    Asked only after developing: rawpy unpacks the sensor data to answer, which costs more than a preview.
    """
    try:
        other, lens = raw.other, raw.lens
    except _RAW_ERRORS:
        return metadata
    found: dict[str, object] = {}
    if metadata.iso is None and sniffed.format != "KDC" and 1 <= other.iso_speed < 1e7:
        found["iso"] = round(other.iso_speed)  # for Kodak's KDC LibRaw guesses
    if metadata.lens is None and lens.model:
        found["lens"] = lens.model.strip() or None
    if sniffed.format == "X3F":
        if other.timestamp and other.timestamp.year > 1990:
            found |= {"taken_at": other.timestamp.replace(tzinfo=None), "taken_at_source": "raw"}
        if other.shutter_speed > 0:
            found["exposure_s"] = other.shutter_speed
        if other.aperture > 0:
            found["f_number"] = other.aperture
        if other.focal_length > 0:
            found["focal_length_mm"] = other.focal_length
    return replace(metadata, **found) if found else metadata  # type: ignore[arg-type]
