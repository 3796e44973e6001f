"""HEIC and HEIF through libheif: the container's rotation only, and never a picture with tiles missing."""

from __future__ import annotations

import numpy as np
import pillow_heif
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.blocks import photo_metadata
from resources.imaging.color import coded_to_srgb, flatten_depth, to_srgb
from resources.imaging.isobmff import Container
from resources.imaging.previews import fit_within, reduce_rows, reduce_to
from resources.imaging.raster import PILLOW_ERRORS, Raster, check_container, check_size, padded
from resources.imaging.sniff import Sniffed

__all__ = ["decode_heif"]

_HEIC = Sniffed("HEIC", "image/heic", "heif")


def decode_heif(buffer: bytes, *, name: str, preview_px: int, max_pixels: int) -> Raster:
    """One HEIC picture. EXIF orientation is information there: libheif has applied the container's rotation.

    Raises `DecodeError`: `TRUNCATED` where libheif would fill missing tiles with green.
    """
    container = Container.parse(buffer)
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
    icc = item.info.get("icc_profile")
    pixels = np.asarray(to_srgb(image, icc))
    if not icc and container is not None and (coded := container.color_code()):
        pixels = coded_to_srgb(pixels, coded)
    metadata = photo_metadata(buffer, _HEIC)
    return Raster(pixels, width, height, rung, tuple(warnings), metadata)


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
            if width < target[0] or height < target[1] or thumbnail.mode != item.mode:
                continue
            if abs(width * item.size[1] - height * item.size[0]) <= 2 * max(item.size):
                thumbnail.load()
                return thumbnail
        except PILLOW_ERRORS:  # some cameras declare another size than they encode; the picture itself is fine
            continue
    return None
