"""HEIC and HEIF through libheif: the container's rotation only, and never a picture with tiles missing."""

from __future__ import annotations

import numpy as np
import pillow_heif
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.blocks import metadata_or_warning, photo_metadata
from resources.imaging.color import coded_to_srgb, flatten_depth, to_srgb
from resources.imaging.heif_track import still_of_sequence
from resources.imaging.isobmff import Container
from resources.imaging.previews import fit_within, least, reduce_rows, reduce_to
from resources.imaging.raster import PILLOW_ERRORS, Raster, check_container, check_size, padded
from resources.imaging.sniff import Sniffed

__all__ = ["decode_heif"]

_HEIC = Sniffed("HEIC", "image/heic", "heif")


def decode_heif(buffer: bytes, *, name: str, preview_px: int, max_pixels: int) -> Raster:
    """One HEIC picture. EXIF orientation is information there: libheif has applied the container's rotation.

    Raises `DecodeError`: `TRUNCATED` where libheif would fill missing tiles with green.
    """
    container = Container.parse(buffer)
    if (container is None or not container.items) and (still := still_of_sequence(buffer)):
        buffer, container = still, Container.parse(still)
    warnings: list[str] = []
    if container is not None:
        for item in container.coded_items(container.primary):
            check_size(item.width or 1, item.height or 1, max_pixels, name)
        warnings += check_container(container, name)
    try:
        opened = pillow_heif.open_heif(padded(buffer, container), convert_hdr_to_8bit=True)
        item = opened[opened.primary_index]
        width, height = item.size
        check_size(width, height, max_pixels, name)
        source = _large_thumbnail(item, fit_within(width, height, preview_px))
        rung = "raster" if source is None else "embedded_preview"
        if source is None:
            source = item
            item.load()
            width, height = item.size  # what is declared may differ from what is coded
        image = _reduced(source, fit_within(width, height, preview_px))
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except PILLOW_ERRORS as error:
        code = "TRUNCATED" if isinstance(error, EOFError) or "end of file" in str(error).lower() else "CORRUPT"
        words = str(error).rstrip(".") or type(error).__name__
        raise DecodeError(code, f"{name} holds damaged HEIC data: {words}.") from error
    warnings += _check_filled(image, name)
    icc = item.info.get("icc_profile")
    pixels = np.asarray(to_srgb(image, icc))
    if not icc and container is not None and (coded := container.color_code()):
        pixels = coded_to_srgb(pixels, coded)
    metadata, faults = metadata_or_warning(lambda: photo_metadata(buffer, _HEIC))
    return Raster(pixels, width, height, rung, (*warnings, *faults), metadata)


# What code values of zero come out as: BT.601 and BT.709, full and limited range.
_ZERO_GREENS, _BLOCK_PX, _MOST_FILLED = (77, 84, 135), 16, 0.75


def _check_filled(image: Image.Image, name: str) -> list[str]:
    """Warns of areas that libheif filled with the green of zeros; raises `CORRUPT` where hardly anything else is."""
    if image.mode != "RGB":
        return []
    pixels = np.asarray(image)
    green = np.isin(pixels[..., 1], [value + off for value in _ZERO_GREENS for off in (-1, 0, 1)])
    filled = green & (pixels[..., 0] == 0) & (pixels[..., 2] == 0)
    rows, columns = (length // _BLOCK_PX for length in filled.shape)
    if not rows or not columns or not filled.any():
        return []
    blocks = filled[: rows * _BLOCK_PX, : columns * _BLOCK_PX].reshape(rows, _BLOCK_PX, columns, _BLOCK_PX)
    share = float(blocks.all(axis=(1, 3)).mean())
    if share > _MOST_FILLED:
        raise DecodeError("CORRUPT", f"{name} is damaged: {share:.0%} of its HEIC picture cannot be decoded.")
    return ["CORRUPT"] if share else []


def _reduced(source: pillow_heif.heif.BaseImage, size: tuple[int, int]) -> Image.Image:
    if source.mode in ("L", "RGB", "RGBA"):
        return reduce_rows(np.asarray(source), size)
    return reduce_to(to_srgb(flatten_depth(source.to_pillow()), None), size)


def _large_thumbnail(item: pillow_heif.HeifImage, target: tuple[int, int]) -> pillow_heif.heif.BaseImage | None:
    """An embedded thumbnail that is large enough to make the preview from, in the picture's own proportions."""
    for index in range(len(item.info.get("thumbnails", ()))):
        try:
            thumbnail = item.get_thumbnail(index)
            width, height = thumbnail.size
            if width < least(target)[0] or height < least(target)[1] or thumbnail.mode != item.mode:
                continue
            if abs(width * item.size[1] - height * item.size[0]) <= 2 * max(item.size):
                thumbnail.load()
                return thumbnail
        except PILLOW_ERRORS:  # some cameras declare another size than they encode; the picture itself is fine
            continue
    return None
