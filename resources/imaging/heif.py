"""HEIC and HEIF through libheif: the container's rotation only, and never a picture with tiles missing."""

from __future__ import annotations

import numpy as np
import pillow_heif

from resources.errors import DecodeError
from resources.imaging.color import flatten_depth, to_srgb
from resources.imaging.isobmff import Container
from resources.imaging.metadata import exif_directories, read_metadata
from resources.imaging.previews import fit_within, reduce_to
from resources.imaging.raster import PILLOW_ERRORS, Raster, check_size

__all__ = ["decode_heif"]


def decode_heif(buffer: bytes, *, name: str, preview_px: int, max_pixels: int) -> Raster:
    """One HEIC picture. EXIF orientation is information there: libheif has applied the container's rotation.

    Raises `DecodeError`: `TRUNCATED` where libheif would fill missing tiles with green.
    """
    container = Container.parse(buffer)
    warnings: list[str] = []
    if container is not None:
        for item in container.coded_items(container.primary):
            check_size(item.width or 1, item.height or 1, max_pixels, name)
        missing = container.missing_share(container.primary)
        if missing:
            raise DecodeError(
                "TRUNCATED",
                f"{name} is cut or was copied in part: {missing:.0%} of its picture data is not in the file.",
                missing=round(missing, 3),
            )
        if container.cut_box:
            warnings.append("TRUNCATED")  # the main picture is whole; what follows it is not
    try:
        opened = pillow_heif.open_heif(buffer, convert_hdr_to_8bit=True)
        image_item = opened[opened.primary_index]
        width, height = image_item.size
        check_size(width, height, max_pixels, name)
        target = fit_within(width, height, preview_px)
        rung = "raster"
        source = _large_thumbnail(image_item, target)
        if source is not None:
            rung = "embedded_preview"
        else:
            source = image_item
        image = source.to_pillow()
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except PILLOW_ERRORS as error:
        if isinstance(error, DecodeError):
            raise
        code = "TRUNCATED" if isinstance(error, EOFError) or "end of file" in str(error).lower() else "CORRUPT"
        raise DecodeError(code, f"{name} is a HEIC file that cannot be decoded: {error}.") from error
    if rung == "raster":
        width, height = image.size
        target = fit_within(width, height, preview_px)
    icc = image.info.get("icc_profile") or image_item.info.get("icc_profile")
    image = flatten_depth(image)
    image = to_srgb(reduce_to(image, target), icc)
    metadata = read_metadata(
        exif_directories((container.exif() if container else None) or image_item.info.get("exif")),
        (container.xmp() if container else None) or image_item.info.get("xmp"),
    )
    return Raster(np.asarray(image), width, height, rung, tuple(warnings), metadata)


def _large_thumbnail(image: pillow_heif.HeifImage, target: tuple[int, int]) -> pillow_heif.heif.HeifThumbnail | None:
    """An embedded thumbnail that is large enough to make the preview from, in the picture's own proportions."""
    for index in range(len(image.info.get("thumbnails", ()))):
        thumbnail = image.get_thumbnail(index)
        width, height = thumbnail.size
        if width < target[0] or height < target[1] or thumbnail.mode != image.mode:
            continue
        if abs(width * image.size[1] - height * image.size[0]) <= 2 * max(image.size):
            return thumbnail
    return None
