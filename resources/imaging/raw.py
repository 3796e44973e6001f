"""Camera RAW through a ladder: the embedded preview, else LibRaw at half size, else at full size.

An embedded preview costs a tenth of developing the sensor data, but it is taken only when it is large enough for
the photo and shows it (`raw_previews`). LibRaw is never believed without a check of its own: it answers stubs and
cut files with black or noise and no error.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
import rawpy
from numpy.typing import NDArray
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.blocks import metadata_or_warning, photo_metadata
from resources.imaging.isobmff import boxes
from resources.imaging.metadata import PhotoMetadata
from resources.imaging.previews import NEAR_ENOUGH, Pixels, fit_within, orient, reduce_to
from resources.imaging.quiet import silenced
from resources.imaging.raster import LEAST_READABLE, PILLOW_ERRORS, Raster, check_size, greyed
from resources.imaging.raw_previews import (
    QUARTER_TURNS,
    Preview,
    RawFacts,
    decode_preview,
    is_blank,
    show_one_picture,
    stored_previews,
)
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
# Bytes that are made up for a file whose last sensor rows are cut off.
_MOST_PADDING = 256 << 20
# Sensor rows that are looked at, and columns of each: enough to tell noise from one value.
_MOST_ROWS, _MOST_COLUMNS = 1 << 14, 256
# Of the sensor's range. A frame whose brightest parts stay below was taken in the dark: brightening it would show
# noise. A row of one value above is overexposed, not missing.
_DARK, _OVEREXPOSED = 0.02, 0.9
# Noise is as rough as this pixel by pixel (a uniform wall at ISO 25,600 reaches 10), and neighbours agree as little
# as this even in the reduced picture: there photographs reach 0.75 at least and 0.97 in the median over the samples,
# random sensor data 0.09 to 0.36.
_NOISE_SPREAD, _NOISE_CORRELATION, _NOISE_CROP_PX = 20.0, 0.4, 512

_RAW_ERRORS = (rawpy.LibRawError, *PILLOW_ERRORS)

# LibRaw's flip to EXIF orientation.
_ORIENTATION_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)

_WIDTH, _HEIGHT, _PHOTOMETRIC = 0x0100, 0x0101, 0x0106
_SENSOR_PHOTOMETRICS = {32803, 34892}


def decode_raw(buffer: bytes, sniffed: Sniffed, *, name: str, preview_px: int, max_pixels: int) -> Raster:
    """One RAW photo; `rung` says how far down the ladder it went.

    Warnings: "PREVIEW_ONLY" where the sensor data could not be developed and the preview is all there is,
    "TRUNCATED" where sensor data is missing from the file, "METADATA_UNREADABLE". Raises `DecodeError`.
    """
    metadata, faults = metadata_or_warning(lambda: photo_metadata(buffer, sniffed))
    raster = _decoded(buffer, sniffed, metadata, name, preview_px, max_pixels)
    return replace(raster, warnings=(*raster.warnings, *faults))


def _decoded(
    buffer: bytes, sniffed: Sniffed, metadata: PhotoMetadata, name: str, preview_px: int, max_pixels: int
) -> Raster:
    previews = stored_previews(buffer, sniffed)
    try:
        with silenced(), rawpy.imread(io.BytesIO(_padded(buffer))) as raw:
            return _ladder(raw, buffer, sniffed, previews, metadata, name, preview_px, max_pixels)
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except _RAW_ERRORS as error:
        # LibRaw does not know the camera or the header is damaged; the preview may still be whole.
        facts = _declared_facts(buffer, metadata)
        warnings = ("TRUNCATED",) if _is_cut(buffer) else ()
        rescued = _best(previews, facts, metadata, warnings, name, preview_px, max_pixels)
        if rescued is not None:
            return rescued
        raise _refusal(buffer, sniffed, facts, error, name) from error


def _ladder(
    raw: rawpy.RawPy,
    buffer: bytes,
    sniffed: Sniffed,
    previews: list[Preview],
    metadata: PhotoMetadata,
    name: str,
    preview_px: int,
    max_pixels: int,
) -> Raster:
    facts = _facts(raw)
    check_size(facts.width, facts.height, max_pixels, name)
    if sniffed.format == "X3F":
        metadata = _completed(metadata, raw, sniffed)
    present = _share_present(buffer, sniffed, facts)
    warnings = ("TRUNCATED",) if present < 1 else ()
    whole = _AS_GOOD_AS_FULL * max(facts.width, facts.height)
    enough = min(NEAR_ENOUGH * preview_px, whole)
    if not any(preview.long_edge >= enough and preview.rendered for preview in previews) and (
        largest := _preview_by_libraw(raw, previews)
    ):
        previews = [*previews, largest]
    for preview in previews:  # the smallest that is enough decodes fastest
        if preview.long_edge < (enough if preview.rendered else whole):
            continue
        decoded = decode_preview(preview, facts, name, preview_px, max_pixels)
        others = [other for other in previews if other is not preview]
        if decoded is not None and not decoded.warnings and show_one_picture(decoded, others, facts, name):
            return replace(decoded, width=facts.width, height=facts.height, warnings=warnings, metadata=metadata)

    failure: BaseException | None = None
    if present >= LEAST_READABLE:
        try:
            developed = _developed(raw, facts, metadata, preview_px, name)
            noted = tuple(dict.fromkeys((*warnings, *developed.warnings)))
            return replace(developed, warnings=noted, metadata=_completed(metadata, raw, sniffed))
        except MemoryError as error:
            raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to develop than there is.") from error
        except (DecodeError, *_RAW_ERRORS) as error:
            failure = error
    by_libraw = _preview_by_libraw(raw, previews)
    for found in (previews, [by_libraw] if by_libraw else []):
        best = _best(found, facts, metadata, warnings, name, preview_px, max_pixels)
        if best is not None:
            return best
    if isinstance(failure, DecodeError):
        raise failure
    raise _refusal(buffer, sniffed, facts, failure, name) from failure


def _facts(raw: rawpy.RawPy) -> RawFacts:
    sizes = raw.sizes
    width, height, aspect = sizes.width, sizes.height, sizes.pixel_aspect
    if aspect > 1:  # LibRaw stretches the shorter side of pixels that are not square
        width = int(width * aspect + 0.5)
    elif 0 < aspect < 1:
        height = int(height / aspect + 0.5)
    flip = sizes.flip & 7
    if flip & 4:
        width, height = height, width
    return RawFacts(width, height, _ORIENTATION_OF_FLIP[flip])


def _declared_facts(buffer: bytes, metadata: PhotoMetadata) -> RawFacts:
    """What the directories declare of a file that LibRaw refuses; sizes are 0 where they say nothing."""
    sizes = [
        (directory.integer(_WIDTH) or 0, directory.integer(_HEIGHT) or 0)
        for directory in _directories(buffer)
        if directory.integer(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS
    ]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    if metadata.orientation in QUARTER_TURNS:
        width, height = height, width
    return RawFacts(width, height, metadata.orientation)


def _preview_by_libraw(raw: rawpy.RawPy, known: list[Preview]) -> Preview | None:
    """LibRaw's choice, the largest it knows of: it finds what stands in makers' notes and blocks of their own.

    None where it is one of the `known`.
    """
    try:
        thumb = raw.extract_thumb()
    except _RAW_ERRORS:
        return None
    found: Preview | None = None
    data = thumb.data
    if thumb.format == rawpy.ThumbFormat.JPEG:
        found = Preview.of_jpeg(bytes(data))
    elif getattr(data, "ndim", 0) == 3 and data.dtype == np.uint8 and data.shape[2] == 3:
        found = Preview(data.shape[1], data.shape[0], pixels=data)
    sizes = {(preview.width, preview.height) for preview in known}
    return None if found is None or (found.width, found.height) in sizes else found


def _best(
    previews: list[Preview],
    facts: RawFacts,
    metadata: PhotoMetadata,
    warnings: tuple[str, ...],
    name: str,
    preview_px: int,
    max_pixels: int,
) -> Raster | None:
    """The largest preview that shows anything, where the sensor data cannot be developed."""
    for preview in reversed(previews):
        if preview.long_edge < _LEAST_PREVIEW_PX:
            return None
        decoded = decode_preview(preview, facts, name, preview_px, max_pixels, any_shape=True)
        if decoded is not None:
            found = tuple(dict.fromkeys((*warnings, *decoded.warnings, "PREVIEW_ONLY")))
            width, height = (decoded.width, decoded.height)
            if facts.shape_known:  # as large as the photo, in the shape that the preview was cropped to
                width, height = fit_within(100 * width, 100 * height, max(facts.width, facts.height))
                if abs(width - facts.width) <= 0.04 * width and abs(height - facts.height) <= 0.04 * height:
                    width, height = facts.width, facts.height
            return replace(decoded, width=width, height=height, warnings=found, metadata=metadata)
    return None


# Developing sensor data


@dataclass(frozen=True)
class _Sensor:
    """What a look at the sensor data tells."""

    lost: float  # share of rows at the bottom that hold one value: where a cut file was filled up
    dark: bool  # taken with the lens capped, or nearly so


def _developed(raw: rawpy.RawPy, facts: RawFacts, metadata: PhotoMetadata, preview_px: int, name: str) -> Raster:
    """Half size where that is enough for the preview, else full size. Raises `DECODE_BLANK`, `TRUNCATED`."""
    sensor = _look_at(raw)
    if sensor.lost >= 1:
        raise DecodeError("DECODE_BLANK", f"{name} holds no sensor data: LibRaw answers one flat value.")
    if sensor.lost > 1 - LEAST_READABLE:
        raise DecodeError("TRUNCATED", f"{name} is cut: {sensor.lost:.0%} of its sensor rows are missing.")
    half = max(facts.width, facts.height) // 2 >= _ENOUGH_OF_TARGET * min(preview_px, max(facts.width, facts.height))
    pixels: Pixels = raw.postprocess(
        use_camera_wb=True, half_size=half, output_bps=8, no_auto_bright=sensor.dark, user_flip=0
    )
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    height, width = pixels.shape[:2]
    image = reduce_to(Image.fromarray(pixels), fit_within(width, height, preview_px)).convert("RGB")
    if not sensor.dark:
        _check_developed(pixels, np.asarray(image), name)
    warnings: tuple[str, ...] = ()
    if sensor.lost > 0.02:
        warnings = ("TRUNCATED",)
        image = greyed(image, 0, round(image.height * (1 - sensor.lost)))
    upright = orient(image, facts.orientation)
    full = (facts.width, facts.height)
    if abs(upright.width * facts.height / (upright.height * facts.width) - 1) > 0.03:
        # Sensors that are read at an angle (Fuji's Super CCD) have another shape once developed.
        scale = 2 if half else 1
        full = (width * scale, height * scale)
        if facts.orientation in QUARTER_TURNS:
            full = full[::-1]
    rung = "half_size" if half and max(width, height) < max(facts.width, facts.height) else "full"
    return Raster(np.asarray(upright), *full, rung, warnings, metadata)


def _look_at(raw: rawpy.RawPy) -> _Sensor:
    if raw.raw_type != rawpy.RawType.Flat:
        return _Sensor(0.0, dark=False)
    mosaic = raw.raw_image_visible
    # One value of every colour in turn is what a row of one colour looks like.
    seen = mosaic[:: max(1, len(mosaic) // _MOST_ROWS), :: 1 + 2 * (mosaic.shape[1] // (2 * _MOST_COLUMNS))]
    black, white = float(min(raw.black_level_per_channel)), float(raw.white_level or 0)
    flat = (seen.max(axis=1) == seen.min(axis=1)) & (seen[:, 0] < _OVEREXPOSED * (white or np.inf))
    lost = 1.0 if flat.all() else float(np.argmin(flat[::-1])) / len(flat)
    bright = float(np.percentile(seen[::4], 99.9))
    return _Sensor(lost, dark=white > black and bright - black < _DARK * (white - black))


def _check_developed(pixels: Pixels, reduced: Pixels, name: str) -> None:
    """Raises `DECODE_BLANK` for what LibRaw makes of data that is no sensor's."""
    if is_blank(reduced) and reduced.mean() < 250:
        raise DecodeError("DECODE_BLANK", f"{name} develops to one flat colour.")
    top, left = (max(0, (length - _NOISE_CROP_PX) // 2) for length in pixels.shape[:2])
    middle = pixels[top : top + _NOISE_CROP_PX, left : left + _NOISE_CROP_PX]
    rough = float((middle[..., 1] if middle.ndim == 3 else middle).std()) >= _NOISE_SPREAD
    if rough and _neighbours_agree(reduced[..., 1].astype(np.float32)) < _NOISE_CORRELATION:
        raise DecodeError("DECODE_BLANK", f"{name} develops to noise: its sensor data is damaged.")


def _neighbours_agree(grey: NDArray[np.float32]) -> float:
    """Correlation of pixels with those beside or below them, whichever is stronger."""
    found = [
        float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
        for first, second in ((grey[:, :-1], grey[:, 1:]), (grey[:-1], grey[1:]))
        if first.size > 1
    ]
    return max((value for value in found if np.isfinite(value)), default=1.0)


# Whether the sensor data is there


def _directories(buffer: bytes) -> list[Directory]:
    try:
        return list(Tiff(buffer).directories())
    except TiffError:
        return []


def _sensor_extents(buffer: bytes) -> list[tuple[int, int]]:
    return [
        extent
        for directory in _directories(buffer)
        if directory.integer(_PHOTOMETRIC) in _SENSOR_PHOTOMETRICS
        for extent in directory.extents()
    ]


def _padded(buffer: bytes) -> bytes:
    """The file with cut-off sensor data made up as zeros, so that LibRaw gets to the part that is there."""
    extents = _sensor_extents(buffer)
    lacking = max((start + size for start, size in extents), default=0) - len(buffer)
    return buffer + bytes(lacking) if 0 < lacking <= min(_MOST_PADDING, 3 * len(buffer)) else buffer


def _share_present(buffer: bytes, sniffed: Sniffed, facts: RawFacts) -> float:
    """The share of the sensor data that the file can hold. Asked before LibRaw, which may not notice."""
    if len(buffer) < _LEAST_BYTES_PER_PIXEL * facts.width * facts.height:
        return 0.0
    if sniffed.format == "CR3":
        view = memoryview(buffer)
        return 0.0 if any(box.lacking for box in boxes(view, 0, len(view))) else 1.0
    if sniffed.format == "RAF":
        start, size = (int.from_bytes(buffer[at : at + 4], "big") for at in (100, 104))
        return 0.0 if start + size > len(buffer) else 1.0
    extents = _sensor_extents(buffer)
    claimed = sum(size for _, size in extents)
    there = sum(max(0, min(size, len(buffer) - start)) for start, size in extents)
    return there / claimed if claimed else 1.0


def _refusal(buffer: bytes, sniffed: Sniffed, facts: RawFacts, error: BaseException | None, name: str) -> DecodeError:
    size = f"{len(buffer):,} bytes"
    if facts.width and _share_present(buffer, sniffed, facts) < 1:
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
