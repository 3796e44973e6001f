"""Photos that Pillow decodes: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000.

The order matters for speed: sizes are checked before a pixel is decoded, JPEG is scaled while it is decoded
(`draft`, before anything loads), and colour, alpha and rotation are done on the reduced picture.
"""

from __future__ import annotations

import io
import struct
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO, cast

import numpy as np
from PIL import (  # the imports register the openers; `Image.open` would otherwise import every plugin there is
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from resources.errors import DecodeError
from resources.imaging import png
from resources.imaging.color import coded_to_srgb, flatten_depth, to_srgb
from resources.imaging.iptc import photoshop_iptc
from resources.imaging.isobmff import Container
from resources.imaging.metadata import (
    ExifDirectories,
    PhotoMetadata,
    exif_directories,
    read_metadata,
)
from resources.imaging.previews import Pixels, fit_within, orient, reduce_to
from resources.imaging.quiet import silenced
from resources.imaging.sniff import Sniffed
from resources.imaging.tiff import Directory, PageFile, Tiff, TiffError

__all__ = ["Raster", "TiffPage", "check_size", "decode_raster"]

_OPENERS = {
    "JPEG": JpegImagePlugin.JpegImageFile.format,
    "PNG": PngImagePlugin.PngImageFile.format,
    "WEBP": WebPImagePlugin.WebPImageFile.format,
    "GIF": GifImagePlugin.GifImageFile.format,
    "BMP": BmpImagePlugin.BmpImageFile.format,
    "TIFF": TiffImagePlugin.TiffImageFile.format,
    "JP2": Jpeg2KImagePlugin.Jpeg2KImageFile.format,
    "AVIF": AvifImagePlugin.AvifImageFile.format,
}
assert MpoImagePlugin  # imported for what it registers

# What Pillow raises for bad bytes, by reading its plugins and by fuzzing; anything else is a fault of ours.
PILLOW_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    SyntaxError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
)

# The readable share of a cut JPEG below which it is refused: less is a strip that shows and matches nothing.
_LEAST_READABLE = 0.25

# Pixels per byte of a run-length BMP. The coding reaches 128; beyond, Pillow spends minutes on blank rows.
_MOST_RLE = 256

# Bytes that are made up for a container whose picture is whole but whose last box is cut.
_MOST_PADDING = 64 << 20

_EOI = b"\xff\xd9"


@dataclass(frozen=True)
class Raster:
    """Upright preview pixels uint8 [h, w, 3], the upright full size, and how they came about."""

    pixels: Pixels
    width: int
    height: int
    rung: str
    warnings: tuple[str, ...]
    metadata: PhotoMetadata


def check_size(width: int, height: int, max_pixels: int, name: str) -> None:
    """Refuses declared sizes before anything is decoded. Raises `TOO_LARGE` or `CORRUPT`."""
    if width <= 0 or height <= 0:
        raise DecodeError("CORRUPT", f"{name} declares a size of {width} x {height} pixels.")
    if width * height > max_pixels:
        raise DecodeError(
            "TOO_LARGE",
            f"{name} declares {width} x {height} pixels, more than the {max_pixels:,} that are decoded "
            "(setting max_pixels).",
            width=width,
            height=height,
            max_pixels=max_pixels,
        )


def check_container(container: Container | None, name: str) -> list[str]:
    """Refuses a container whose main picture is not all in the file; warns where something else is missing.

    Raises `TRUNCATED`.
    """
    if container is None:
        return []
    missing = container.missing_share(container.primary)
    if missing:
        raise DecodeError(
            "TRUNCATED",
            f"{name} is cut or was copied in part: {missing:.0%} of its picture data is not in the file.",
            missing=round(missing, 3),
        )
    return ["TRUNCATED"] if container.missing_bytes else []


def padded(buffer: bytes, container: Container | None) -> bytes:
    """A container with what is cut off after its picture made up as zeros: the decoders would refuse the whole."""
    if container is None or not 0 < container.missing_bytes <= _MOST_PADDING:
        return buffer
    return buffer + bytes(container.missing_bytes)


def decode_raster(
    buffer: bytes,
    sniffed: Sniffed,
    *,
    name: str,
    preview_px: int,
    max_pixels: int,
    orientation: int | None = None,
    page: TiffPage | None = None,
) -> Raster:
    """One picture through Pillow, turned by `orientation` where given, else by its own. Raises `DecodeError`.

    `page` names one of several pictures of a TIFF; without it the first is read.
    """
    warnings: list[str] = []
    if sniffed.format == "PNG":
        buffer, warnings = png.checked(buffer, name)
    elif sniffed.format == "WEBP":
        if int.from_bytes(buffer[4:8], "little") + 8 > len(buffer) + 1:
            raise DecodeError("TRUNCATED", f"{name} ends before its WebP picture does; copy it again from the source.")
        if not any(buffer[-64:]):
            warnings.append("TRUNCATED")  # compressed data does not end in zeros: a copy that was never finished
    elif sniffed.format == "AVIF":
        container = Container.parse(buffer)
        warnings += check_container(container, name)
        buffer = padded(buffer, container)
    try:
        source = _tiff_file(buffer, page) if sniffed.format == "TIFF" else io.BytesIO(buffer)
        with Image.open(source, formats=[_OPENERS[sniffed.format]]) as image:
            return _decode(image, buffer, sniffed, warnings, name, preview_px, max_pixels, orientation, page)
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except PILLOW_ERRORS as error:
        raise _plain(error, buffer, sniffed, name) from error


def _decode(
    image: Image.Image,
    buffer: bytes,
    sniffed: Sniffed,
    warnings: list[str],
    name: str,
    preview_px: int,
    max_pixels: int,
    given_orientation: int | None,
    page: TiffPage | None,
) -> Raster:
    check_size(*image.size, max_pixels, name)
    if any(
        tile[0] == "bmp_rle" for tile in getattr(image, "tile", ())
    ) and image.width * image.height > _MOST_RLE * len(buffer):
        raise DecodeError("TOO_LARGE", f"{name} holds run lengths that expand like a bomb.")
    width, height = image.size
    target = fit_within(width, height, preview_px)
    rung = "raster"
    if sniffed.format == "JPEG":
        image.draft("RGB", target)
        rung = "draft" if image.size != (width, height) else "raster"
    icc = image_icc = image.info.get("icc_profile")
    bits = _declared_bits(image)
    try:
        with silenced() if sniffed.format == "TIFF" else nullcontext():
            image.load()
    except OSError:
        if sniffed.format != "JPEG":
            raise
        image = _readable_part(buffer, target, name)
        warnings.append("TRUNCATED")
    else:
        if sniffed.format == "JPEG" and _tail_is_missing(buffer):
            _check_readable(image, name)
            warnings.append("TRUNCATED")
    metadata, orientation = _metadata(image, buffer, sniffed, page)  # after loading: PNG may carry it at its end
    orientation = given_orientation or orientation
    if sniffed.format == "TIFF":  # Pillow turns TIFF upright while loading
        orientation = 1
        width, height = image.size
        target = fit_within(width, height, preview_px)
    image = flatten_depth(image, bits)
    if image.mode not in ("L", "RGB", "CMYK", "RGBA", "LA") or "transparency" in image.info:
        image = to_srgb(image, icc)
        icc = None
    image = to_srgb(reduce_to(image, target), icc)
    if sniffed.format == "AVIF" and not image_icc and (container := Container.parse(buffer)):
        image = Image.fromarray(coded_to_srgb(np.asarray(image), *container.color_code()))
    image = orient(image, orientation)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Raster(np.asarray(image), width, height, rung, tuple(dict.fromkeys(warnings)), metadata)


def _metadata(image: Image.Image, buffer: bytes, sniffed: Sniffed, page: TiffPage | None) -> tuple[PhotoMetadata, int]:
    """What the file says, and the orientation to apply to the pixels as they are decoded."""
    info = image.info
    if sniffed.format == "AVIF":
        # Pillow writes the container's rotation into the EXIF block it hands out; that is what to apply. What
        # the photo itself says is read from the container.
        apply = read_metadata(exif_directories(info.get("exif"))).orientation or 1
        container = Container.parse(buffer)
        metadata = (
            read_metadata(exif_directories(container.exif()), container.xmp())
            if container
            else read_metadata(exif_directories(info.get("exif")), info.get("xmp"))
        )
        return metadata, apply
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or info.get("Raw profile type xmp")
    exif = info.get("exif")
    iptc: bytes | None = None
    if sniffed.format == "TIFF":
        directories = exif_directories(buffer)
        if page is not None:
            directories = page.exif_directories()
        main = directories.main
        if main is not None:
            xmp = main.blob(_TIFF_XMP) or xmp
            iptc = main.blob(_TIFF_IPTC) or photoshop_iptc(main.blob(_TIFF_PHOTOSHOP))
    else:
        directories = exif_directories(exif if isinstance(exif, bytes) else png.raw_profile(info))
        resources = info.get("photoshop")
        if isinstance(resources, dict):
            iptc = resources.get(0x0404)
    if isinstance(xmp, str):
        xmp = xmp.encode("utf-8", "surrogateescape")
    metadata = read_metadata(directories, xmp if isinstance(xmp, bytes) else None, iptc)
    return metadata, metadata.orientation or 1


_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP, _TIFF_BITS_PER_SAMPLE = 700, 33723, 34377, 258


def _declared_bits(image: Image.Image) -> int | None:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (16,))
        return int(bits[0]) if isinstance(bits, tuple) else int(bits)
    return None


def _tail_is_missing(buffer: bytes) -> bool:
    """Whether a JPEG ends in zeros with no end marker before them: a copy that was never finished.

    Zeros after the end marker are padding that some cameras write.
    """
    if buffer[-64:].strip(b"\0"):
        return False
    return not buffer.rstrip(b"\0").endswith(_EOI)


def _readable_part(buffer: bytes, target: tuple[int, int], name: str) -> Image.Image:
    """The part of a cut JPEG that is there, the rest flat grey: libjpeg fills it in when an end marker follows."""
    image = Image.open(io.BytesIO(buffer.rstrip(b"\0") + _EOI), formats=["JPEG"])
    image.draft("RGB", target)
    try:
        image.load()
    except PILLOW_ERRORS as error:
        raise DecodeError("TRUNCATED", f"{name} ends before its picture does; nothing of it is readable.") from error
    _check_readable(image, name)
    return image


def _check_readable(image: Image.Image, name: str) -> None:
    """Raises `TRUNCATED` when too little of a cut picture is there."""
    rows = np.asarray(image.convert("L").resize((64, min(image.height, 512)), Image.Resampling.BOX))
    # A row that is missing is one flat value, the same as the last one.
    spread = rows.max(axis=1).astype(int) - rows.min(axis=1)
    same = (spread <= 2) & (abs(rows.mean(axis=1) - rows[-1].mean()) <= 2)
    missing = len(same) if same.all() else int(np.argmin(same[::-1]))
    readable = 1 - missing / len(same)
    if readable < _LEAST_READABLE:
        raise DecodeError(
            "TRUNCATED",
            f"{name} ends before its picture does; only {readable:.0%} of the rows are readable.",
            readable=round(readable, 3),
        )


@dataclass(frozen=True)
class TiffPage:
    """One picture of a TIFF whose directory is not the first; `shared` is the document's changeable copy."""

    tiff: Tiff
    offset: int
    directory: Directory
    shared: bytearray

    def exif_directories(self) -> ExifDirectories:
        exif, gps = (self.tiff.child(self.directory, tag) for tag in (_EXIF_IFD, _GPS_IFD))
        return ExifDirectories(self.directory, exif, gps)


_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825


def _tiff_file(buffer: bytes, page: TiffPage | None) -> IO[bytes]:
    """What Pillow is to read for one picture of a TIFF: it knows no big-endian BigTIFF and no page by its place."""
    if buffer.startswith(b"MM\0+"):
        try:
            tiff = Tiff(buffer)
            directory = page.directory if page else tiff.first()
            return io.BytesIO((directory and tiff.as_classic(directory)) or buffer)
        except (TiffError, ValueError, struct.error):
            return io.BytesIO(buffer)
    if page is not None:
        return cast("IO[bytes]", PageFile(page.shared, page.offset, page.tiff))
    return io.BytesIO(buffer)


def _is_cut_tiff(buffer: bytes) -> bool:
    try:
        return Tiff(buffer).is_cut()
    except TiffError:
        return False


def _plain(error: BaseException, buffer: bytes, sniffed: Sniffed, name: str) -> DecodeError:
    """Pillow's many exceptions as one of ours, in words."""
    text = str(error).lower()
    kind = sniffed.format
    if kind == "TIFF" and _is_cut_tiff(buffer):
        return DecodeError("TRUNCATED", f"{name} is cut: its TIFF structure points beyond its end.")
    if "truncated" in text or "not enough image data" in text or "end of file" in text or isinstance(error, EOFError):
        return DecodeError("TRUNCATED", f"{name} ends before its {kind} picture does; copy it again from the source.")
    if isinstance(error, UnidentifiedImageError):
        return DecodeError("CORRUPT", f"{name} begins like {kind}, but its header is damaged.")
    if kind == "WEBP" and "decoder object" in text:
        return DecodeError("CORRUPT", f"{name} is cut or damaged: the WebP data cannot be decoded.")
    return DecodeError(
        "CORRUPT", f"{name} holds damaged {kind} data: {str(error).rstrip('.') or type(error).__name__}."
    )
