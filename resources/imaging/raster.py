"""Photos that Pillow decodes: JPEG, PNG, WebP, GIF, BMP, AVIF, JPEG 2000 and the formats of other times.

The order matters for speed: sizes are checked before a pixel is decoded, JPEG and JPEG 2000 are scaled while they are
decoded (before anything loads), and colour, alpha and rotation are done on the reduced picture. What TIFF, Photoshop,
JPEG XL and HEIC need of their own stands in their modules; they end in `finished` here.
"""

from __future__ import annotations

import importlib
import io
import re
from dataclasses import dataclass

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
    UnidentifiedImageError,
    WebPImagePlugin,
)

from resources.errors import DecodeError
from resources.imaging import jpeg, jpeg2000, png
from resources.imaging.blocks import metadata_or_warning, photo_metadata
from resources.imaging.color import ADOBE_RGB, Coded, coded_to_srgb, flatten_depth, to_srgb
from resources.imaging.isobmff import Container
from resources.imaging.metadata import PhotoMetadata, exif_directories, read_metadata
from resources.imaging.netpbm import netpbm_picture
from resources.imaging.previews import Pixels, fit_within, least, near_enough, orient, reduce_to
from resources.imaging.sniff import Sniffed
from resources.imaging.tiff import Tiff, TiffError

__all__ = [
    "PILLOW_ERRORS",
    "Raster",
    "camera_color",
    "check_container",
    "check_size",
    "decode_raster",
    "finished",
    "padded",
]

_OPENERS = {
    "JPEG": JpegImagePlugin.JpegImageFile.format,
    "PNG": PngImagePlugin.PngImageFile.format,
    "WEBP": WebPImagePlugin.WebPImageFile.format,
    "GIF": GifImagePlugin.GifImageFile.format,
    "BMP": BmpImagePlugin.BmpImageFile.format,
    "JP2": Jpeg2KImagePlugin.Jpeg2KImageFile.format,
    "AVIF": AvifImagePlugin.AvifImageFile.format,
}
assert MpoImagePlugin  # imported for what it registers

# The rest by Pillow's module and its name for the format; imported when the first such file comes.
_RARE_OPENERS = {
    "BLP": ("BlpImagePlugin", "BLP"),
    "CUR": ("CurImagePlugin", "CUR"),
    "DCX": ("DcxImagePlugin", "DCX"),
    "DDS": ("DdsImagePlugin", "DDS"),
    "FITS": ("FitsImagePlugin", "FITS"),
    "FLI": ("FliImagePlugin", "FLI"),
    "FTEX": ("FtexImagePlugin", "FTEX"),
    "GBR": ("GbrImagePlugin", "GBR"),
    "ICNS": ("IcnsImagePlugin", "ICNS"),
    "ICO": ("IcoImagePlugin", "ICO"),
    "IM": ("ImImagePlugin", "IM"),
    "MCIDAS": ("McIdasImagePlugin", "MCIDAS"),
    "MSP": ("MspImagePlugin", "MSP"),
    "PCD": ("PcdImagePlugin", "PCD"),
    "PCX": ("PcxImagePlugin", "PCX"),
    "PIXAR": ("PixarImagePlugin", "PIXAR"),
    "PPM": ("PpmImagePlugin", "PPM"),
    "SGI": ("SgiImagePlugin", "SGI"),
    "SPIDER": ("SpiderImagePlugin", "SPIDER"),
    "SUN": ("SunImagePlugin", "SUN"),
    "TGA": ("TgaImagePlugin", "TGA"),
    "XBM": ("XbmImagePlugin", "XBM"),
    "XPM": ("XpmImagePlugin", "XPM"),
    "XVTHUMB": ("XVThumbImagePlugin", "XVThumb"),
}

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

# The readable share of a cut picture below which it is refused: less is a strip that shows and matches nothing.
LEAST_READABLE = 0.25

# Formats whose rows come one after the other, so that what a cut file still holds is one part of the picture.
_READABLE_IN_PART = {"PNG", "GIF", "BMP", "PPM", "PCX", "DCX", "SUN", "TGA", "SGI", "IM", "PIXAR"}
_MISSING_GREY = 128  # as libjpeg paints it

# Pixels per byte of a run-length BMP. The coding reaches 128; beyond, Pillow spends minutes on blank rows.
_MOST_RLE = 256

# Pixels of formats that Pillow decodes in Python, at about a microsecond each.
_SLOW_TILES = {"fits_gzip", "xpm", "BLP1", "BLP2", "MSP", "ppm_plain", "SGI16"}
_MOST_SLOW_PIXELS = 24_000_000

# Bytes that are made up for a container whose picture is whole but whose last box is cut.
_MOST_PADDING = 64 << 20

# Icons hold whole PNG and JPEG 2000 files, whose own size is what gets decoded.
_ICONS = {"ICO", "CUR", "ICNS"}
_EMBEDDED_SIZE = re.compile(rb"\x89PNG\r\n\x1a\n....IHDR(........)|ihdr(........)|\xff\x4f\xff\x51....(........)", re.S)


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


def finished(
    image: Image.Image,
    size: tuple[int, int],
    *,
    icc: bytes | None = None,
    bits: int | None = None,
    orientation: int = 1,
    coded: Coded | None = None,
) -> Pixels:
    """A decoded picture at `size` (as stored), in sRGB on white, turned by the EXIF `orientation`.

    `bits` is the depth that values of more than 8 bits were declared with, `coded` the colour space where a
    container names it by numbers.
    """
    coded = None if icc else coded
    image = flatten_depth(image, bits)
    if image.mode not in ("L", "RGB", "CMYK", "RGBA", "LA") or "transparency" in image.info:
        image = to_srgb(image, icc)
        icc = None
    image = to_srgb(reduce_to(image, size), icc)
    if coded is not None:
        image = Image.fromarray(coded_to_srgb(np.asarray(image), coded))
    return np.asarray(orient(image, orientation))


def decode_raster(
    buffer: bytes,
    sniffed: Sniffed,
    *,
    name: str,
    preview_px: int,
    max_pixels: int,
    orientation: int | None = None,
    coded: Coded | None = None,
) -> Raster:
    """One picture through Pillow, turned by `orientation` where given, else by its own. Raises `DecodeError`.

    `coded` is the colour space of a JPEG that carries no profile and says nothing of it itself.
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
    elif sniffed.format in _ICONS:
        _check_embedded_sizes(buffer, max_pixels, name)
    try:
        with _opened(buffer, sniffed, name, max_pixels) as image:
            return _decode(image, buffer, sniffed, warnings, name, preview_px, max_pixels, orientation, coded)
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except PILLOW_ERRORS as error:
        raise plain(error, sniffed, name) from error


def _opened(buffer: bytes, sniffed: Sniffed, name: str, max_pixels: int) -> Image.Image:
    if sniffed.format in ("PAM", "PFM"):
        return netpbm_picture(buffer, lambda width, height: check_size(width, height, max_pixels, name))
    if sniffed.format == "QOI":  # Pillow's decoder takes a minute for 12 megapixels, this one 40 ms
        import imagecodecs

        check_size(int.from_bytes(buffer[4:8], "big"), int.from_bytes(buffer[8:12], "big"), max_pixels, name)
        return Image.fromarray(imagecodecs.qoi_decode(buffer))
    form = _OPENERS.get(sniffed.format)
    if form is None:
        module, form = _RARE_OPENERS[sniffed.format]
        importlib.import_module(f"PIL.{module}")
    return Image.open(io.BytesIO(buffer), formats=[form])


def _decode(
    image: Image.Image,
    buffer: bytes,
    sniffed: Sniffed,
    warnings: list[str],
    name: str,
    preview_px: int,
    max_pixels: int,
    given_orientation: int | None,
    coded: Coded | None,
) -> Raster:
    check_size(*image.size, max_pixels, name)
    tiles = {tile[0] for tile in getattr(image, "tile", ())}
    if "bmp_rle" in tiles and image.width * image.height > _MOST_RLE * len(buffer):
        raise DecodeError("TOO_LARGE", f"{name} holds run lengths that expand like a bomb.")
    if tiles & _SLOW_TILES:
        check_size(*image.size, min(max_pixels, _MOST_SLOW_PIXELS), name)
    width, height = image.size
    target = fit_within(width, height, preview_px)
    rung = "raster"
    if sniffed.format == "JPEG":
        image.draft("RGB", least(target))
        rung = "draft" if image.size != (width, height) else "raster"
    elif sniffed.format == "JP2":
        image, rung = jpeg2000.loaded(image, buffer, target)
    icc = image.info.get("icc_profile")
    try:
        image.load()
    except OSError as error:
        if sniffed.format == "JPEG":
            image = jpeg.readable_part(buffer, least(target), name)
            _check_readable(jpeg.missing_rows(image), name)
        else:
            image = _readable_part(image, sniffed, error, name)
        warnings.append("TRUNCATED")
    else:
        if sniffed.format == "JPEG" and jpeg.is_incomplete(buffer, image):
            _check_readable(jpeg.missing_rows(image), name)
            warnings.append("TRUNCATED")
        elif sniffed.format in _ICONS:  # the largest picture inside may differ from what the icon's list says
            width, height = image.size
            target = fit_within(width, height, preview_px)
    # A picture inside another photo is turned as that one says, and has nothing to add to what it says.
    metadata = PhotoMetadata()
    if not given_orientation:
        metadata, faults = metadata_or_warning(lambda: photo_metadata(buffer, sniffed))
        warnings.extend(faults)
    orientation = given_orientation or metadata.orientation or 1
    if sniffed.format == "AVIF":
        # Pillow writes the container's rotation, which it has not applied, into the EXIF block it hands out.
        left, faults = metadata_or_warning(lambda: read_metadata(exif_directories(image.info.get("exif"))))
        orientation = left.orientation or 1
        warnings.extend(faults)
        container = Container.parse(buffer)
        coded = container.color_code() if container else None
    elif sniffed.format == "PNG":
        coded = png.color_code(buffer)
        icc = icc if coded is None else None  # cICP goes before a profile
    elif sniffed.format == "JPEG":
        coded = _jpeg_color(image) or coded
    elif sniffed.format == "JP2":
        icc = jpeg2000.profile(buffer)
    if near_enough(image.size, target):
        target = image.size
    pixels = finished(image, target, icc=icc, orientation=orientation, coded=coded)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Raster(pixels, width, height, rung, tuple(dict.fromkeys(warnings)), metadata)


def _check_embedded_sizes(buffer: bytes, max_pixels: int, name: str) -> None:
    for found in _EMBEDDED_SIZE.finditer(buffer):
        size = next(part for part in found.groups() if part)
        check_size(int.from_bytes(size[:4], "big"), int.from_bytes(size[4:], "big"), max_pixels, name)


_EXIF_IFD, _INTEROPERABILITY_IFD, _INTEROPERABILITY_INDEX, _COLOR_SPACE = 0x8769, 0xA005, 0x0001, 0xA001
_OLD_ADOBE_RGB = 2  # of ColorSpace: not in the standard, but written


def camera_color(tiff: Tiff) -> Coded | None:
    """The colour space that a camera was set to, from its EXIF structure; None for sRGB.

    Cameras mark Adobe RGB in the way of DCF 2.0, by index "R03", and store no profile.
    """
    exif = tiff.child(tiff.first(), _EXIF_IFD)
    index = tiff.child(exif, _INTEROPERABILITY_IFD)
    if index is not None and (index.text(_INTEROPERABILITY_INDEX) or "").startswith("R03"):
        return ADOBE_RGB
    return ADOBE_RGB if exif is not None and exif.integer(_COLOR_SPACE) == _OLD_ADOBE_RGB else None


def _jpeg_color(image: Image.Image) -> Coded | None:
    exif = image.info.get("exif")
    try:
        return camera_color(Tiff(exif.removeprefix(b"Exif\0\0"))) if isinstance(exif, bytes) else None
    except TiffError:
        return None


def _readable_part(image: Image.Image, sniffed: Sniffed, error: OSError, name: str) -> Image.Image:
    """What Pillow decoded before it gave up, the rest grey."""
    interlaced = bool(image.info.get("interlace")) or any(
        tile[0] == "gif" and tile[3][1] for tile in getattr(image, "tile", ())
    )
    if sniffed.format not in _READABLE_IN_PART or interlaced or image._im is None:
        raise error
    image.tile = []  # type: ignore[attr-defined] # done: Pillow would begin anew with every access
    grey = np.asarray(image.convert("L"))
    blank = (grey == grey[-1:, :1]).all(axis=1), (grey == grey[:1, :1]).all(axis=1)[::-1]
    below, above = (len(rows) if rows.all() else int(np.argmin(rows[::-1])) for rows in blank)
    _check_readable(max(below, above) / image.height, name)
    if above > below:  # stored from the bottom up
        return greyed(image, above, image.height)
    return greyed(image, 0, image.height - below)


def greyed(image: Image.Image, first: int, end: int) -> Image.Image:
    """The picture with everything but its rows from `first` to `end` in the grey that stands for missing data."""
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    grey = (_MISSING_GREY,) * len(image.getbands())
    for top, bottom in ((0, first), (end, image.height)):
        if top < bottom:
            image.paste(grey, (0, top, image.width, bottom))
    return image


def _check_readable(missing: float, name: str) -> None:
    """Raises `TRUNCATED` when too little of a cut picture is there. `missing` is a share of its rows."""
    readable = 1 - missing
    if readable < LEAST_READABLE:
        raise DecodeError(
            "TRUNCATED",
            f"{name} ends before its picture does; only {readable:.0%} of the rows are readable.",
            readable=round(readable, 3),
        )


def plain(error: BaseException, sniffed: Sniffed, name: str) -> DecodeError:
    """Pillow's many exceptions as one of ours, in words."""
    text = str(error).lower()
    kind = sniffed.format
    if "truncated" in text or "not enough image data" in text or "end of file" in text or isinstance(error, EOFError):
        return DecodeError("TRUNCATED", f"{name} ends before its {kind} picture does; copy it again from the source.")
    if isinstance(error, UnidentifiedImageError):
        return DecodeError("CORRUPT", f"{name} begins like {kind}, but its header is damaged.")
    if kind == "WEBP" and "decoder object" in text:
        return DecodeError("CORRUPT", f"{name} is cut or damaged: the WebP data cannot be decoded.")
    return DecodeError(
        "CORRUPT", f"{name} holds damaged {kind} data: {str(error).rstrip('.') or type(error).__name__}."
    )
